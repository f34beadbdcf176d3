"""JSON of loop runs."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from millrace_controller.runs.states import State

JOB = r"^[0-9a-f]{32}$"
TEXT = r"^[^\x00]*$"
StepName = Literal["ingest", "validate", "train", "evaluate", "gate", "register", "roll-out"]


class WaitingRead(BaseModel):
    """What keeps a pod from running."""

    reason: str = Field(
        description="In one CamelCase word, like Unschedulable, ImagePullBackOff, QuotaExceeded."
    )
    message: str = Field(description="In the cluster's own words.")


class RunRead(BaseModel):
    """One pass of a loop's pipeline, from its trigger to the last rollout step."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    state: State
    cause: dict[str, Any] = Field(description="What opened it: kind, reason, evidence.")
    opened_at: datetime | None = Field(description="Event time of the trigger.")
    steps: dict[str, Any] = Field(description="State, message and job of each step that has begun.")
    verdict: dict[str, Any] | None = Field(description="The gates' verdict, once they have spoken.")
    version: int | None = Field(description="Model version it registered.")
    rollout: int | None
    decision: str = Field(description="Id of the decision that opened it.")
    message: str
    waiting: WaitingRead | None = Field(
        description="What a pod of it waits for that will not pass by itself."
    )
    pipeline: dict[str, Any] | None = Field(
        description="Where its pipeline runs or ran: the runner, and its id and link, if any."
    )
    attempts: int
    created_at: datetime
    ended_at: datetime | None


class StepWrite(BaseModel):
    """What a pipeline step tells of itself."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["running", "succeeded", "failed"]
    message: str = Field(default="", max_length=4000, pattern=TEXT)
    job: str | None = Field(default=None, pattern=JOB, description="The training job it waits for.")
    final: bool = Field(default=False, description="Whether a step that failed would fail again.")


class RefusalWrite(BaseModel):
    """Why the run's data cannot be trained on."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=1500, pattern=TEXT)
    report: dict[str, Any] = Field(default_factory=dict)


class GateWrite(BaseModel):
    """The jobs whose results are to be judged."""

    model_config = ConfigDict(extra="forbid")

    train_job: str = Field(pattern=JOB, description="Id of the run's train job.")
    evaluate_job: str = Field(pattern=JOB, description="Id of the run's evaluate job.")


class RolloutWrite(BaseModel):
    """The registered version that is to be rolled out."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1, lt=2**31)
