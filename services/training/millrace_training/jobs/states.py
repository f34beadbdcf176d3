"""The moves between the states of a job."""

from millrace_contracts.jobs import JobState as State

ALLOWED: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLED}),
    State.RUNNING: frozenset({State.QUEUED, State.SUCCEEDED, State.FAILED, State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}
"""From a state to those that may follow; a running job goes back to queued when its process is lost."""
TERMINAL = frozenset(state for state, following in ALLOWED.items() if not following)

__all__ = ["ALLOWED", "TERMINAL", "State"]
