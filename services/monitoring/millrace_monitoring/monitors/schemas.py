"""JSON of monitors: what is watched, by which versions, with which policy."""

from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from millrace_core.names import Digest, Name

Text = Annotated[str, Field(min_length=1, max_length=200)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("is no IANA time zone like 'America/New_York'") from error
    return name


TimeZone = Annotated[str, Field(max_length=64), AfterValidator(_timezone)]


class Input(BaseModel):
    """One input tensor, of shape [-1, 1], and the data column behind it."""

    model_config = ConfigDict(extra="ignore")

    name: Text
    datatype: Literal["FP32", "INT64", "BYTES"]
    column: Text
    kind: Literal["number", "category", "timestamp", "boolean"]


class Output(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: Literal["prediction", "probability"]
    datatype: str = Field(max_length=16)


class Signature(BaseModel):
    """Inputs and outputs of the endpoint's models."""

    model_config = ConfigDict(extra="allow")

    inputs: list[Input] = Field(min_length=1, max_length=2000)
    outputs: list[Output] = Field(min_length=1, max_length=1)
    classes: list[str | int | float | bool] | None = Field(
        default=None, max_length=2, description="Negative, positive."
    )


class Files(BaseModel):
    """Digests of a version's files."""

    model_config = ConfigDict(extra="allow")

    model: Digest = Field(alias="model.onnx")
    holdout: Digest | None = Field(default=None, alias="holdout.onnx")
    baseline: Digest | None = Field(default=None, alias="baseline.json")


class Archived(BaseModel):
    """A version that could come back."""

    model_config = ConfigDict(extra="forbid")

    version: Version
    revision: str | None = Field(default=None, max_length=80)
    files: Files
    trained_through: AwareDatetime | None = Field(
        default=None, description="It has seen no event at or after this instant; null when it knows no time."
    )


class Champion(Archived):
    """The version that answers."""

    effective_from: AwareDatetime | None = Field(
        default=None, description="Event time from which it answers; null: at once."
    )


class Performance(BaseModel):
    model_config = ConfigDict(extra="forbid")

    false_alarms_per_year: float = Field(default=0.01, gt=0, le=1)
    tolerance: float = Field(
        default=3.0, ge=0, le=10, description="In standard errors of the reference mean; it is estimated too."
    )


class Drift(BaseModel):
    model_config = ConfigDict(extra="forbid")

    psi: float = Field(default=0.1, gt=0, le=10)
    window_days: int = Field(default=14, ge=1, le=60)
    minimum_rows: int = Field(default=500, ge=500, description="A window with fewer rows grows.")


class SwitchBack(BaseModel):
    model_config = ConfigDict(extra="forbid")

    margin: float = Field(
        default=0.02, ge=0, le=1, description="Smallest gain, as a share of the champion's loss."
    )
    minimum_days: int = Field(default=7, ge=1, le=365)
    candidates: int = Field(default=5, ge=0, le=20, description="How many archived versions are scored.")


class Quality(BaseModel):
    model_config = ConfigDict(extra="forbid")

    null_factor: float = Field(default=3, ge=1)
    null_points: float = Field(default=0.05, ge=0, le=1)
    strange: float = Field(default=0.05, ge=0, le=1, description="Share of unseen or out-of-range values.")
    minimum_rows: int = Field(default=50, ge=1)


class Retention(BaseModel):
    model_config = ConfigDict(extra="forbid")

    logs_days: int = Field(default=90, ge=1, le=36500, description="Days of rows kept, in event time.")


class Policy(BaseModel):
    """When to raise an alarm; everything in event days."""

    model_config = ConfigDict(extra="forbid")

    performance: Performance = Performance()
    drift: Drift = Drift()
    switch_back: SwitchBack = SwitchBack()
    quality: Quality = Quality()
    retention: Retention = Retention()


class MonitorWrite(BaseModel):
    """A monitor as declared."""

    model_config = ConfigDict(extra="forbid")

    loop: Name
    mode: Literal["live", "backtest"] = "live"
    task: Literal["regression", "binary"]
    target: Text
    event_time: Text | None = Field(
        default=None, description="Data column that holds the event time, if any."
    )
    timezone: TimeZone = "UTC"
    label_delay_seconds: float = Field(default=0, ge=0, le=366 * 86400)
    signature: Signature
    champion: Champion
    archived: list[Archived] = Field(default=[], max_length=50)
    slices: list[Text] = Field(default=[], max_length=50)
    policy: Policy = Policy()


class Counts(BaseModel):
    """Rows and records so far."""

    logged: int = Field(description="Rows of answers, each once; mirrored rows are not among them.")
    mirrored: int = Field(description="Rows of mirrored answers.")
    requests: int = Field(description="Requests answered or failed, each once.")
    labelled: int = Field(description="Rows with a label.")
    offered: int = Field(description="Records offered; = written + dropped + duplicates.")
    written: int
    dropped: int
    duplicates: int
    faults: int = Field(description="Records without rows: errors, bodies too large or not decodable.")
    late: int = Field(description="Rows that came after their day had closed.")
    late_labels: int


class MonitorRead(BaseModel):
    """A monitor and how far it has come."""

    endpoint: str
    spec: dict[str, Any] = Field(description="As declared.")
    event_time_max: datetime | None
    watermark: datetime | None = Field(description="Every day that ends by here closes.")
    closed_through: datetime | None = Field(description="End of the last closed day.")
    counts: Counts
    revisions: list[dict[str, Any]] = Field(description="The same counts by revision and listener.")
