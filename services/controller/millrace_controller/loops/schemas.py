"""JSON of loops."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from millrace_controller.runs.schemas import TEXT, RunRead


class ConditionRead(BaseModel):
    """One thing that is so, is not so, or is not known yet."""

    model_config = ConfigDict(from_attributes=True)

    type: str
    status: str = Field(description="True, False or Unknown.")
    reason: str = Field(description="Why, in one CamelCase word.")
    message: str = Field(description="Why, in a sentence.")


class CandidateRead(BaseModel):
    """The version that is being rolled out."""

    model_config = ConfigDict(from_attributes=True)

    version: int
    digest: str | None
    weight: float = Field(description="Its share of the answers, in percent.")
    run: int


class LoopRead(BaseModel):
    """A loop as declared, and where it stands."""

    name: str
    project: str
    mode: str = Field(description="live, or backtest.")
    state: str = Field(description="active, paused or deleting.")
    generation: int = Field(description="Grows by one whenever the spec changes.")
    phase: str = Field(description="In one word: waiting, running, rolling-out, watching, paused, deleting.")
    champion: int | None = Field(description="Model version in production.")
    candidate: CandidateRead | None = Field(description="The version that is being rolled out.")
    conditions: list[ConditionRead] = Field(description="What is so, what is not, and why.")
    owner: dict[str, Any] | None = Field(description="The cluster's resource that declares it, if one does.")
    archive: list[int] = Field(description="Versions that may come back, oldest first.")
    run: RunRead | None = Field(description="The newest run.")
    settled_through: datetime | None = Field(
        description="Event time through which everything has been decided."
    )
    settled: bool = Field(description="Whether nothing waits for a pipeline.")
    rest_until: datetime | None
    message: str = Field(description="What is in the way, if anything.")
    document: dict[str, Any]
    created_at: datetime
    updated_at: datetime


class RollbackWrite(BaseModel):
    """Back to a version by hand."""

    model_config = ConfigDict(extra="forbid")

    to: int | None = Field(default=None, ge=1, lt=2**31, description="Version; null: the one before.")
    reason: str = Field(default="asked for by hand", min_length=1, max_length=500, pattern=TEXT)
    key: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        pattern=TEXT,
        description="The same key again is the same rollback.",
    )


class RetrainWrite(BaseModel):
    """A run by hand."""

    model_config = ConfigDict(extra="forbid")

    key: str | None = Field(default=None, max_length=100, description="The same key again is the same run.")
    search: bool = Field(default=False, description="Search in full instead of fitting the best again.")
