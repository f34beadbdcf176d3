"""One level-triggered pass beside the closing of days: estimate what closed for good, and what is over but waits.

It reads closed days' files and open rows and writes rows of its own, so no day closes later or otherwise because of it.
"""

import asyncio
import contextlib
import hashlib
from datetime import timedelta
from zoneinfo import ZoneInfo

from millrace_contracts.estimates import StoredEstimate
from millrace_core.errors import NotFound
from millrace_core.log import log
from millrace_core.reconcile import run_forever
from millrace_monitoring.closing import queries as closings
from millrace_monitoring.closing import rows as rows_of
from millrace_monitoring.closing.files import table_of
from millrace_monitoring.closing.loading import why_not
from millrace_monitoring.estimates import alarming, queries
from millrace_monitoring.estimates.day import estimate, of_closed, of_open
from millrace_monitoring.ingest import queries as ingest
from millrace_monitoring.ingest import segments
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.labels import queries as labels
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.monitors.watermark import Day, day_of
from millrace_monitoring.profiles.baseline import EMPTY, Baseline
from millrace_monitoring.services import Services
from millrace_monitoring.tables import Closing, EstimatedDay, Lineup, Monitor

AT_ONCE = 50
"""Closed days in one transaction."""
OPEN_DAYS = 60
"""Days that wait, the first so many of which are estimated."""


async def estimate_forever(services: Services) -> None:
    """Background task."""
    await run_forever("estimates", lambda: estimate_due(services), every=services.settings.estimate_seconds)


async def estimate_due(services: Services) -> int:
    """EstimatedDay every day of every monitor that lacks it; returns how many."""
    async with services.readers() as session:
        every = await monitors.every(session)
    count, failed = 0, None
    for monitor in every:
        try:
            if monitor.declared.policy.estimated:
                while settled := await _settle(services, monitor):
                    count += settled
                await _forget_passed(services, monitor)
                count += await _open_days(services, monitor)
            await _raise(services, monitor)
        except Exception as error:
            log.exception("an estimate failed", endpoint=monitor.endpoint, error=type(error).__name__)
            failed = error
    if failed is not None:
        raise failed
    return count


async def _settle(services: Services, monitor: Monitor) -> int:
    """The next closed days, for good; returns how many there were."""
    async with services.readers() as session:
        last = await queries.settled_through(session, monitor.project, monitor.endpoint)
        since = None if last is None else last + timedelta(days=1)
        closed = await closings.days(session, monitor.project, monitor.endpoint, since)
    made = [await _closed(services, monitor, day) for day in closed[:AT_ONCE]]
    if made:
        async with services.sessions.begin() as session:
            await queries.put(session, made)
    return len(made)


async def _closed(services: Services, monitor: Monitor, closing: Closing) -> EstimatedDay:
    day = Day(closing.day, closing.item.from_, closing.through)
    if closing.digest is None or closing.champion is None:
        return _row(monitor, day, closing.champion or 0, StoredEstimate(why="it has no rows"), "", True)
    lineup, baseline = await _champion(services, monitor, day)
    found = StoredEstimate(why="its rows are not kept any more")
    with contextlib.suppress(NotFound):
        data = await services.store.read(closing.digest)
        spec, revision = monitor.declared, lineup.champion.revision
        found = await asyncio.to_thread(
            lambda: estimate(of_closed(table_of(data), spec, revision), spec, baseline)
        )
    return _row(monitor, day, lineup.champion.version, found, closing.digest, True)


async def _forget_passed(services: Services, monitor: Monitor) -> None:
    """Nothing is expected of days that were passed over as the stream began behind them: their rows were faults."""
    if monitor.closed_through is None:
        return
    mine = (monitor.project, monitor.endpoint, monitor.closed_through)
    async with services.readers() as session:
        found = await queries.passed_over(session, *mine)
    if found:
        async with services.sessions.begin() as session:
            for day in await queries.passed_over(session, *mine):
                await session.delete(day)


async def _open_days(services: Services, monitor: Monitor) -> int:
    """Days that are over and have not closed, where rows or labels came since the last look."""
    count, made = 0, list[EstimatedDay]()
    for day in await _waiting(services, monitor):
        row = await _open(services, monitor, day)
        made += [] if row is None else [row]
        count += row is not None
    if made:
        async with services.sessions.begin() as session:
            await queries.put(session, made)
    return count


async def _raise(services: Services, monitor: Monitor) -> None:
    """Let the alarm stand that estimates call for; where none is asked for any more, one that stands is over."""
    async with services.readers() as session:
        if not alarming.wanted(monitor) and not await alarming.stands(session, monitor):
            return
        rows = await queries.days(session, monitor.project, monitor.endpoint)
    rows = [row for row in rows if row.version == rows[-1].version]
    if rows:
        day = Day(rows[-1].day, rows[-1].through, rows[-1].through)
        _, baseline = await _champion(services, monitor, day)
        async with services.sessions.begin() as session:
            await alarming.settle(session, monitor, rows, baseline)


async def _waiting(services: Services, monitor: Monitor) -> list[Day]:
    zone = ZoneInfo(monitor.declared.timezone)
    async with services.readers() as session:
        first = await ingest.first_event(session, monitor.project, monitor.endpoint, monitor.closed_through)
    days = list[Day]()
    start = max((at for at in (first, monitor.closed_through) if at is not None), default=None)
    while start is not None and monitor.event_time_max is not None and len(days) < OPEN_DAYS:
        day = day_of(start, zone)
        if day.end > monitor.event_time_max:
            break
        days.append(day)
        start = day.end
    return days


async def _open(services: Services, monitor: Monitor, day: Day) -> EstimatedDay | None:
    """The estimate of a day that waits; None if nothing has changed since the last one."""
    project, endpoint, spec = monitor.project, monitor.endpoint, monitor.declared
    async with services.segments_locks.of(project, endpoint):
        async with services.readers() as session:
            stored = await ingest.spanning(session, project, endpoint, day.begin, day.end)
            known = await queries.days(session, project, endpoint, day.date, day.date + timedelta(days=1))
        seen = _seen([segment.digest for segment in stored], monitor.labelled)
        if not stored or (known and (known[0].settled or known[0].seen == seen)):
            return None
        tables = [segments.load(await services.store.read(segment.digest)) for segment in stored]
    tables = [segments.between(table, day.begin, day.end) for table in tables]
    requests = {name for table in tables for name in table["request_id"].to_pylist() if name}
    async with services.readers() as session:
        truths = await labels.of(session, project, endpoint, requests)
    lineup, baseline = await _champion(services, monitor, day)
    work = (
        day,
        spec.signature.inputs,
        Answers.of(spec.task, spec.signature),
        lineup.champion.revision,
        truths,
    )
    found = await asyncio.to_thread(lambda: estimate(of_open(rows_of.of_day(tables, *work)), spec, baseline))
    return _row(monitor, day, lineup.champion.version, found, seen, False)


async def _champion(services: Services, monitor: Monitor, day: Day) -> tuple[Lineup, Baseline]:
    """Who answered on the day, with its baseline; an empty one where the registry does not have it."""
    async with services.readers() as session:
        lineup = await monitors.lineup(session, monitor.project, monitor.endpoint, day.end)
    assert lineup is not None, "a monitor is declared with a lineup"
    digest = lineup.champion.files.find("baseline")
    if digest is None or await why_not(services.baselines.read(monitor.project, digest)) is not None:
        return lineup, EMPTY
    return lineup, await services.baselines.read(monitor.project, digest)


def _seen(digests: list[str], labelled: int) -> str:
    """What a look at an open day saw: its segments, and how many labels there were of all rows."""
    return hashlib.sha256("\n".join([*sorted(digests), str(labelled)]).encode()).hexdigest()


def _row(
    monitor: Monitor, day: Day, version: int, item: StoredEstimate, seen: str, settled: bool
) -> EstimatedDay:
    return EstimatedDay(
        project=monitor.project,
        endpoint=monitor.endpoint,
        day=day.date,
        version=version,
        settled=settled,
        seen=seen,
        through=day.end,
        item=item,
    )
