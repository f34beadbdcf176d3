"""Closings: what one closed day of one endpoint leaves behind; the controller reads them in order."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field

from millrace_contracts.alarms import AlarmKind
from millrace_contracts.bodies import Document, Read


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


class ClosingRead(BaseModel):
    """One closed day of one endpoint; it never changes."""

    model_config = ConfigDict(populate_by_name=True)

    seq: int = Field(description="Ask for what came `after` it.")
    project: str
    endpoint: str
    day: date = Field(description="In the loop's time zone.")
    from_: datetime = Field(alias="from", description="The day's begin.")
    through: datetime = Field(description="The day's end.")
    rows: int = Field(description="Answered rows, each once.")
    labelled: int
    champion: int | None
    loss: float | None = Field(
        description="The champion's mean loss over all labelled rows; null without labels."
    )
    served: MeanLoss | None = Field(description="What callers were given, by whichever revision.")
    versions: dict[str, MeanLoss] = Field(description="Mean loss of each version over the same rows.")
    unscored: dict[str, str] = Field(description="Versions that cannot be scored, and why.")
    performance: Document = Field(description="Where the performance detector stands.")
    pairs: Document = Field(description="Where each archived version stands against the champion.")
    alarms: list[OpenedAlarm] = Field(description="Alarms that this day opened.")
    standing: list[str] = Field(description="Causes found today, whether their alarm is new or was open.")
    switch_back: SwitchBackProposal | None
    drift: Document
    quality: Document


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
    window: Document | None = Field(description="The judgement, on the day on which a window was full.")


class ArmsRead(BaseModel):
    """How each revision did in a span of event time."""

    since: datetime
    until: datetime
    revisions: list[Document] = Field(
        description="By revision and listener: requests, distinct keys, failed_keys, slow_keys, rows, nan, constant."
    )
    mirrored: Document = Field(
        description="pairs, psi, labelled_days, loss_difference (shadow - answered) and the days."
    )
