"""Rows on their way in: what data jobs are asked, the report of a delivery, and what came of it."""

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
)

from millrace_contracts.data import DataContract
from millrace_contracts.datasets import SchemaColumn
from millrace_contracts.names import ColumnName, DataFormat, Digest, Name, TaskName, VersionNumber
from millrace_contracts.parts import Strictly, Zone
from millrace_contracts.plain import plain

FileTitle = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f/\\]+$")]
SentCell = StrictBool | StrictInt | StrictFloat | Annotated[str, StringConstraints(max_length=100_000)] | None


class Check(BaseModel):
    """One promise of the contract, held against the data."""

    check: str = Field(description="What was looked at, like 'type' or 'range'.")
    column: str | None
    verdict: Literal["passed", "failed"]
    observed: str
    allowed: str
    rows: int = Field(description="Rows that break the promise.")
    examples: list[str] = Field(description="Up to five, with their row numbers where they have one.")
    mend: str


class DeliveryReport(BaseModel):
    """Everything that was checked."""

    rows: int
    checks: list[Check]


class InferSpec(Strictly):
    """Infer a contract from a good sample."""

    digest: Digest
    format: DataFormat
    name: FileTitle = "sample"
    target: ColumnName | None = None
    event_time: ColumnName | None = None
    timezone: Zone = "UTC"


class InferResult(BaseModel):
    """The contract that a sample suggests, and what it is about."""

    contract: DataContract
    data_schema: list[SchemaColumn] = Field(alias="schema")
    rows: int
    task_guess: TaskName | None
    warnings: list[str]


class ArtifactSource(Strictly):
    """A file that was uploaded to the registry."""

    kind: Literal["artifact"] = "artifact"
    digest: Digest
    name: FileTitle
    format: DataFormat
    origin: Literal["file", "rows"] = Field(default="file", description="What was sent: a file, or rows.")


class FeedbackSource(Strictly):
    """Labelled production rows of an endpoint, of closed days, from *since* up to before *until*."""

    kind: Literal["feedback"] = "feedback"
    endpoint: Name
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class IngestSpec(Strictly):
    """Hold a delivery to the contract and make it a dataset version, or quarantine it."""

    dataset: Name
    source: Annotated[ArtifactSource | FeedbackSource, Field(discriminator="kind")]
    contract: DataContract | None = None
    target: ColumnName | None = None
    event_time: ColumnName | None = None
    timezone: Zone = "UTC"


class ValidateSpec(Strictly):
    """Whether a dataset version can be trained on."""

    dataset: Name
    dataset_version: VersionNumber
    task: TaskName
    target: ColumnName
    event_time: ColumnName | None = None
    exclude: list[ColumnName] = Field(default=[], max_length=5000)


class RowsNew(Strictly):
    """Rows over REST."""

    rows: Annotated[
        list[dict[ColumnName, SentCell]], Field(min_length=1, max_length=50_000), AfterValidator(plain)
    ]
    contract: DataContract | None = None
    target: ColumnName | None = None
    event_time: ColumnName | None = None
    timezone: Zone = "UTC"
