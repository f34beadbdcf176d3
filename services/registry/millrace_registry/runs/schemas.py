"""JSON of runs."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from millrace_core.names import Digest
from millrace_registry.bodies import Body
from millrace_registry.runs.states import State


class RunWrite(Body):
    key: str = Field(min_length=1, max_length=200, description="Natural key: the same key is the same run.")
    loop: str = Field(default="", max_length=63)
    loop_run: int | None = Field(default=None, ge=1, le=2**31 - 1)
    job: str | None = Field(default=None, max_length=63)
    dataset: str | None = Field(default=None, max_length=63)
    dataset_version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    params: dict[str, Any] = Field(default_factory=dict)


class RunChange(Body):
    state: State | None = None
    metrics: dict[str, float | None] = Field(
        default_factory=dict, description="Merged into those already there."
    )
    artifacts: dict[str, Digest] = Field(default_factory=dict, description="Digest by name; merged.")
    message: str | None = Field(default=None, max_length=10_000)


class RunRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: str
    key: str
    loop: str
    loop_run: int | None
    job: str | None
    dataset: str | None
    dataset_version: int | None
    state: State
    params: dict[str, Any]
    metrics: dict[str, Any]
    artifacts: dict[str, Any]
    message: str
    created_at: datetime
    updated_at: datetime
