"""Growing pauses before what found no room is tried again, for runs and for jobs alike. Pure."""

from datetime import datetime, timedelta

LONGEST = 900.0
"""Seconds after which it is tried again at the latest."""


def seconds(first: float, times: int) -> float:
    """How long to wait after so many pauses: *first*, then twice as long each time."""
    return min(first * 2.0 ** min(times, 20), LONGEST)


def rests(until: datetime | None, now: datetime) -> bool:
    """Whether a pause is not over. One longer than any was begun by a clock that was set back: it is over."""
    return until is not None and timedelta() < until - now <= timedelta(seconds=LONGEST)
