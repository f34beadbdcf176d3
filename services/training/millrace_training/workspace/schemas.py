"""What a job's pod sends and gets, as JSON."""

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from millrace_training.jobs.schemas import Plain, TrialRead
from millrace_training.runtime.pieces import NAME

Attempt = Annotated[
    int, Query(ge=1, lt=2**31, description="The sender's attempt; any but the current is 409.")
]
Offset = Annotated[int, Query(ge=0, lt=2**53, description="The byte of the file at which the body begins.")]
PieceName = Annotated[str, Path(pattern=NAME, description="A file of a finished piece of work.")]
DocumentName = Literal["progress", "usage", "result", "error", "setback"]
StreamName = Literal["events", "log"]


class Piece(BaseModel):
    """A file of a finished piece of work."""

    name: str
    size: int = Field(description="Bytes.")


class WorkspaceRead(BaseModel):
    """What an attempt begins with. Its trials are those of the job."""

    spec: dict[str, Any] = Field(description="As the job's process reads it.")
    sizes: dict[str, int] = Field(description="Bytes that earlier attempts left in each stream.")
    pieces: list[Piece]


class Told(BaseModel):
    """The answer to everything a pod sends."""

    cancel: bool = Field(description="Whether the job is asked to stop.")
    size: int | None = Field(
        default=None, description="Bytes now in the stream; fewer than sent: send again."
    )


class Usage(BaseModel):
    """What the job uses; also its sign of life."""

    model_config = ConfigDict(extra="forbid")

    rss: int = Field(ge=0, lt=2**62, description="Bytes in memory now, all its processes together.")
    peak_rss_bytes: int = Field(ge=0, lt=2**62)


class ProgressNew(BaseModel):
    """How far the job is."""

    model_config = ConfigDict(extra="forbid")

    step: str = Field(max_length=200)
    done: int | None
    total: int | None
    message: str = Field(max_length=2000)
    numbers: Plain


class Problem(BaseModel):
    """Why a job failed, or an attempt was in vain: problem+json."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str = Field(max_length=200)
    status: int = Field(ge=400, le=599)
    detail: str = Field(max_length=10_000)


class Trials(BaseModel):
    """Trials that were asked or finished since the last ones sent."""

    model_config = ConfigDict(extra="forbid")

    trials: list[TrialRead] = Field(max_length=1000)
