"""Where an alarm can go."""

from enum import StrEnum


class State(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


ALLOWED: dict[State, frozenset[State]] = {
    State.OPEN: frozenset({State.ACKNOWLEDGED, State.CLOSED}),
    State.ACKNOWLEDGED: frozenset({State.CLOSED}),
    State.CLOSED: frozenset(),
}


def may(old: State, new: State) -> bool:
    """Whether an alarm may go from *old* to *new*; staying is no move."""
    return new in ALLOWED[old]
