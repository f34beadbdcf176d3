"""The days of a replay in order, and which of them close when, so that nothing is waited for that cannot come."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from millrace_contracts.closings import SINGLE_DAYS
from millrace_replay.history import Day


@dataclass(frozen=True)
class Turn:
    """A day of the replay.

    closes: it closes by itself; in a long stretch without rows, and before the first ones, a day does not.
    ends_stretch: the days of a long stretch before it close as soon as its rows are there.
    goes_on: it has no rows and closes by itself, and so does the day after it: at rest, they may close together.
    """

    day: Day
    closes: bool
    ends_stretch: bool = False
    goes_on: bool = False


def turns(days: Iterable[Day]) -> Iterator[Turn]:
    """The days in order, with what closes when."""
    ordered = list(_closing(days))
    for turn, following in zip(ordered, [*ordered[1:], None], strict=True):
        alike = following is not None and all(
            one.closes and not len(one.day.rows) for one in (turn, following)
        )
        yield replace(turn, goes_on=alike)


def _closing(days: Iterable[Day]) -> Iterator[Turn]:
    last: date | None = None
    for day in days:
        apart = None if last is None else (day.date - last).days
        if len(day.rows):
            yield Turn(day, True, ends_stretch=apart is not None and apart - 1 > SINGLE_DAYS)
            last = day.date
        else:
            yield Turn(day, apart is not None and apart <= SINGLE_DAYS)
