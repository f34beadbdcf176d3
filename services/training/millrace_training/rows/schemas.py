"""What data jobs are asked for, as JSON; also what training and evaluation share with them."""

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

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

from millrace.contract import ColumnName, DataContract, Digest, Name
from millrace.data.refusals import Check
from millrace_core.plain import plain

Format = Literal["csv", "parquet", "jsonl"]
Task = Literal["regression", "binary"]
FileName = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f/\\]+$")]


def zone(name: str) -> str:
    """*name* if it is an IANA time zone (ValueError)."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("is not a time zone; write it like Europe/Berlin or UTC") from error
    return name


Timezone = Annotated[str, StringConstraints(max_length=64), AfterValidator(zone)]
Version = Annotated[int, Field(ge=1, lt=2**31)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class InferSpec(Strict):
    """Infer a contract from a good sample."""

    digest: Digest
    format: Format
    name: FileName = "sample"
    target: ColumnName | None = None
    event_time: ColumnName | None = None
    timezone: Timezone = "UTC"


class ArtifactSource(Strict):
    """A file that was uploaded to the registry."""

    kind: Literal["artifact"]
    digest: Digest
    name: FileName
    format: Format
    origin: Literal["file", "rows"] = Field(default="file", description="What was sent: a file, or rows.")


class FeedbackSource(Strict):
    """Labelled production rows of an endpoint, of closed days, from *since* up to before *until*."""

    kind: Literal["feedback"]
    endpoint: Name
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class IngestSpec(Strict):
    """Hold a delivery to the contract and make it a dataset version, or quarantine it."""

    dataset: Name
    source: Annotated[ArtifactSource | FeedbackSource, Field(discriminator="kind")]
    contract: DataContract | None = None
    target: ColumnName | None = None
    event_time: ColumnName | None = None
    timezone: Timezone = "UTC"


class ValidateSpec(Strict):
    """Whether a dataset version can be trained on."""

    dataset: Name
    dataset_version: Version
    task: Task
    target: ColumnName
    event_time: ColumnName | None = None
    exclude: list[ColumnName] = Field(default=[], max_length=5000)


Cell = StrictBool | StrictInt | StrictFloat | Annotated[str, StringConstraints(max_length=100_000)] | None


class RowsNew(Strict):
    """Rows over REST."""

    rows: Annotated[
        list[dict[ColumnName, Cell]], Field(min_length=1, max_length=50_000), AfterValidator(plain)
    ]
    contract: DataContract | None = None
    target: ColumnName | None = None
    event_time: ColumnName | None = None
    timezone: Timezone = "UTC"


class Report(BaseModel):
    """Everything that was checked."""

    rows: int
    checks: list[Check]


def iso(moment: datetime | None) -> str | None:
    """The moment as the platform writes it: UTC, with a Z."""
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
