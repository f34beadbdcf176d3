"""Where an alarm can go."""

from enum import StrEnum


class AlarmPhase(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


ALLOWED: dict[AlarmPhase, frozenset[AlarmPhase]] = {
    AlarmPhase.OPEN: frozenset({AlarmPhase.ACKNOWLEDGED, AlarmPhase.CLOSED}),
    AlarmPhase.ACKNOWLEDGED: frozenset({AlarmPhase.CLOSED}),
    AlarmPhase.CLOSED: frozenset(),
}


def may(old: AlarmPhase, new: AlarmPhase) -> bool:
    """Whether an alarm may go from *old* to *new*; staying is no move."""
    return new in ALLOWED[old]
