"""One level-triggered pass: close every day that is due, in order, from the data alone.

All that a day leaves behind is written in one transaction, so a crash before it is a repeat that finds the same.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from millrace_contracts.names import ClassValue
from millrace_core.log import log
from millrace_core.reconcile import run_forever
from millrace_monitoring.closing import queries, states
from millrace_monitoring.closing.day import Given, Judged, close
from millrace_monitoring.closing.files import parquet
from millrace_monitoring.closing.gaps import empty_span, is_stray, next_event
from millrace_monitoring.closing.outcome import write
from millrace_monitoring.closing.preparing import prepare
from millrace_monitoring.closing.rows import Rows, of_day
from millrace_monitoring.detectors.day import usual
from millrace_monitoring.ingest import queries as ingest
from millrace_monitoring.ingest import segments
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.labels import queries as labels
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.monitors.stream import FEW
from millrace_monitoring.monitors.watermark import Day, day_of, is_due, watermark
from millrace_monitoring.reviews import queries as reviews
from millrace_monitoring.services import Services
from millrace_monitoring.tables import Monitor, Segment


async def close_forever(services: Services) -> None:
    """Background task."""
    settings, wakeups = services.settings, services.wakeups
    await run_forever(
        "closing", lambda: close_due(services), every=settings.closing_seconds, wake=wakeups.due
    )


async def close_due(services: Services) -> int:
    """Close every day of every monitor that is due; returns how many."""
    async with services.readers() as session:
        keys = [(monitor.project, monitor.endpoint) for monitor in await monitors.every(session)]
    closed, failed = 0, None
    for project, endpoint in keys:
        try:
            while await _close_next(services, project, endpoint):
                closed += 1
                services.wakeups.tell_closed()
        except Exception as error:
            log.exception("a day could not be closed", endpoint=endpoint, error=type(error).__name__)
            failed = error
    if failed is not None:
        raise failed
    return closed


@dataclass(frozen=True)
class Open:
    """The next day of a monitor, with its stored segments."""

    monitor: Monitor
    day: Day
    revision: str | None
    stored: list[Segment]
    tables: list[pa.Table]


async def _close_next(services: Services, project: str, endpoint: str) -> bool:
    async with services.segments_lock:
        return await close_next(services, project, endpoint)


async def close_next(services: Services, project: str, endpoint: str) -> bool:
    """Close the monitor's next day if it is due; nobody may merge its segments meanwhile."""
    began = time.perf_counter()
    opened = await _open(services, project, endpoint)
    if opened is None:
        return False
    rows = await _rows(services, opened)
    share = float(np.isfinite(rows.labels).mean()) if len(rows) else 1.0
    shares = states.load(opened.monitor.state).quality.shares
    if not is_due(opened.monitor, opened.day, share, usual(shares)):
        return False
    if len(rows.table) < FEW:
        following = await _following(services, opened)
        if following is not None and is_stray(opened.monitor, opened.day, rows, following):
            return await _pass_over(services, opened, rows, following)
        if len(rows.table) == 0:
            widened = await _widened(services, opened, following)
            if widened is None:
                return False
            opened = widened
    judged = await _close(services, opened, rows)
    ms = round((time.perf_counter() - began) * 1e3, 1)
    day = opened.day.date.isoformat()
    log.info("day closed", endpoint=endpoint, day=day, rows=len(rows), labelled=judged.labelled, ms=ms)
    return True


async def _following(services: Services, opened: Open) -> datetime | None:
    """The first event after the open day."""
    async with services.readers() as session:
        return await next_event(session, opened.monitor, opened.tables, opened.day.end)


async def _widened(services: Services, opened: Open, following: datetime | None) -> Open | None:
    """The open day without rows, with those that close together with it; None while they are not over."""
    monitor, through = opened.monitor, watermark(opened.monitor)
    async with services.readers() as session:
        since = await queries.last_day(session, monitor.project, monitor.endpoint)
    day = empty_span(opened.day, since, following, ZoneInfo(monitor.declared.timezone))
    return replace(opened, day=day) if through is not None and through >= day.end else None


async def _pass_over(services: Services, opened: Open, rows: Rows, following: datetime) -> bool:
    """Count the rows of a stray first day as faults; the stream begins behind them."""
    monitor, day = opened.monitor, opened.day
    requests = list(zip(*(rows.table[name].to_pylist() for name in ("revision", "listener")), strict=True))
    begin = day_of(following, ZoneInfo(monitor.declared.timezone)).begin
    async with services.sessions.begin() as session:
        await queries.begin_at(session, monitor, begin)
        await ingest.add_faults(session, monitor.project, monitor.endpoint, requests)
    log.warning("stray rows", endpoint=monitor.endpoint, day=day.date.isoformat(), rows=len(rows.table))
    return True


async def _close(services: Services, opened: Open, rows: Rows) -> Judged:
    prepared = await prepare(services, opened.monitor, opened.day)
    given = Given(
        opened.monitor.declared,
        opened.day,
        rows,
        prepared.versions,
        prepared.states,
        prepared.window,
        prepared.gathered,
        prepared.plan,
    )
    judged = await asyncio.to_thread(close, given, services.graphs)
    digest = await _keep(services, rows, opened.monitor.declared.signature.classes or ())
    await write(services, given, judged, opened.monitor, prepared, opened.stored, digest)
    return judged


async def _open(services: Services, project: str, endpoint: str) -> Open | None:
    """The next day and its rows, once the watermark has passed its end."""
    async with services.readers() as session:
        monitor = await monitors.get(session, project, endpoint)
        start = monitor.closed_through or await ingest.first_event(session, project, endpoint)
        through = watermark(monitor)
        if start is None or through is None:
            return None
        day = day_of(start, ZoneInfo(monitor.declared.timezone))
        if through < day.end or _counted_lately(services, monitor, day):
            return None
        lineup = await monitors.lineup(session, project, endpoint, day.end)
        stored = await ingest.spanning(session, project, endpoint, day.begin, day.end)
    assert lineup is not None, "a monitor is declared with a lineup"
    tables = [segments.load(await services.store.read(segment.digest)) for segment in stored]
    return Open(monitor, day, lineup.champion.revision, stored, tables)


def _counted_lately(services: Services, monitor: Monitor, day: Day) -> bool:
    """A day that waits for labels is looked at once in a while, not with every record that arrives."""
    if monitor.complete_through is not None and monitor.complete_through >= day.end:
        return False
    return not services.recounts.may(monitor.project, monitor.endpoint, day.date)


async def _rows(services: Services, opened: Open) -> Rows:
    spec, monitor = opened.monitor.declared, opened.monitor
    times = [segments.between(table, opened.day.begin, opened.day.end) for table in opened.tables]
    requests = {name for table in times for name in table["request_id"].to_pylist() if name}
    async with services.readers() as session:
        truths = await labels.of(session, monitor.project, monitor.endpoint, requests)
        drawn = await reviews.drawn(session, monitor, opened.day.begin, opened.day.end)
    answers = Answers.of(spec.task, spec.signature)
    work = (times, opened.day, spec.signature.inputs, answers, opened.revision, truths, drawn)
    return await asyncio.to_thread(of_day, *work)


async def _keep(services: Services, rows: Rows, classes: Sequence[ClassValue]) -> str | None:
    """Store the day's rows as one Parquet file; None when there are none."""
    if len(rows.table) == 0:
        return None
    blob = await services.store.put(await asyncio.to_thread(parquet, rows.table, classes))
    return str(blob.digest)
