"""Pure functions over a rollout's plan: its steps in order, and what traffic each one means."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from millrace_serving.rollouts.states import State


@dataclass(frozen=True)
class Step:
    """One step: its kind, the percentage of requests it concerns, and how long it lasts in event time."""

    state: State
    percent: float
    seconds: float

    def due(self, since: datetime | None, now: datetime | None) -> bool:
        """Whether the step has lasted long enough; without event time, a step lasts no time at all."""
        if since is None or now is None:
            return self.seconds == 0
        return now - since >= timedelta(seconds=self.seconds)


def steps(plan: Mapping[str, Any]) -> list[Step]:
    """The steps of a plan: the mirror, if there is one, then each canary step."""
    mirror = plan.get("mirror")
    first = [Step(State.MIRRORING, mirror["percent"], mirror["seconds"])] if mirror else []
    canary = [Step(State.CANARY, item["percent"], item["seconds"]) for item in plan.get("canary", [])]
    return first + canary
