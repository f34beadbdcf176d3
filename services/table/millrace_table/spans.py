"""Times that lie far from all others, like one row in 2099: they are named, and nothing follows them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.counting import counted
from millrace_table.columns import Mask

YEAR = timedelta(days=366) // timedelta(microseconds=1)
AHEAD = timedelta(days=2)
"""Clocks and zones differ by less."""
TAIL = 0.05
"""Share of rows at either end that may be far; more of them are another period, not a mistake."""


def far(values: pa.Array | pa.ChunkedArray, known: tuple[datetime, datetime] | None = None) -> Mask:
    """Which times (timestamps in UTC) lie behind a gap of more than a year, and wider than the others reach.

    Args:
        known: the first and last time of what is there already.
    """
    micros, present = _ticks(values)
    return beyond(values, near(np.sort(micros[present]), known))


def near(ordered: np.ndarray, known: tuple[datetime, datetime] | None) -> tuple[int, int] | None:
    """The first and last time, in microseconds since 1970, that is not far; None for no times at all.

    Args:
        ordered: all times, ascending.
    """
    if not len(ordered):
        return None
    skipped = int(TAIL * len(ordered))
    first, last = int(ordered[skipped]), int(ordered[-1 - skipped])
    if known is not None:
        first, last = min(first, _micros(known[0])), max(last, _micros(known[1]))
    gap = max(YEAR, last - first)
    low = _reached(-ordered[: np.searchsorted(ordered, first)][::-1], -first, gap)
    high = _reached(ordered[np.searchsorted(ordered, last, "right") :], last, gap)
    return -low, high


def beyond(values: pa.Array | pa.ChunkedArray, ends: tuple[int, int] | None) -> Mask:
    """Which times lie outside the first and last one that is not far."""
    micros, present = _ticks(values)
    return (
        present & (micros < ends[0]) | present & (micros > ends[1]) if ends else np.zeros(len(micros), bool)
    )


def told(times: pa.ChunkedArray, name: str) -> list[str]:
    """Sentences about the times of a column of that *name* that are far from all others, and those yet to come."""
    micros, present = _ticks(times)
    odd = Odd(near(np.sort(micros[present]), None))
    odd.add(times)
    return odd.told(name)


class Odd:
    """Times of a column that are far from all others, and those that are yet to come, some at a time."""

    def __init__(self, ends: tuple[int, int] | None) -> None:
        """*ends*: the first and last time that is not far, of microseconds since 1970."""
        self._ends, self._soon = ends, datetime.now(UTC) + AHEAD
        self._far, self._later = _Some(), _Some()

    def add(self, times: pa.ChunkedArray) -> pa.ChunkedArray:
        """Count the next times; returns those that are not far."""
        away = pa.array(beyond(times, self._ends))
        near = times.filter(pc.invert(away))
        self._far.add(times.filter(away))
        self._later.add(near.filter(pc.greater(near, pa.scalar(self._soon))))
        return near

    def told(self, name: str) -> list[str]:
        """Sentences about them, of the column called *name*."""
        return [
            *self._far.told(name, "lies years from all others", "it will be left out"),
            *self._later.told(name, "is yet to come", "look whether it is when the row happened"),
        ]


@dataclass
class _Some:
    """How many times there are of a kind, and the first one."""

    count: int = 0
    first: datetime | None = None

    def add(self, times: pa.ChunkedArray) -> None:
        if len(times) and self.first is None:
            self.first = times[0].as_py()
        self.count += len(times)

    def told(self, name: str, what: str, mend: str) -> list[str]:
        if self.first is None:
            return []
        rows = counted(self.count, "row has", "rows have")
        return [f"{rows} a time in '{name}' that {what} ({self.first.date().isoformat()}): {mend}."]


def _ticks(values: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, Mask]:
    column = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return np.asarray(column.cast(pa.int64()).fill_null(0), np.int64), np.asarray(column.is_valid())


def _reached(ahead: np.ndarray, start: int, gap: int) -> int:
    """The last of the times *ahead* (ascending) that is reached from *start* without a step over *gap*."""
    steps = np.diff(ahead, prepend=start)
    wide = np.flatnonzero(steps > gap)
    if not len(ahead):
        return start
    return int(ahead[-1]) if not len(wide) else start if wide[0] == 0 else int(ahead[wide[0] - 1])


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
