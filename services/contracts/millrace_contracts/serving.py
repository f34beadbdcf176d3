"""How a loop is served beside where: how many pods by its load, and when it gives them up."""

from typing import Final

from pydantic import ConfigDict, Field, model_validator

from millrace_contracts.bodies import Read
from millrace_contracts.parts import Float, Int, Part

MOST_PODS: Final = 100
FEWER_THAN_LEAST: Final = "serving.autoscaling.max is less than min"


class Autoscaling(Part):
    """Pods of the version with the traffic, by the requests that are in flight for it at the gateways."""

    model_config = ConfigDict(populate_by_name=True)

    min: Int = Field(default=1, ge=1, le=MOST_PODS, description="Fewest pods.")
    max: Int = Field(default=4, ge=1, le=MOST_PODS, description="Most pods.")
    in_flight: Float = Field(
        default=8,
        gt=0,
        le=10000,
        description="Requests in flight for each pod that are aimed at: sent by a gateway and not answered yet.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> "Autoscaling":
        if self.max < self.min:
            raise ValueError(FEWER_THAN_LEAST)
        return self


class ServingSpec(Part):
    """How a loop is served; a change of it takes hold at once and is no reason for a run."""

    model_config = ConfigDict(populate_by_name=True)

    autoscaling: Autoscaling | None = Field(
        default=None, description="Scale its pods by load; left out: as many as the installation says."
    )
    idle_minutes: Int | None = Field(
        default=None,
        ge=0,
        le=525600,
        description="Minutes without a request after which it gives up its pods and answers from the pod that its "
        "project shares; 0: never. Left out: as the installation says.",
    )


class Replicas(Read):
    """How many pods a revision has and should have, where its load decides that."""

    current: int = Field(description="Pods that there are.")
    wanted: int = Field(description="Pods that its load calls for.")
    least: int
    most: int
    why: str = Field(description="Why so many, in a sentence.")
