"""A rollout as its readers see it."""

from millrace_contracts.rollouts import RolloutPlan, RolloutRead, RolloutState
from millrace_serving.tables import Rollout


def read(rollout: Rollout) -> RolloutRead:
    """The row in words."""
    return RolloutRead(
        id=rollout.number,
        endpoint=rollout.endpoint,
        revision=rollout.revision,
        version=rollout.version,
        previous=rollout.previous,
        state=RolloutState(rollout.state),
        step=rollout.step,
        plan=RolloutPlan.model_validate(rollout.plan),
        event_time=rollout.event_time,
        step_since=rollout.step_since,
        decision=rollout.decision,
        reason=rollout.reason,
        evidence=rollout.evidence,
    )
