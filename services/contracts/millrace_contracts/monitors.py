"""Monitors: what is watched, by which versions, and with which policy."""

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, Field, model_validator

from millrace_contracts.data import ColumnContract
from millrace_contracts.fairness import FairnessSpec
from millrace_contracts.names import Mode, Name, RevisionName, ShortText, TaskName, VersionNumber
from millrace_contracts.parts import Strictly, Zone, unsaid
from millrace_contracts.release import BASE, Files, Variant, is_base
from millrace_contracts.reviews import ReviewSpec
from millrace_contracts.signature import Classes, Signature


class ArchivedVersion(Strictly):
    """A version that could come back."""

    version: VersionNumber
    revision: RevisionName | None = None
    files: Files
    trained_through: AwareDatetime | None = Field(
        default=None, description="It has seen no event at or after this instant; null when it knows no time."
    )
    variant: Variant = Field(
        default=BASE, exclude_if=is_base, description="Which form of the version answers, or would."
    )
    classes: Classes | None = Field(
        default=None,
        exclude_if=unsaid,
        description="What it answers for, in the order of its answers; left out: those of the signature.",
    )


class ChampionVersion(ArchivedVersion):
    """The version that answers."""

    effective_from: AwareDatetime | None = Field(
        default=None, description="Event time from which it answers; null: at once."
    )


class PerformancePolicy(Strictly):
    """When a loss has grown."""

    false_alarms_per_year: float = Field(default=0.01, gt=0, le=1)
    tolerance: float = Field(
        default=3.0, ge=0, le=10, description="In standard errors of the reference mean; it is estimated too."
    )


class DriftPolicy(Strictly):
    """When a distribution has moved."""

    psi: float = Field(default=0.1, gt=0, le=10)
    window_days: int = Field(default=14, ge=1, le=60)
    minimum_rows: int = Field(default=150, ge=150, description="A window with fewer rows grows.")


class SwitchBackPolicy(Strictly):
    """When an archived version has become the better one."""

    margin: float = Field(
        default=0.02, ge=0, le=1, description="Smallest gain, as a share of the champion's loss."
    )
    minimum_days: int = Field(default=7, ge=1, le=365)
    candidates: int = Field(default=5, ge=0, le=20, description="How many archived versions are scored.")


class QualityPolicy(Strictly):
    """When rows are not what they were."""

    null_factor: float = Field(default=3, ge=1)
    null_points: float = Field(default=0.05, ge=0, le=1)
    strange: float = Field(default=0.05, ge=0, le=1, description="Share of unseen or out-of-range values.")
    minimum_rows: int = Field(default=50, ge=1)


class EstimatePolicy(Strictly):
    """Performance that is estimated before labels come."""

    enabled: bool = True
    alarm: bool = Field(
        default=False, description="Whether a risen estimate is an alarm, once its error is known."
    )


class RetentionPolicy(Strictly):
    """How long rows are kept."""

    logs_days: int = Field(default=90, ge=1, le=36500, description="Days of rows kept, in event time.")


class MonitorPolicy(Strictly):
    """When to raise an alarm; everything in event days."""

    performance: PerformancePolicy = PerformancePolicy()
    drift: DriftPolicy = DriftPolicy()
    switch_back: SwitchBackPolicy = SwitchBackPolicy()
    quality: QualityPolicy = QualityPolicy()
    retention: RetentionPolicy = RetentionPolicy()
    estimate: EstimatePolicy | None = Field(
        default=None, exclude_if=unsaid, description="Left out: estimated where possible, and never an alarm."
    )

    @property
    def estimated(self) -> bool:
        """Whether performance is estimated before labels come."""
        return self.estimate is None or self.estimate.enabled


class MonitorWrite(Strictly):
    """A monitor as declared."""

    loop: Name
    mode: Mode = "live"
    task: TaskName
    target: ShortText
    event_time: ShortText | None = Field(
        default=None, description="Data column that holds the event time, if any."
    )
    timezone: Zone = "UTC"
    label_delay_seconds: float = Field(default=0, ge=0, le=366 * 86400)
    signature: Signature
    champion: ChampionVersion
    archived: list[ArchivedVersion] = Field(default=[], max_length=50)
    slices: list[ShortText] = Field(
        default=[],
        max_length=50,
        description="Data columns whose values are watched on their own: error and quality.",
    )
    policy: MonitorPolicy = MonitorPolicy()
    promise: ColumnContract | None = Field(
        default=None,
        exclude_if=unsaid,
        description="What the data's contract promises of the target: whether a label may name a class that the "
        "version does not know. Left out: none may.",
    )
    weight: ShortText | None = Field(
        default=None, exclude_if=unsaid, description="Column of feedback that says how much each row counts."
    )
    review: ReviewSpec | None = Field(
        default=None, exclude_if=unsaid, description="Predictions that people look at and label."
    )
    fairness: FairnessSpec | None = Field(
        default=None,
        exclude_if=unsaid,
        description="Protected attributes whose groups are summed up each day.",
    )

    @model_validator(mode="after")
    def _named(self) -> "MonitorWrite":
        if self.task == "multiclass" and len(self.signature.classes or []) < 3:
            raise ValueError("the signature of a task of many classes names its classes, three at least")
        return self


class MonitorCounts(BaseModel):
    """Rows and records so far."""

    logged: int = Field(description="Rows of answers, each once; mirrored rows are not among them.")
    mirrored: int = Field(description="Rows of mirrored answers.")
    requests: int = Field(description="Requests answered or failed, each once.")
    labelled: int = Field(description="Rows with a label.")
    offered: int = Field(description="Records offered; = written + dropped + duplicates.")
    written: int
    dropped: int
    duplicates: int
    faults: int = Field(
        description="Records without rows (errors, bodies too large or not decodable), and rows stamped years off."
    )
    late: int = Field(description="Rows that came after their day had closed.")
    late_labels: int


class RevisionCounts(BaseModel):
    """The same counts of one revision on one listener."""

    revision: str
    listener: str
    offered: int = 0
    written: int = 0
    dropped: int = 0
    duplicates: int = 0
    rows: int = 0
    faults: int = 0
    late: int = 0


class MonitorRead(BaseModel):
    """A monitor and how far it has come."""

    endpoint: str
    spec: MonitorWrite = Field(description="As declared.")
    event_time_max: datetime | None
    watermark: datetime | None = Field(description="Every day that ends by here closes.")
    closed_through: datetime | None = Field(description="End of the last closed day.")
    counts: MonitorCounts
    revisions: list[RevisionCounts] = Field(description="The same counts by revision and listener.")
