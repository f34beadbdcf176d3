"""Jobs as JSON."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from millrace.placement import Placement
from millrace_core.names import Name
from millrace_core.plain import plain
from millrace_training.jobs.states import State

JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="The job's id.")]
KindName = Literal["infer", "ingest", "validate", "train", "evaluate"]
LoopRun = Annotated[int, Field(ge=0, lt=2**31)]
Plain = Annotated[dict[str, Any], AfterValidator(plain)]


class Limits(BaseModel):
    """What a job may use before it is stopped, and where it may run."""

    model_config = ConfigDict(extra="forbid")

    memory_mb: int | None = Field(
        default=None, ge=64, le=2**24, description="MiB of memory, all its processes together; null: default."
    )
    wall_seconds: float | None = Field(
        default=None, gt=0, le=30 * 86400, description="Seconds one attempt may take; null: default."
    )
    placement: Placement | None = Field(
        default=None, description="For jobs in a cluster; refused where jobs are processes of the service."
    )


class JobNew(BaseModel):
    """A job to be done."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}$",
        description="The submitter's name for it; the same key again is the same job.",
    )
    kind: KindName
    spec: Plain = Field(description="What the kind asks for.")
    limits: Limits = Limits()
    loop: Name | None = None
    loop_run: LoopRun | None = None


class Progress(BaseModel):
    """How far a job is."""

    step: str
    done: int | None
    total: int | None
    message: str
    numbers: dict[str, Any]


class WaitingRead(BaseModel):
    """What keeps a job's pod from running."""

    reason: str = Field(
        description="In one CamelCase word, like Unschedulable, ImagePullBackOff, QuotaExceeded."
    )
    message: str = Field(description="In the cluster's own words.")


class JobRead(BaseModel):
    """A job as it stands."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    key: str
    kind: str
    spec: dict[str, Any]
    limits: Limits
    loop: str | None
    loop_run: int | None
    state: State
    progress: Progress | None
    waiting: WaitingRead | None = Field(
        description="What it waits for that will not pass by itself, if anything."
    )
    result: dict[str, Any] | None
    error: dict[str, Any] | None = Field(description="problem+json of a failed job.")
    attempts: int
    peak_rss_bytes: int = Field(description="Most memory seen, all its processes together.")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class TrialRead(BaseModel):
    """One trial of a job's search."""

    model_config = ConfigDict(from_attributes=True)

    study: str
    number: int
    key: str
    params: dict[str, Any]
    values: dict[str, Any] | None = Field(description="null: handed out, not finished.")
