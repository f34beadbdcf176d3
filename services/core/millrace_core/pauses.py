"""Growing pauses before what failed for now, or found no room, is tried again: the one rule of all services. Pure."""

from datetime import datetime, timedelta

LONGEST = 900.0
"""Seconds after which it is tried again at the latest."""


def seconds(first: float, times: int, longest: float = LONGEST) -> float:
    """How long to wait after so many pauses: *first*, then twice as long each time, *longest* at most."""
    return min(first * 2.0 ** min(times, 20), longest)


def without_line(since: datetime | None, next_at: datetime | None, turn: datetime) -> datetime | None:
    """Since when there is no room for what is tried again now, less the time in which it only stood in line.

    Args:
        since: since when there was none, as counted so far; None: there was room.
        next_at: the end of its pause; from then on it waited for others.
        turn: now that it is its turn.
    """
    if since is None or next_at is None or turn <= next_at:
        return since
    return min(since + (turn - next_at), turn)


def rests(until: datetime | None, now: datetime) -> bool:
    """Whether a pause is not over. One longer than any was begun by a clock that was set back: it is over."""
    return until is not None and timedelta() < until - now <= timedelta(seconds=LONGEST)
