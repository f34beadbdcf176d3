"""Backtests: a loop on history, day by day, with nothing touched."""

from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from millrace_contracts.bodies import Document, Read
from millrace_contracts.closings import ClosedDay
from millrace_contracts.loop import ModelLoop
from millrace_contracts.names import DataFormat, Digest
from millrace_contracts.parts import Strictly
from millrace_contracts.tables import Dialect
from millrace_contracts.waiting import Waiting


class BacktestState(StrEnum):
    """Where a backtest stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


class BacktestWrite(Strictly):
    """A loop, and the history on which it is to be tried."""

    loop: ModelLoop = Field(description="As it would be applied; it needs spec.data.eventTime.")
    digest: Digest = Field(
        description="The history: labelled rows, stored with POST /v1/artifacts of the registry."
    )
    format: DataFormat
    name: str = Field(default="history", min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")
    dialect: Dialect | None = Field(
        default=None, description="What is known of how the history is written; goes before the contract's."
    )
    start: date | None = Field(
        default=None,
        description="First day that is replayed; the first model learns from the days before. "
        "Null: after a sixth of the history, and at least twice the holdout.",
    )


class ReplayOrder(Strictly):
    """What the process that replays a history is told."""

    id: str
    project: str
    loop: str = Field(description="The hidden loop.")
    digest: Digest
    format: DataFormat
    start: date | None = None
    dialect: Dialect | None = None


class BacktestProgress(Strictly):
    """How far a replay is; `done` and `total` are event days."""

    step: str = Field(max_length=100)
    done: int = Field(ge=0, le=10**6)
    total: int | None = Field(ge=0, le=10**6)
    message: str = Field(default="", max_length=1000)


class DaysJudged(Strictly):
    """Days of a replay that were judged ahead, in order, from the one behind the last settled one."""

    days: list[ClosedDay] = Field(max_length=1000)


class QuietDays(BaseModel):
    """How many of them may close together."""

    days: int = Field(
        description="Up to and including the first that calls for anything; 0: the loop is not at rest."
    )


class PolicyLoss(BaseModel):
    """Loss if one way of choosing versions had answered; months as `2013-03`, null: without a labelled row."""

    overall: float | None
    by_month: dict[str, float | None]

    def worst(self) -> str | None:
        """The month with the most loss."""
        known = {month: value for month, value in self.by_month.items() if value is not None}
        return max(known, key=lambda month: known[month]) if known else None


class ReplayedRun(BaseModel):
    """A run of a replay."""

    model_config = ConfigDict(extra="allow")

    number: int
    state: str
    opened_at: str | None = None
    version: int | None = None
    verdict: str | None = Field(default=None, description="What its gates said; null: it came to none.")
    seconds: float | None = Field(default=None, description="Wall time on the machine that replayed it.")


class ReplayedAlarm(BaseModel):
    """An alarm of a replay."""

    model_config = ConfigDict(extra="allow")

    kind: str
    cause: str
    opened_day: str


class ReplayedDecision(BaseModel):
    """A decision of a replay, without its evidence."""

    model_config = ConfigDict(extra="allow")

    kind: str
    event_time: str | None
    outcome: str
    reason: str


class BacktestFound(BaseModel):
    """What a replay found, as who compares several reads it."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    metric: str
    from_: str = Field(alias="from")
    through: str
    rows: int
    static: PolicyLoss = Field(description="The first model for ever.")
    loop: PolicyLoss
    hindsight: PolicyLoss
    runs: list[ReplayedRun]
    alarms: list[ReplayedAlarm]
    decisions: list[ReplayedDecision]


class BacktestOutcome(Strictly):
    """What a replay came to."""

    result: Document = Field(description="Loss by month of each policy; runs, decisions and alarms.")


class BacktestRead(Read):
    """How far a backtest is, and what it found."""

    id: str
    of: str = Field(
        default="", description="The loop as it was declared; empty: an earlier version kept no name."
    )
    history: str = Field(default="", description="What the file with the history is called.")
    loop: str = Field(description="The hidden loop that replays the history.")
    state: BacktestState
    progress: Document = Field(description="step, done, total (event days), message.")
    result: Document | None = Field(
        description="loss by month for static, loop and hindsight; runs, decisions and alarms."
    )
    attempts: int = Field(description="Processes that were started for it.")
    waiting: Waiting | None = Field(
        description="What its pod waits for, as reason and message; null if it runs or only just began."
    )
    message: str
    created_at: datetime
    ended_at: datetime | None
