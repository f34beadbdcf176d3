"""Training and evaluation: what the jobs are asked, and what they found out."""

from datetime import date
from typing import Annotated, Literal, Required

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from typing_extensions import TypedDict

from millrace_contracts.adopting import AdoptSpec
from millrace_contracts.building import BuiltWith
from millrace_contracts.contenders import ArchivedContender, ArchivedEvaluation, Contender
from millrace_contracts.custom_code import CodeMade, CodeSpec
from millrace_contracts.effects import Effect, Importance
from millrace_contracts.fairness import FairnessEvaluation, FairnessSpec
from millrace_contracts.fits import FitEvaluation
from millrace_contracts.models import Golden
from millrace_contracts.names import BlockUnit, ColumnName, Family, Name, TaskName, VersionNumber
from millrace_contracts.newcomers import KnownClasses
from millrace_contracts.parts import Zone
from millrace_contracts.release import Files
from millrace_contracts.searching import LatencyAim, SearchFront
from millrace_contracts.signature import Signature
from millrace_contracts.workers import NEED_NUMBER, NEED_RAY, Workers

Metrics = dict[str, float | None]
"""Numbers by the name of the metric; null: the rows do not say."""


CODE_NOT_PACKED = (
    "code is a folder here; upload it with 'millrace code push FOLDER' and write the digest that it tells, "
    "or use 'millrace apply', which does both"
)
Params = dict[str, int | float]
"""Settings of one model family, by name."""


class Configuration(TypedDict, total=False):
    """A model family with its settings; or, as family `ensemble`, the weighted mean of its members.

    `id` names it within one search. `left_out` are the columns that its search left out by itself: they name rows.
    `exact` are the columns of numbers that it took in 64 bits.
    """

    id: Required[str]
    family: Required[str]
    params: Params
    weight: float
    members: "list[Configuration]"
    left_out: list[str]
    exact: list[str]


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
    block: BlockUnit = Field(
        default="day", description="What is one sample in time; its rows stand on one side of every split."
    )


class TrainSpec(LearningSpec):
    """Search for a model, or fit configurations of an earlier search again."""

    exclude: list[ColumnName] = []
    weight: ColumnName | None = Field(default=None, description="Column that says how much each row counts.")
    keep_personal: list[ColumnName] = []
    known_classes: KnownClasses = None
    windows: list[str] = ["all"]
    folds: int = Field(default=5, ge=2, le=50)
    search: Literal["full", "refit"] = "full"
    trials: int = Field(
        default=0, ge=0, le=100_000, description="0: each configuration of the portfolio once."
    )
    families: list[Family] | None = Field(
        default=None,
        min_length=1,
        max_length=6,
        description="Kinds of models to search; null: those that suit the data.",
    )
    latency: LatencyAim | None = Field(
        default=None, description="Latency is an objective beside the loss; null: the loss alone is."
    )
    configurations: list[Configuration] | None = None
    rolling: bool = Field(
        default=False,
        description="Whether each part of the holdout is answered, too, by a model of all days before that part.",
    )
    since: date | None = Field(default=None, description="First day since a change, which chooses.")
    seed: int = Field(default=0, ge=0, lt=2**31)
    executor: Literal["inline", "pool", "ray"] = "pool"
    distil: bool = Field(
        default=False,
        description="Whether an ensemble is to be taught to a small model: without event time that needs a graph "
        "which has not seen the first fold.",
    )
    code: CodeSpec | None = Field(
        default=None, description="Trains instead of a search; named by its digest."
    )
    adopt: AdoptSpec | None = Field(
        default=None, description="A graph made elsewhere stands in place of one that is trained; null: none."
    )
    workers: Workers | None = Field(
        default=None, description="They train by the code together; null: one process does."
    )

    @model_validator(mode="after")
    def _packed(self) -> "TrainSpec":
        if self.code is not None and self.code.digest is None:
            raise ValueError(CODE_NOT_PACKED)
        if self.adopt is not None and self.code is not None:
            raise ValueError("a run adopts a graph or trains by code, not both")
        if self.workers is not None and (self.code is None or self.executor != "ray"):
            raise ValueError(NEED_RAY)
        if self.workers is None and self.code is not None and self.executor == "ray":
            raise ValueError(NEED_NUMBER)
        return self


class EvaluateSpec(LearningSpec):
    """Compare a candidate with the champion on the same rows."""

    candidate: Contender
    champion: Contender | None = None
    archived: list[ArchivedContender] = Field(
        default=[], max_length=20, description="Versions that may come back, compared with both."
    )
    folds: int | None = Field(default=None, ge=2, le=50)
    slices: list[ColumnName] = []
    fairness: FairnessSpec | None = Field(default=None, description="Groups to compare; null: none.")
    front: SearchFront | None = Field(
        default=None, description="Of the candidate's search, for the page: it decides nothing here."
    )


class Parity(BaseModel):
    """How far graph and trained model are apart, on real and hostile rows; no candidate has bad ones."""

    rows: int
    bad: int = Field(description="Rows beyond the tolerance, or with another class.")
    max: float = Field(
        description="Largest difference, in standard deviations of the target or in probability."
    )


class TrainResult(BaseModel):
    """A candidate: its files, how it was judged, and on which span."""

    model_config = ConfigDict(extra="allow")

    run: str = Field(description="Id of the training run in the registry.")
    files: Files
    baseline: str | None = None
    signature: Signature
    metrics: dict[str, Metrics] = Field(description="By the rows they were taken on: holdout.")
    configurations: list[Configuration] = Field(
        description="The chosen one first, then the best of another family."
    )
    configuration: Configuration
    window: str
    rows: int
    parity: Parity | None
    golden: Golden
    layers: int | None = Field(
        default=None,
        description="Layers of nets in its graph, which other forms could speed up; null: not told.",
    )
    rare_classes: dict[str, int] = Field(
        default={}, description="Rows of each class that has too few to be learnt well, rarest first."
    )
    front: SearchFront | None = Field(
        default=None,
        description="What its search found of loss and latency; null: it looked at the loss alone.",
    )
    code: CodeMade | None = Field(default=None, description="The code that made it; null: a search did.")
    built: BuiltWith | None = Field(
        default=None, description="What the job ran in; null: an earlier version made it."
    )
    trained_from: AwareDatetime | None
    trained_through: AwareDatetime | None
    holdout_from: AwareDatetime | None
    holdout_through: AwareDatetime | None


class Block(BaseModel):
    """Mean losses of candidate and champion on the same rows of a day, week or month, or of a group of rows."""

    block: str
    n: int
    candidate: float
    champion: float | None


class BlockSpacing(BaseModel):
    """How the blocks lie in time of which a holdout has some."""

    unit: BlockUnit
    gap: float = Field(description="Mean days from one block with rows to the next.")
    blocks: int = Field(description="Blocks with rows in all data before the cut.")


class SliceEvaluation(BaseModel):
    """The same for the rows with one value of one column."""

    column: str
    value: str
    n: int
    candidate: float
    champion: float | None
    blocks: list[Block] = []


class RocPoint(BaseModel):
    """One point of a ROC curve."""

    fpr: float
    tpr: float
    threshold: float


class MetricsOfBoth(BaseModel):
    """Metrics on the same rows."""

    candidate: Metrics
    champion: Metrics | None


class ClassEvaluation(BaseModel):
    """One class in figures; null where the rows do not say."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    rows: int = Field(description="Rows that have the class.")
    predicted: int = Field(description="Rows that were taken for it.")
    precision: float | None
    recall: float | None
    f1: float | None
    auc: float | None = Field(description="Of this class against the rest.")


class Confusion(BaseModel):
    """Rows of one class that were taken for another."""

    model_config = ConfigDict(from_attributes=True)

    true: str
    predicted: str
    rows: int


class ClassesEvaluation(BaseModel):
    """How well each class is told from the others."""

    model_config = ConfigDict(from_attributes=True)

    classes: list[ClassEvaluation]
    confusion: list[list[int]] | None = Field(
        description="Rows by true (first) and predicted class; null for more classes than one can read."
    )
    confused: list[Confusion] = Field(description="The commonest mistakes.")


class EvaluateResult(BaseModel):
    """Everything that gates and people look at."""

    model_config = ConfigDict(extra="allow")

    metrics: MetricsOfBoth
    rows: int = Field(default=0, description="Rows that were judged on; 0: not told.")
    independent_rows: int = Field(default=0, description="Those of them that are no copy of another.")
    blocks: list[Block]
    spacing: BlockSpacing | None = Field(default=None, description="Null without event time.")
    slices: list[SliceEvaluation] = []
    archived: list[ArchivedEvaluation] = Field(
        default=[], description="Versions that may come back, with the days that nobody had seen."
    )
    fairness: FairnessEvaluation | None = Field(default=None, description="Null: no groups are declared.")
    importance: list[Importance] = []
    effects: list[Effect] = Field(default=[], description="Of what matters most; empty: not told.")
    roc: list[RocPoint] = []
    classes: ClassesEvaluation | None = Field(
        default=None, description="The candidate's; null for a regression."
    )
    fit: FitEvaluation = Field(
        default=FitEvaluation(), description="How its answers lie beside the truth; empty: not told."
    )
    report: Annotated[str, Field(description="Digest of the page for people.")] | None = None
