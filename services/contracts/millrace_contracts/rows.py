"""Rows on their way in: what data jobs are asked, the report of a delivery, and what came of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
)

from millrace_contracts.counting import counted
from millrace_contracts.data import DataContract
from millrace_contracts.datasets import SchemaColumn
from millrace_contracts.deliveries import ArtifactSource, FeedbackSource, FileTitle, QuarantinedSource
from millrace_contracts.names import ColumnName, DataFormat, Digest, Name, TaskName, VersionNumber
from millrace_contracts.newcomers import KnownClasses
from millrace_contracts.parts import Strictly, Zone
from millrace_contracts.plain import plain
from millrace_contracts.shapes import Nested
from millrace_contracts.tables import Dialect, Rejects

SentText = Annotated[str, StringConstraints(max_length=100_000)]
SentCell = StrictBool | StrictInt | StrictFloat | SentText | Nested | None

EXAMPLES = 5
"""So many are kept of the cells that break a promise."""


UNREAD = "ingest"
"""The check of a delivery that was never read to its end: its job failed."""

KNOWN = "row was there already and counts once.", "rows were there already and count once."
CORRECTED = (
    "row corrects an earlier one with the same key.",
    "rows correct earlier ones with the same key.",
)


class Check(BaseModel):
    """One promise of the contract, held against the data."""

    check: str = Field(description="What was looked at, like 'type' or 'range'.")
    column: str | None
    verdict: Literal["passed", "noted", "failed"] = Field(
        description="noted: it keeps nothing from going on, and *mend* says what it means."
    )
    observed: str
    allowed: str
    rows: int = Field(description="Rows that break the promise.")
    examples: list[str] = Field(description="Up to five, with their row numbers where they have one.")
    mend: str

    @classmethod
    def passed(
        cls,
        check: str,
        observed: str,
        allowed: str,
        *,
        column: str | None = None,
        rows: int = 0,
        examples: Sequence[str] = (),
    ) -> "Check":
        """A promise that the data keeps; *rows* and *examples* of what is allowed to break it."""
        return cls._of("passed", check, observed, allowed, "", column=column, rows=rows, examples=examples)

    @classmethod
    def failed(
        cls,
        check: str,
        observed: str,
        allowed: str,
        mend: str,
        *,
        column: str | None = None,
        rows: int = 0,
        examples: Sequence[str] = (),
    ) -> "Check":
        """A promise that is broken, with what to do about it; of the *examples* five are kept."""
        return cls._of("failed", check, observed, allowed, mend, column=column, rows=rows, examples=examples)

    @classmethod
    def noted(
        cls,
        check: str,
        observed: str,
        allowed: str,
        mend: str,
        *,
        column: str | None = None,
        rows: int = 0,
        examples: Sequence[str] = (),
    ) -> "Check":
        """What keeps nothing from going on, with what it means."""
        return cls._of("noted", check, observed, allowed, mend, column=column, rows=rows, examples=examples)

    @classmethod
    def _of(
        cls,
        verdict: Literal["passed", "noted", "failed"],
        check: str,
        observed: str,
        allowed: str,
        mend: str,
        *,
        column: str | None,
        rows: int = 0,
        examples: Sequence[str] = (),
    ) -> "Check":
        return cls(
            check=check,
            column=column,
            verdict=verdict,
            observed=observed,
            allowed=allowed,
            rows=rows,
            examples=list(examples[:EXAMPLES]),
            mend=mend,
        )


class FailedCheck(BaseModel):
    """A promise that was broken: of one column, or of the whole."""

    check: str
    column: str | None


class DeliveryReport(BaseModel):
    """Everything that was checked."""

    rows: int = 0
    repeated: int = Field(default=0, description="Rows that the dataset holds already; they count once.")
    corrected: int = Field(
        default=0, description="Rows whose key was there with other values; the new ones win."
    )
    checks: list[Check] = []

    rejects: Rejects = Field(default=Rejects(), description="Lines that could not be taken.")
    dialect: Dialect | None = Field(default=None, description="How the file is written; null: it is no text.")

    @property
    def failed(self) -> list[Check]:
        """The promises that were broken."""
        return [check for check in self.checks if check.verdict == "failed"]

    @property
    def noted(self) -> list[Check]:
        """What keeps nothing from going on, and should be known."""
        return [check for check in self.checks if check.verdict == "noted"]

    def explained(self) -> list[str]:
        """What is wrong, with examples, and what to do about it, line by line."""
        lines = []
        for check in self.failed:
            column = f" {check.column}" if check.column else ""
            wanted = f" (allowed: {check.allowed})" if check.allowed else ""
            lines.append(f"{check.check}{column}: {check.observed}{wanted}")
            lines += [f"    {example}" for example in check.examples]
            lines.append(f"    {check.mend}")
        return lines

    def told(self) -> list[str]:
        """One line for everything that a person should know of a delivery that was taken."""
        lines = [f"Written with {self.dialect.words}."] if self.dialect and self.dialect.delimiter else []
        if self.repeated:
            lines.append(counted(self.repeated, *KNOWN))
        if self.corrected:
            lines.append(counted(self.corrected, *CORRECTED))
        for item in self.noted:
            lines.append(
                f"{item.check}{f' {item.column}' if item.column else ''}: {item.observed}. {item.mend}"
            )
        return lines

    @property
    def broken(self) -> list[FailedCheck]:
        """Their names alone."""
        return [FailedCheck(check=check.check, column=check.column) for check in self.failed]


class InferSpec(Strictly):
    """Infer a contract from a good sample."""

    digest: Digest
    format: DataFormat
    name: FileTitle = "sample"
    target: ColumnName | None = None
    event_time: ColumnName | None = None
    timezone: Zone = "UTC"
    task: TaskName | None = Field(default=None, description="What is to be predicted; left out: a guess.")
    loop: Name | None = Field(
        default=None, description="Also draft a loop of this name; there has to be a target then."
    )
    dialect: Dialect | None = Field(default=None, description="What is known of how the sample is written.")


class InferResult(BaseModel):
    """The contract that a sample suggests, and what it is about."""

    model_config = ConfigDict(populate_by_name=True)

    contract: DataContract
    data_schema: list[SchemaColumn] = Field(alias="schema")
    rows: int
    task_guess: TaskName | None
    warnings: list[str]
    loop_draft: str = Field(
        default="", description="The drafted loop as commented YAML; empty: none was asked for."
    )
    contract_draft: str = Field(default="", description="Its contract, likewise.")
    mend: str = Field(
        default="", description="What to do where no loop could be drafted; `warnings` say why."
    )


class IngestSpec(Strictly):
    """Hold a delivery to the contract and make it a dataset version, or quarantine it."""

    dataset: Name
    source: Annotated[ArtifactSource | FeedbackSource | QuarantinedSource, Field(discriminator="kind")]
    contract: DataContract | None = None
    widen: bool = Field(default=False, description="Change the contract so that it takes this delivery.")
    target: ColumnName | None = None
    event_time: ColumnName | None = None
    timezone: Zone = "UTC"
    dialect: Dialect | None = Field(
        default=None, description="What is known of how this file is written; goes before the contract's."
    )
    known_classes: KnownClasses = None


class IngestResult(BaseModel):
    """What became of a delivery; the version and its rows are those of the dataset afterwards."""

    accepted: bool
    dataset_version: int | None = Field(default=None, description="null: the dataset has none yet.")
    rows: int = Field(default=0, description="Rows of the version.")
    new_rows: int = 0
    unchanged: bool = Field(default=False, description="Nothing in it was new.")
    changes: list[str] = Field(default=[], description="How the contract was changed to take it.")
    report: DeliveryReport = DeliveryReport()
    quarantine: int | None = Field(default=None, description="Where a refused delivery is kept.")
    last_event: datetime | None = None
    reason: str
    failed: list[FailedCheck] = []


class ValidateSpec(Strictly):
    """Whether a dataset version can be trained on."""

    dataset: Name
    dataset_version: VersionNumber
    task: TaskName
    target: ColumnName
    event_time: ColumnName | None = None
    timezone: Zone = "UTC"
    cut: AwareDatetime | None = Field(default=None, description="Only rows before it are used.")
    holdout_days: int | None = Field(
        default=None, ge=1, le=3650, description="Last days, which judge a model."
    )
    exclude: list[ColumnName] = Field(default=[], max_length=5000)
    keep_personal: list[ColumnName] = Field(default=[], max_length=100)
    protected: list[ColumnName] = Field(default=[], max_length=20)
    known_classes: KnownClasses = None


class ValidateResult(BaseModel):
    """Whether the version is accepted for training, and why."""

    accepted: bool
    report: DeliveryReport
    reason: str
    failed: list[FailedCheck]


class RowsNew(Strictly):
    """Rows over REST."""

    rows: Annotated[
        list[dict[ColumnName, SentCell]], Field(min_length=1, max_length=50_000), AfterValidator(plain)
    ]
    contract: DataContract | None = None
    target: ColumnName | None = None
    event_time: ColumnName | None = None
    timezone: Zone = "UTC"
