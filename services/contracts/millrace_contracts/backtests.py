"""Backtests: a loop on history, day by day, with nothing touched."""

from datetime import date, datetime
from enum import StrEnum

from pydantic import Field

from millrace_contracts.bodies import Document, Read
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


class BacktestProgress(Strictly):
    """How far a replay is; `done` and `total` are event days."""

    step: str = Field(max_length=100)
    done: int = Field(ge=0, le=10**6)
    total: int | None = Field(ge=0, le=10**6)
    message: str = Field(default="", max_length=1000)


class BacktestOutcome(Strictly):
    """What a replay came to."""

    result: Document = Field(description="Loss by month of each policy; runs, decisions and alarms.")


class BacktestRead(Read):
    """How far a backtest is, and what it found."""

    id: str
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
