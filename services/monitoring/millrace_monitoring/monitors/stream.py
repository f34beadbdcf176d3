"""How far the stream of events has come, though single rows may be stamped years off.

A few rows that lie far from all others say nothing of the time: their stamps are wrong. Once there are more of them,
the stream has indeed moved.
"""

from datetime import UTC, datetime, timedelta

import numpy as np

FAR = timedelta(days=366)
"""A row this far from all others is stamped wrongly, unless it has company."""
FEW = 20
"""So many rows are company enough."""


def instants(moment: datetime) -> np.datetime64:
    """A point in time as numpy keeps it."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def newest(times: np.ndarray, before: datetime | None, behind: int = 0) -> datetime | None:
    """The newest event time that counts; *before* if no later one does.

    Args:
        times: event times of answered rows, datetime64[us] of shape (rows,).
        before: the newest one so far.
        behind: rows stored earlier that lie far behind *before*, as those of *times* may.
    """
    if len(times) == 0:
        return before
    ordered = np.sort(times.astype("datetime64[us]"))
    if before is not None:
        now = instants(before)
        near = ordered[ordered <= now + np.timedelta64(FAR)]
        last = max(now, near[-1]) if len(near) else now
        beyond = ordered[ordered > last + np.timedelta64(FAR)]
        return _moment(_last(beyond) if len(beyond) + behind >= FEW else last)
    return _moment(_last(ordered))


def far(times: np.ndarray, newest: datetime | None) -> np.ndarray:
    """Which *times* lie far behind the *newest* that counts, bool of shape (rows,)."""
    if newest is None:
        return np.zeros(len(times), dtype=bool)
    return np.asarray(times.astype("datetime64[us]") > instants(newest) + np.timedelta64(FAR))


def far_before(times: np.ndarray, newest: datetime) -> np.ndarray:
    """Which *times* lie far before *newest*, bool of shape (rows,)."""
    return np.asarray(times.astype("datetime64[us]") < instants(newest) - np.timedelta64(FAR))


def _last(ordered: np.ndarray) -> np.datetime64:
    """The end of the last stretch with company; of everything, if no stretch has."""
    gaps = np.flatnonzero(np.diff(ordered) > np.timedelta64(FAR)) + 1
    stretches = np.split(ordered, gaps)
    counted = [stretch for stretch in stretches if len(stretch) >= FEW]
    last: np.datetime64 = (counted or stretches)[-1][-1]
    return last


def _moment(instant: np.datetime64) -> datetime:
    moment: datetime = instant.astype("datetime64[us]").item()
    return moment.replace(tzinfo=UTC)
