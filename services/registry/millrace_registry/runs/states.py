"""States of a run, and which may follow which."""

from enum import StrEnum

from millrace_core.errors import Conflict


class State(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDS = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})
ALLOWED: dict[State, frozenset[State]] = {
    State.RUNNING: ENDS,
    State.FAILED: frozenset({State.RUNNING, State.SUCCEEDED}),  # the job was tried again
    State.CANCELLED: frozenset(),
    State.SUCCEEDED: frozenset(),
}


def check(old: State, new: State) -> None:
    """Allow the move, or that nothing moves. Raises: Conflict."""
    if new != old and new not in ALLOWED[old]:
        raise Conflict(f"A run that is {old} cannot become {new}.")
