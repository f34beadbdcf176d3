"""One level-triggered pass: close every day that is due, in order, from the data alone.

All that a day leaves behind is written in one transaction, so a crash before it is a repeat that finds the same.
"""

import asyncio
import time
from datetime import datetime

import numpy as np

from millrace_core.log import log
from millrace_core.reconcile import run_forever
from millrace_monitoring.closing import ahead, queries, states
from millrace_monitoring.closing.gaps import empty_span, is_stray
from millrace_monitoring.closing.judging import Shut, judge
from millrace_monitoring.closing.outcome import write
from millrace_monitoring.closing.preparing import prepare
from millrace_monitoring.closing.rows import Rows
from millrace_monitoring.closing.stretch import Stretch, next_day, read
from millrace_monitoring.detectors.day import usual
from millrace_monitoring.ingest import queries as ingest
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.monitors.stream import FEW
from millrace_monitoring.monitors.watermark import Day, is_due, watermark
from millrace_monitoring.services import Services
from millrace_monitoring.tables import Monitor


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


async def _close_next(services: Services, project: str, endpoint: str) -> bool:
    """Not while somebody else has its rows: other endpoints do not wait for that."""
    if services.segments_locks.passes_by(project, endpoint):
        return False
    async with services.segments_locks.of(project, endpoint):
        return await close_next(services, project, endpoint)


async def close_next(services: Services, project: str, endpoint: str) -> bool:
    """Close the monitor's next day if it is due; nobody may merge its segments meanwhile.

    Days that were judged ahead close together, as far as they are due.
    """
    began = time.perf_counter()
    opened = await _open(services, project, endpoint)
    if opened is None:
        return False
    monitor, day = opened
    block = await ahead.take(services, monitor)
    stretch = await read(services, monitor, day, day.end) if block is None else block.stretch
    shut = await _judged(services, stretch, day) if block is None else block.due(monitor)
    if isinstance(shut, bool):
        return shut
    await write(services, stretch, shut)
    ms = round((time.perf_counter() - began) * 1e3, 1)
    for one in shut:
        rows, name = len(one.given.rows), one.given.day.date.isoformat()
        log.info("day closed", endpoint=endpoint, day=name, rows=rows, labelled=one.judged.labelled, ms=ms)
    return True


async def _judged(services: Services, stretch: Stretch, day: Day) -> list[Shut] | bool:
    """The next day if it is due; False: it is not; True: its rows were counted as faults, and another one is next."""
    monitor, rows = stretch.monitor, await asyncio.to_thread(stretch.rows, day)
    share = float(np.isfinite(rows.labels).mean()) if len(rows) else 1.0
    shares = states.load(monitor.state).quality.shares
    if not is_due(monitor, day, share, usual(shares)):
        return False
    if len(rows.table) < FEW:
        following = stretch.following(day.end)
        if following is not None and is_stray(monitor, day, rows, following):
            return await _pass_over(services, monitor, day, rows, following)
        if len(rows.table) == 0:
            day = await widened(services, stretch, day)
            through = watermark(monitor)
            if through is None or through < day.end:
                return False
    return [await judged(services, stretch, day, rows)]


async def widened(services: Services, stretch: Stretch, day: Day) -> Day:
    """The next day, which has no rows, with those that close together with it."""
    async with services.readers() as session:
        since = await queries.last_day(session, stretch.monitor.project, stretch.monitor.endpoint)
    return empty_span(day, since, stretch.following(day.end), stretch.zone)


async def judged(services: Services, stretch: Stretch, day: Day, rows: Rows) -> Shut:
    """Judge the next day of a monitor."""
    prepared = await prepare(services, stretch, day)
    return await asyncio.to_thread(judge, stretch, day, rows, prepared, services.graphs)


async def _pass_over(services: Services, monitor: Monitor, day: Day, rows: Rows, following: datetime) -> bool:
    """Count the rows of a stray first day as faults; the stream begins behind them."""
    requests = list(zip(*(rows.table[name].to_pylist() for name in ("revision", "listener")), strict=True))
    begin = next_day(monitor, following).begin
    async with services.sessions.begin() as session:
        await queries.begin_at(session, monitor, begin)
        await ingest.add_faults(session, monitor.project, monitor.endpoint, requests)
    log.warning("stray rows", endpoint=monitor.endpoint, day=day.date.isoformat(), rows=len(rows.table))
    return True


async def _open(services: Services, project: str, endpoint: str) -> tuple[Monitor, Day] | None:
    """The monitor and its next day, once the watermark has passed its end."""
    async with services.readers() as session:
        monitor = await monitors.get(session, project, endpoint)
        start = monitor.closed_through or await ingest.first_event(session, project, endpoint)
        through = watermark(monitor)
    if start is None or through is None:
        return None
    day = next_day(monitor, start)
    if through < day.end or _counted_lately(services, monitor, day):
        return None
    return monitor, day


def _counted_lately(services: Services, monitor: Monitor, day: Day) -> bool:
    """A day that waits for labels is looked at once in a while, not with every record that arrives."""
    if monitor.complete_through is not None and monitor.complete_through >= day.end:
        return False
    return not services.recounts.may(monitor.project, monitor.endpoint, day.date)
