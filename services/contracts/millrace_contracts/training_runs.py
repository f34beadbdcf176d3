"""Runs: training executions as MLflow means them, with params, metrics, artifacts and the data they saw."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from millrace_contracts.bodies import Body, Document, Read
from millrace_contracts.names import Digest


class TrainingRunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TrainingRunWrite(Body):
    """A run that begins."""

    key: str = Field(min_length=1, max_length=200, description="Natural key: the same key is the same run.")
    loop: str = Field(default="", max_length=63)
    loop_run: int | None = Field(default=None, ge=1, le=2**31 - 1)
    job: str | None = Field(default=None, max_length=63)
    dataset: str | None = Field(default=None, max_length=63)
    dataset_version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    params: Document = Field(default_factory=dict)


class TrainingRunChange(Body):
    """What became of a run."""

    state: TrainingRunState | None = None
    metrics: dict[str, float | None] = Field(
        default_factory=dict, description="Merged into those already there."
    )
    artifacts: dict[str, Digest] = Field(default_factory=dict, description="Digest by name; merged.")
    message: str | None = Field(default=None, max_length=10_000)


class TrainingRunRead(Read):
    """A run."""

    id: str
    key: str
    loop: str
    loop_run: int | None
    job: str | None
    dataset: str | None
    dataset_version: int | None
    state: TrainingRunState
    params: Document
    metrics: dict[str, float | None]
    artifacts: dict[str, str]
    message: str
    created_at: datetime
    updated_at: datetime
