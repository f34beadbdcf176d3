"""Closings: what one closed day of one endpoint leaves behind; the controller reads them in order."""

from datetime import date, datetime
from typing import Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from millrace_contracts.alarms import AlarmKind
from millrace_contracts.bodies import Document, Read
from millrace_contracts.fairness import FairnessDay
from millrace_contracts.newcomers import NewcomersRead
from millrace_contracts.parts import Strictly, nothing_in, unsaid
from millrace_contracts.reviews import ReviewedDay
from millrace_contracts.traffic import Sizes

SINGLE_DAYS = 31
"""Days without rows that close one by one; from then on a month's end, or the next row, closes all before it."""


class MeanLoss(BaseModel):
    """Mean loss over some rows."""

    n: int
    loss: float


class OpenedAlarm(BaseModel):
    """An alarm that a day opened."""

    model_config = ConfigDict(extra="allow")

    kind: AlarmKind
    cause: str
    reason: str = "raised"
    opened_day: date | None = None
    evidence: Document = {}


class SwitchBackProposal(BaseModel):
    """The archived version that has become the better one."""

    version: int
    evidence: Document


class ClosedDay(Read):
    """The part of a closing that a loop acts on."""

    through: datetime = Field(description="The day's end.")
    alarms: list[OpenedAlarm] = Field(default=[])
    open: list[OpenedAlarm] = Field(
        default=[], description="Of each kind the newest alarm that is open at the day's end."
    )
    labelled: int | None = Field(
        default=None, description="Rows of the day with a label; null: an earlier version did not tell it."
    )
    standing: list[str] = Field(
        default=[], description="Causes found today, whether their alarm is new or was open."
    )
    switch_back: SwitchBackProposal | None = None


class DaysAhead(Strictly):
    """Which days of a replay are to be judged before they close."""

    through: AwareDatetime = Field(
        description="Rows and labels of all events before it were sent; the days before it are judged."
    )


class Sparse(BaseModel):
    """What is not known is left out of the JSON."""

    model_config = ConfigDict(populate_by_name=True)

    @model_serializer(mode="wrap")
    def _known(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in dump(self).items() if value is not None}


class Gathered(BaseModel):
    """Rows of consecutive days that are judged together once there are enough of them."""

    rows: int = Field(description="So far.")
    wanted: int
    since: date = Field(description="The first of the days.")


class PerformanceRead(Sparse):
    """Where a performance detector stands: empty on a day without labels, short while it gathers its reference."""

    loss: float | None = None
    reference_mean: float | None = None
    reference_scale: float | None = None
    reference_days: int | None = Field(default=None, description="Days of the reference, so far or frozen.")
    reference: str | None = Field(default=None, description="Where the reference comes from.")
    log_value: float | None = None
    log_level: float | None = Field(default=None, description="A value that reaches it calls for action.")
    days: int | None = Field(default=None, description="Days since the detector began.")
    rising: int | None = Field(
        default=None, description="Days for which losses have been high, today's with them; 0: they are not."
    )
    watch: bool | None = Field(default=None, description="Whether this one day stands out; never an action.")
    gathered: Gathered | None = Field(
        default=None, description="Days with far fewer labels than the reference's, while they are no sample."
    )


class PairRead(BaseModel):
    """Where an archived version stands against the champion on the same rows."""

    days: int
    effect_days: int = Field(description="Days over which the gain is measured.")
    gain: float = Field(description="Of the archived version, as a share of the champion's loss.")
    margin: float
    log_value: float | None
    log_level: float | None


class DriftScore(BaseModel):
    """One feature in one full window."""

    feature: str
    psi: float
    null_high: float = Field(description="What chance reaches twice in a row, as often as is allowed.")
    p: float = Field(description="Chance that days alone bring as much in this window.")
    adjusted: float = Field(description="False alarms a year that two such windows would bring; at most 1.")
    rows: int
    fires: bool


class DriftWindow(BaseModel):
    """The judgement of one full window."""

    model_config = ConfigDict(populate_by_name=True)

    rows: int
    observing: str | None = Field(description="Why nothing can be decided, if so.")
    firing: list[str]
    scores: list[DriftScore]
    from_: date | None = Field(default=None, alias="from", description="Its first day.")


class DriftStanding(Sparse):
    """The running window: empty on a day without rows."""

    days: int | None = None
    psi: dict[str, float] | None = None
    window: DriftWindow | None = Field(default=None, description="On the day on which the window was full.")
    gathered: Gathered | None = Field(default=None, description="While a window of enough days lacks rows.")


class QualityRead(Sparse):
    """The data of the day: empty without rows."""

    faults: list[str] | None = Field(default=None, description="Causes found today.")
    missing: dict[str, float] | None = Field(default=None, description="Share of rows, by feature.")
    outside: dict[str, float] | None = Field(default=None, description="Share that training never saw.")
    label_share: float | None = None
    served_differs: int | None = Field(default=None, description="Served answers unlike the graph's own.")
    served_compared: int | None = None
    repeated: int | None = None
    gathered: Gathered | None = Field(
        default=None,
        description="Days with few rows, while they are too few to judge; null once they were judged.",
    )


class SliceRead(Sparse):
    """One slice of the day, like `region=south`."""

    rows: int
    labelled: int = 0
    loss: float | None = None
    performance: PerformanceRead | None = None


class SlicesRead(BaseModel):
    """The slices that are watched, and what is not watched and why."""

    parts: dict[str, SliceRead] = {}
    left_out: list[str] = []


class ClosingItem(BaseModel):
    """What was found on one closed day; nothing in it depends on when it was closed."""

    model_config = ConfigDict(populate_by_name=True)

    from_: datetime = Field(alias="from", description="The day's begin; of a span, its first day's.")
    days: int = Field(
        default=1, description="More than 1: as many days without rows, of which this is the last."
    )
    champion: int | None
    loss: float | None = Field(description="The champion's mean loss over labelled rows; null without any.")
    served: MeanLoss | None = Field(description="What callers were given, by whichever revision.")
    versions: dict[str, MeanLoss] = Field(description="Mean loss of each version over the same rows.")
    unscored: dict[str, str] = Field(description="Versions that cannot be scored, and why.")
    performance: PerformanceRead = Field(description="Where the performance detector stands.")
    pairs: dict[str, PairRead] = Field(description="Where each archived version stands against the champion.")
    alarms: list[OpenedAlarm] = Field(description="Alarms that this day opened.")
    open: list[OpenedAlarm] = Field(
        default=[],
        exclude_if=nothing_in,
        description="Of each kind the newest alarm that is open at the day's end, whether or not it was found today.",
    )
    standing: list[str] = Field(description="Causes found today, whether their alarm is new or was open.")
    switch_back: SwitchBackProposal | None
    drift: DriftStanding
    quality: QualityRead
    slices: SlicesRead = SlicesRead()
    requests: Sizes = Field(default={}, description="Requests by their rows; none in older days.")
    reviewed: ReviewedDay | None = Field(default=None, exclude_if=unsaid, description="What people said.")
    fairness: FairnessDay | None = Field(default=None, exclude_if=unsaid, description="Sums by group.")
    newcomers: NewcomersRead | None = Field(
        default=None, exclude_if=unsaid, description="Labels of classes that the champion does not know."
    )


class ClosingRead(ClosingItem):
    """One closed day of one endpoint, or a long span of days on which nothing came; it never changes."""

    seq: int = Field(description="Ask for what came `after` it.")
    project: str
    endpoint: str
    day: date = Field(description="In the loop's time zone.")
    through: datetime = Field(description="The day's end.")
    rows: int = Field(description="Answered rows, each once.")
    labelled: int


class ClosingFeed(BaseModel):
    """Closed days, in the order in which they closed."""

    items: list[ClosingRead]
    last: int = Field(description="seq of the last item, or `after` when there is none.")


class LossRead(Read):
    """A version's mean loss on one day."""

    day: date
    version: int
    graph: str = Field(description="model.onnx, or holdout.onnx on days that the model has seen.")
    n: int
    loss: float


class ComparisonRead(Read):
    """Two on the same rows of one day."""

    day: date
    kind: str = Field(
        description="`mirrored`: two revisions; `archived`: champion and archived version, in batch."
    )
    first: str
    second: str
    item: Document


class DriftRead(BaseModel):
    """Drift as of one closed day."""

    day: date
    champion: int | None
    days: int | None = Field(description="Days in the running window.")
    psi: dict[str, float] = Field(description="By feature, of the running window against the reference.")
    window: DriftWindow | None = Field(description="The judgement, on the day on which a window was full.")
