"""Training and evaluation: what the jobs are asked, and what they found out."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from millrace_contracts.bodies import Document
from millrace_contracts.models import Golden
from millrace_contracts.names import ColumnName, Name, TaskName, VersionNumber
from millrace_contracts.parts import Zone
from millrace_contracts.release import Files
from millrace_contracts.signature import Signature

Metrics = dict[str, float | None]
"""Numbers by the name of the metric; null: the rows do not say."""


class LearningSpec(BaseModel):
    """What training and evaluation share."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    dataset: Name
    dataset_version: VersionNumber
    task: TaskName
    target: ColumnName
    event_time: ColumnName | None = None
    timezone: Zone = "UTC"
    cut: AwareDatetime | None = Field(default=None, description="Only rows before it are used.")
    holdout_days: int | None = Field(default=None, ge=1, le=3650)


class TrainSpec(LearningSpec):
    """Search for a model, or fit configurations of an earlier search again."""

    exclude: list[ColumnName] = []
    windows: list[str] = ["all"]
    folds: int = Field(default=5, ge=2, le=50)
    search: Literal["full", "refit"] = "full"
    trials: int = Field(default=12, ge=0, le=100_000)
    configurations: list[Document] | None = None
    seed: int = Field(default=0, ge=0, lt=2**31)
    executor: Literal["inline", "pool", "ray"] = "pool"


class Contender(BaseModel):
    """A model as an evaluation needs it."""

    model_config = ConfigDict(extra="ignore")

    files: Files
    signature: Signature | None = None
    trained_through: AwareDatetime | None = None
    holdout_from: AwareDatetime | None = None


class EvaluateSpec(LearningSpec):
    """Compare a candidate with the champion on the same rows."""

    candidate: Contender
    champion: Contender | None = None
    folds: int | None = Field(default=None, ge=2, le=50)
    slices: list[ColumnName] = []


class TrainResult(BaseModel):
    """A candidate: its files, how it was judged, and on which span."""

    model_config = ConfigDict(extra="allow")

    run: str = Field(description="Id of the training run in the registry.")
    files: Files
    baseline: str | None = None
    signature: Signature
    metrics: dict[str, Metrics] = Field(description="By the rows they were taken on: holdout.")
    configurations: list[Document] = Field(
        description="The chosen one first, then the best of another family."
    )
    configuration: Document
    window: str
    rows: int
    parity: Document | None
    golden: Golden
    trained_from: AwareDatetime | None
    trained_through: AwareDatetime | None
    holdout_from: AwareDatetime | None
    holdout_through: AwareDatetime | None


class Block(BaseModel):
    """Mean losses of candidate and champion on the same rows of a day, or of a group of rows without time."""

    block: str
    n: int
    candidate: float
    champion: float | None


class SliceEvaluation(BaseModel):
    """The same for the rows with one value of one column."""

    column: str
    value: str
    n: int
    candidate: float
    champion: float | None
    blocks: list[Block] = []


class Importance(BaseModel):
    """Loss that is added when a column is shuffled."""

    column: str
    loss_added: float


class RocPoint(BaseModel):
    """One point of a ROC curve."""

    fpr: float
    tpr: float
    threshold: float


class MetricsOfBoth(BaseModel):
    """Metrics on the same rows."""

    candidate: Metrics
    champion: Metrics | None


class EvaluateResult(BaseModel):
    """Everything that gates and people look at."""

    model_config = ConfigDict(extra="allow")

    metrics: MetricsOfBoth
    blocks: list[Block]
    slices: list[SliceEvaluation] = []
    importance: list[Importance] = []
    roc: list[RocPoint] = []
    report: Annotated[str, Field(description="Digest of the page for people.")] | None = None
