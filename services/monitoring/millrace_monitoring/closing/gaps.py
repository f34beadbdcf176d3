"""Stretches of time in which nothing came: a long one closes as one span, and rows beyond it may be stamped wrongly."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from millrace_core.database import AsyncSession
from millrace_monitoring.closing.rows import Rows
from millrace_monitoring.ingest import queries as ingest
from millrace_monitoring.monitors.stream import FAR, FEW
from millrace_monitoring.monitors.watermark import Day, day_of, days_until
from millrace_monitoring.tables import Monitor

SINGLE_DAYS = 31
"""Days without rows that close one by one; of a longer stretch, all that is left closes as one."""


async def next_event(
    session: AsyncSession, monitor: Monitor, tables: Sequence[pa.Table], after: datetime
) -> datetime | None:
    """The first event at or after *after*; None when there is none yet.

    Args:
        tables: of the segments that overlap the time before it, and may reach beyond.
    """
    limit = np.datetime64(after.replace(tzinfo=None), "us")
    later = [times[times >= limit] for table in tables for times in [table["event_time"].to_numpy()]]
    first = min((times.min() for times in later if len(times)), default=None)
    stored = await ingest.first_event(session, monitor.project, monitor.endpoint, after)
    here = None if first is None else first.astype("datetime64[us]").item().replace(tzinfo=after.tzinfo)
    return min((moment for moment in (here, stored) if moment is not None), default=None)


def empty_span(day: Day, until: datetime, zone: ZoneInfo) -> Day:
    """The empty *day*, or as one span all days from it that end by *until*, if they are many."""
    last = day_of(until, zone)
    days = days_until(day, last)
    if days <= SINGLE_DAYS:
        return day
    before = day_of(last.begin - timedelta(microseconds=1), zone)
    return Day(before.date, day.begin, before.end, days)


def is_stray(monitor: Monitor, day: Day, rows: Rows, following: datetime) -> bool:
    """Whether the rows of the very first day are stamped wrongly: few, and far before everything else."""
    return not monitor.state and 0 < len(rows.table) < FEW and following - day.end > FAR
