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
    now = None if before is None else instants(before)
    last = times.max() if now is None else max(now, times.max())
    if last - (times.min() if now is None else now) <= np.timedelta64(FAR):
        return _moment(last)
    ordered = np.sort(times.astype("datetime64[us]"))
    if now is None:
        return _moment(_last(ordered))
    later = np.concatenate([[now], ordered[ordered > now]])
    breaks = np.flatnonzero(np.diff(later) > np.timedelta64(FAR))
    reach = breaks[0] + 1 if len(breaks) else len(later)
    beyond = later[reach:]
    has_company = len(beyond) and len(beyond) + behind >= FEW
    return _moment(_last(beyond) if has_company else later[reach - 1])


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
