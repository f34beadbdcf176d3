"""JSON of closed days."""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Served(BaseModel):
    """Mean loss of what callers were given, by whichever revision."""

    n: int
    loss: float


class SwitchBackRead(BaseModel):
    """The archived version that has become the better one."""

    version: int
    evidence: dict[str, Any]


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
    served: Served | None
    versions: dict[str, Served] = Field(description="Mean loss of each version over the same rows.")
    unscored: dict[str, str] = Field(description="Versions that cannot be scored, and why.")
    performance: dict[str, Any] = Field(description="Where the performance detector stands.")
    pairs: dict[str, Any] = Field(description="Where each archived version stands against the champion.")
    alarms: list[dict[str, Any]] = Field(description="Alarms that this day opened.")
    standing: list[str] = Field(description="Causes found today, whether their alarm is new or was open.")
    switch_back: SwitchBackRead | None
    drift: dict[str, Any]
    quality: dict[str, Any]


class Feed(BaseModel):
    """Closed days, in the order in which they closed."""

    items: list[ClosingRead]
    last: int = Field(description="seq of the last item, or `after` when there is none.")


class LossRead(BaseModel):
    """A version's mean loss on one day."""

    model_config = ConfigDict(from_attributes=True)

    day: date
    version: int
    graph: str = Field(description="model.onnx, or holdout.onnx on days that the model has seen.")
    n: int
    loss: float


class ComparisonRead(BaseModel):
    """Two on the same rows of one day."""

    model_config = ConfigDict(from_attributes=True)

    day: date
    kind: str = Field(
        description="`mirrored`: two revisions; `archived`: champion and archived version, in batch."
    )
    first: str
    second: str
    item: dict[str, Any]


class DriftRead(BaseModel):
    """Drift as of one closed day."""

    day: date
    champion: int | None
    days: int | None = Field(description="Days in the running window.")
    psi: dict[str, float] = Field(description="By feature, of the running window against the reference.")
    window: dict[str, Any] | None = Field(description="The judgement, on the day on which a window was full.")


class ArmsRead(BaseModel):
    """How each revision did in a span of event time."""

    since: datetime
    until: datetime
    revisions: list[dict[str, Any]] = Field(
        description="By revision and listener: requests, distinct keys, failed_keys, slow_keys, rows, nan, constant."
    )
    mirrored: dict[str, Any] = Field(
        description="pairs, psi, labelled_days, loss_difference (shadow - answered) and the days."
    )
