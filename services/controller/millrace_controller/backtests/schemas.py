"""JSON of backtests."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from millrace.loop import ModelLoop
from millrace_core.names import Digest


class State(StrEnum):
    """Where a backtest stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


OPEN = (State.QUEUED, State.RUNNING)


class BacktestWrite(BaseModel):
    """A loop, and the history on which it is to be tried."""

    model_config = ConfigDict(extra="forbid")

    loop: ModelLoop = Field(description="As it would be applied; it needs spec.data.eventTime.")
    digest: Digest = Field(
        description="The history: labelled rows, stored with POST /v1/artifacts of the registry."
    )
    format: Literal["csv", "parquet", "jsonl"]
    name: str = Field(default="history", min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")
    start: date | None = Field(
        default=None,
        description="First day that is replayed; the first model learns from the days before. "
        "Null: after a sixth of the history, and at least twice the holdout.",
    )


class Progress(BaseModel):
    """How far a replay is; `done` and `total` are event days."""

    model_config = ConfigDict(extra="forbid")

    step: str = Field(max_length=100)
    done: int = Field(ge=0, le=10**6)
    total: int | None = Field(ge=0, le=10**6)
    message: str = Field(default="", max_length=1000)


class Result(BaseModel):
    """What a replay found."""

    model_config = ConfigDict(extra="forbid")

    result: dict[str, Any] = Field(description="As millrace_replay.outcome makes it.")


class BacktestRead(BaseModel):
    """How far a backtest is, and what it found."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    loop: str = Field(description="The hidden loop that replays the history.")
    state: State
    progress: dict[str, Any] = Field(description="step, done, total (event days), message.")
    result: dict[str, Any] | None = Field(
        description="loss by month for static, loop and hindsight; runs, decisions and alarms."
    )
    attempts: int = Field(description="Processes that were started for it.")
    waiting: dict[str, Any] | None = Field(
        description="What its pod waits for, as reason and message; null if it runs or only just began."
    )
    message: str
    created_at: datetime
    ended_at: datetime | None
