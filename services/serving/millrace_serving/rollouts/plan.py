"""Pure functions over a rollout's plan: its steps in order, and what traffic each one means."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from millrace_contracts import durations
from millrace_contracts.rollouts import RolloutPlan, RolloutState


@dataclass(frozen=True)
class Step:
    """One step: its kind, the percentage of requests it concerns, and how long it lasts in event time."""

    state: RolloutState
    percent: float
    seconds: float

    def due(self, since: datetime | None, now: datetime | None, zone: str) -> bool:
        """Whether the step has lasted long enough, whole days by the clocks of *zone*.

        Without event time, a step lasts no time at all.
        """
        if since is None or now is None:
            return self.seconds == 0
        return durations.lasted(timedelta(seconds=self.seconds), since, now, zone)


def steps(stored: object) -> list[Step]:
    """The steps of a plan, as it is stored or stated: the mirror, if there is one, then each canary step."""
    plan = RolloutPlan.model_validate(stored)
    mirror = [] if plan.mirror is None else [plan.mirror]
    return [
        *(Step(RolloutState.MIRRORING, step.percent, step.seconds) for step in mirror),
        *(Step(RolloutState.CANARY, step.percent, step.seconds) for step in plan.canary),
    ]
