"""Rollouts: the plan that moves traffic to a candidate, and how far it has come."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from millrace_contracts import durations
from millrace_contracts.bodies import Document, Read
from millrace_contracts.models import Golden
from millrace_contracts.names import LoopRunNumber, Name, VersionNumber
from millrace_contracts.parts import Strictly
from millrace_contracts.placement import ServerPlacement
from millrace_contracts.release import Files
from millrace_contracts.signature import Signature
from millrace_contracts.variants import ModelVariants

Key = Annotated[str, StringConstraints(min_length=1, max_length=150, pattern=r"^[^\x00]+$")]
Cause = Annotated[str, StringConstraints(max_length=36)]


NOBODY = 0
"""In place of a version: no version answers."""


class RolloutState(StrEnum):
    """Where a rollout stands."""

    LOADING = "loading"
    MIRRORING = "mirroring"
    CANARY = "canary"
    PROMOTED = "promoted"
    ABORTED = "aborted"


class TrafficStep(Strictly):
    """A share of the sticky keys, or of the requests that are copied, for a span of event time."""

    percent: float = Field(gt=0, le=100)
    seconds: float = Field(ge=0, le=1e9, description="Duration in event time.")


def growing(shares: list[float]) -> None:
    """Raises: ValueError unless the canary's percentages grow from step to step."""
    if shares != sorted(set(shares)):
        raise ValueError("the canary's percentages must grow from step to step")


class RolloutPlan(Strictly):
    """Mirror, then canary steps with growing shares, then everything."""

    mirror: TrafficStep | None = Field(
        default=None, description="Copy requests to the candidate; its answers are logged and thrown away."
    )
    canary: list[TrafficStep] = Field(default_factory=list, max_length=20)

    @model_validator(mode="after")
    def _growing(self) -> "RolloutPlan":
        growing([step.percent for step in self.canary])
        return self

    def steps(self) -> list[TrafficStep]:
        """In the order in which they are gone through."""
        return [*([] if self.mirror is None else [self.mirror]), *self.canary]


class RolloutWrite(Strictly):
    """A candidate and the plan to bring it into production."""

    key: Key
    model: Name
    version: VersionNumber
    signature: Signature
    files: Files
    golden: Golden
    plan: RolloutPlan = Field(default_factory=RolloutPlan)
    event_time: AwareDatetime | None = None
    loop: Name | Literal[""] = ""
    run: LoopRunNumber | None = None
    cause: Cause | None = None
    placement: ServerPlacement | None = None
    expected_stable: int | None = Field(
        default=None,
        ge=NOBODY,
        lt=2**31,
        description="Version that has to answer now, 0: none may; else nothing begins. null: whichever.",
    )
    variants: ModelVariants | None = Field(
        default=None, description="Forms of the version, of which the fastest on its kind of node is served."
    )

    @model_validator(mode="after")
    def _complete(self) -> "RolloutWrite":
        if self.files.find("model") is None:
            raise ValueError("files must name one of the role model, like model.onnx")
        lacking = [
            tensor.column
            for tensor in self.signature.inputs
            if tensor.name not in self.golden.inputs and tensor.column not in self.golden.inputs
        ]
        if lacking:
            raise ValueError(f"the golden rows lack {', '.join(lacking[:5])}")
        return self


class RolloutRead(Read):
    """How far a rollout has come."""

    id: int
    endpoint: str
    revision: int
    version: int
    previous: int | None = Field(description="The stable revision when it began.")
    state: RolloutState
    step: int = Field(description="Index of the present step in the plan, mirror first.")
    plan: RolloutPlan
    event_time: datetime | None = Field(description="Event time at which it began.")
    step_since: datetime | None = Field(description="Event time at which the present step began.")
    reason: str
    evidence: list[Document] = Field(description="What was known at each step.")
    decision: str | None = Field(default=None, description="Id of the decision that moved it last.")

    def rests_at(self, moment: datetime, zone: str) -> bool:
        """Whether at *moment*, by the clocks of *zone*, its present step is not over: time alone moves nothing yet."""
        if self.state not in (RolloutState.MIRRORING, RolloutState.CANARY) or self.step_since is None:
            return False
        lasts = timedelta(seconds=self.plan.steps()[self.step].seconds)
        return not durations.lasted(lasts, self.step_since, moment, zone)


class RolloutAbort(Strictly):
    """Why a rollout is ended."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00]+$")]
