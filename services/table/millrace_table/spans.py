"""Times that lie far from all others, like one row in 2099: they are named, and nothing follows them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from millrace_table.columns import Mask

YEAR = timedelta(days=366) // timedelta(microseconds=1)
TAIL = 0.05
"""Share of rows at either end that may be far; more of them are another period, not a mistake."""


def far(values: pa.Array | pa.ChunkedArray, known: tuple[datetime, datetime] | None = None) -> Mask:
    """Which times (timestamps in UTC) lie behind a gap of more than a year, and wider than the others reach.

    Args:
        known: the first and last time of what is there already.
    """
    column = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    present = np.asarray(column.is_valid())
    micros = np.asarray(column.cast(pa.int64()).fill_null(0), np.int64)
    if not present.any():
        return np.zeros(len(column), bool)
    ordered = np.sort(micros[present])
    skipped = int(TAIL * len(ordered))
    first, last = int(ordered[skipped]), int(ordered[-1 - skipped])
    if known is not None:
        first, last = min(first, _micros(known[0])), max(last, _micros(known[1]))
    gap = max(YEAR, last - first)
    low = _reached(-ordered[ordered < first][::-1], -first, gap)
    high = _reached(ordered[ordered > last], last, gap)
    return present & ((micros > high) | (micros < -low))


def _reached(ahead: np.ndarray, start: int, gap: int) -> int:
    """The last of the times *ahead* (ascending) that is reached from *start* without a step over *gap*."""
    steps = np.diff(ahead, prepend=start)
    wide = np.flatnonzero(steps > gap)
    if not len(ahead):
        return start
    return int(ahead[-1]) if not len(wide) else start if wide[0] == 0 else int(ahead[wide[0] - 1])


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
