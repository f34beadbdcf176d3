"""States of a rollout and of a revision, and the moves that are allowed."""

from enum import StrEnum

from millrace_core.errors import Conflict


class State(StrEnum):
    """Where a rollout stands."""

    LOADING = "loading"
    MIRRORING = "mirroring"
    CANARY = "canary"
    PROMOTED = "promoted"
    ABORTED = "aborted"


ALLOWED: dict[State, frozenset[State]] = {
    State.LOADING: frozenset({State.MIRRORING, State.CANARY, State.PROMOTED, State.ABORTED}),
    State.MIRRORING: frozenset({State.CANARY, State.PROMOTED, State.ABORTED}),
    State.CANARY: frozenset({State.CANARY, State.PROMOTED, State.ABORTED}),
    State.PROMOTED: frozenset(),
    State.ABORTED: frozenset(),
}
"""From each state to those that may follow; canary follows canary with more traffic."""

IN_FLIGHT = (State.LOADING, State.MIRRORING, State.CANARY)


class Loaded(StrEnum):
    """Where a revision stands."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    RETIRED = "retired"


def check(old: State, new: State) -> None:
    """Raises: Conflict if a rollout may not move from *old* to *new*."""
    if new not in ALLOWED[old]:
        raise Conflict(f"A rollout that is {old} cannot become {new}.")
