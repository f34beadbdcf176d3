"""Jobs of the training service: what is asked, how far it is, and what came of it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from millrace_contracts.bodies import Document, Read
from millrace_contracts.names import Name
from millrace_contracts.parts import Strictly
from millrace_contracts.placement import Placement
from millrace_contracts.plain import plain
from millrace_contracts.waiting import Waiting

PlainDocument = Annotated[Document, AfterValidator(plain)]
"""A document whose texts may also become columns: none of them has a null character."""
JobKind = Literal[
    "infer", "ingest", "pull", "look", "validate", "train", "evaluate", "compress", "gather", "score",
]  # fmt: skip


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether it stays as it is."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


class JobLimits(Strictly):
    """What a job may use before it is stopped, and where it may run."""

    memory_mb: int | None = Field(
        default=None, ge=64, le=2**24, description="MiB of memory, all its processes together; null: default."
    )
    wall_seconds: float | None = Field(
        default=None, gt=0, le=30 * 86400, description="Seconds one attempt may take; null: default."
    )
    placement: Placement | None = Field(
        default=None, description="For jobs in a cluster; refused where jobs are processes of the service."
    )


class JobNew(Strictly):
    """A job to be done."""

    key: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}$",
        description="The submitter's name for it; the same key again is the same job.",
    )
    kind: JobKind
    spec: PlainDocument = Field(description="What the kind asks for.")
    limits: JobLimits = JobLimits()
    loop: Name | None = None
    loop_run: Annotated[int, Field(ge=0, lt=2**31)] | None = None


class JobProgress(BaseModel):
    """How far a job is."""

    step: str = Field(max_length=200)
    done: int | None
    total: int | None
    message: str = Field(max_length=2000)
    numbers: PlainDocument


class Problem(BaseModel):
    """Why a job failed, or an attempt was in vain: problem+json."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str = Field(max_length=200)
    status: int = Field(ge=400, le=599)
    detail: str = Field(max_length=10_000)


class JobRead(Read):
    """A job as it stands."""

    id: str
    key: str
    kind: JobKind
    spec: Document
    limits: JobLimits
    loop: str | None
    loop_run: int | None
    state: JobState
    progress: JobProgress | None
    waiting: Waiting | None = Field(
        description="What it waits for that will not pass by itself, if anything."
    )
    result: Document | None
    error: Problem | None = Field(description="problem+json of a failed job.")
    attempts: int
    peak_rss_bytes: int = Field(description="Most memory seen, all its processes together.")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class TrialRead(Read):
    """One trial of a job's search."""

    study: str
    number: int
    key: str
    params: Document
    values: Document | None = Field(description="null: handed out, not finished.")


class LogPiece(Read):
    """A piece of what a job's process, or its pod, printed."""

    text: str = Field(description="As UTF-8; what is none is replaced by U+FFFD.")
    start: int = Field(description="The byte at which it begins.")
    next: int = Field(description="The byte behind it: `after` of the next piece.")
    size: int = Field(description="Bytes that were printed so far.")
