"""Stretches of time in which nothing came: a long one closes as one span, and rows beyond it may be stamped wrongly."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from millrace_contracts.closings import SINGLE_DAYS
from millrace_monitoring.closing.rows import Rows
from millrace_monitoring.monitors.stream import FAR, FEW
from millrace_monitoring.monitors.watermark import Day, day_of
from millrace_monitoring.tables import Monitor


def first_after(tables: Sequence[pa.Table], after: datetime) -> datetime | None:
    """The first event of *tables* at or after *after*; None when they have none."""
    limit = np.datetime64(after.replace(tzinfo=None), "us")
    later = [times[times >= limit] for table in tables for times in [table["event_time"].to_numpy()]]
    first = min((times.min() for times in later if len(times)), default=None)
    return None if first is None else first.astype("datetime64[us]").item().replace(tzinfo=after.tzinfo)


def empty_span(day: Day, since: date | None, following: datetime | None, zone: ZoneInfo) -> Day:
    """The empty *day*; or, in a long stretch, all days from it to the month's end or to the next row.

    Where a stretch is cut follows from the rows alone, not from when it closes.

    Args:
        since: the last closed day with rows; None when there is none.
        following: the next event after the day.
    """
    if since is None or (day.date - since).days <= SINGLE_DAYS:
        return day
    month = day.date.replace(day=1) + timedelta(days=32)
    ends = [day_of(datetime(month.year, month.month, 1, tzinfo=zone), zone).begin]
    if following is not None:
        ends.append(day_of(following, zone).begin)
    last = day_of(min(ends) - timedelta(microseconds=1), zone)
    return Day(last.date, day.begin, last.end, (last.date - day.date).days + 1)


def is_stray(monitor: Monitor, day: Day, rows: Rows, following: datetime) -> bool:
    """Whether the rows of the very first day are stamped wrongly: few, and far before everything else."""
    return not monitor.state and 0 < len(rows.table) < FEW and following - day.end > FAR
