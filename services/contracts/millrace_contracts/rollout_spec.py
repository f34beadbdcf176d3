"""How a candidate comes into production, as a loop declares it: copied requests first, then growing shares."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from millrace_contracts import durations
from millrace_contracts.parts import Float, Lasting, Part, Written
from millrace_contracts.rollouts import growing

StepDuration = Annotated[Written, Lasting(most="11574d")]
"""A billion seconds and a little less: the longest step that a rollout can have."""


class StepSpec(Part):
    percent: Float = Field(gt=0, le=100)
    for_: StepDuration = Field(default="1d", alias="for", description="How long, in event time.")

    def seconds(self) -> float:
        return durations.parse(self.for_).total_seconds()


class RolloutSpec(Part):
    mirror: StepSpec | None = Field(
        default=None, description="Requests copied to the candidate; nobody sees its answers."
    )
    canary: list[StepSpec] = Field(default=[], max_length=20, description="Growing shares of real traffic.")

    @model_validator(mode="after")
    def _growing(self) -> "RolloutSpec":
        growing([step.percent for step in self.canary])
        return self

    def plan(self) -> dict[str, Any]:
        """As serving takes it."""
        mirror = (
            None
            if self.mirror is None
            else {"percent": self.mirror.percent, "seconds": self.mirror.seconds()}
        )
        canary = [{"percent": step.percent, "seconds": step.seconds()} for step in self.canary]
        return {"mirror": mirror, "canary": canary}
