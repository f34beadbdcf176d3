"""A rollout as its readers see it."""

from typing import Any

from millrace_serving.tables import Rollout

COLUMNS = (
    "endpoint",
    "revision",
    "version",
    "previous",
    "state",
    "step",
    "plan",
    "event_time",
    "step_since",
    "decision",
    "reason",
    "evidence",
)


def read(rollout: Rollout) -> dict[str, Any]:
    """The fields of `RolloutRead`."""
    return {"id": rollout.number} | {name: getattr(rollout, name) for name in COLUMNS}
