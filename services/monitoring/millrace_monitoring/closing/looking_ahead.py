"""What the next days of a replay come to, before anybody says that they close: nothing of it is stored."""

import asyncio
from datetime import datetime

from millrace_contracts.closings import ClosedDay
from millrace_core.errors import Conflict, NotFound
from millrace_monitoring.closing import ahead, queries
from millrace_monitoring.closing.ahead import Ahead
from millrace_monitoring.closing.controller import judged, widened
from millrace_monitoring.closing.judging import Shut, following
from millrace_monitoring.closing.outcome import told
from millrace_monitoring.closing.stretch import Stretch, last_of, next_day, read
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.services import Services
from millrace_monitoring.tables import Monitor


async def look(services: Services, project: str, endpoint: str, through: datetime) -> list[ClosedDay]:
    """The days that close once all events before *through* are labelled, as a loop would read them; none at first.

    Raises: NotFound; Conflict for a monitor that is no replay's: what comes there is not known beforehand.
    """
    async with services.segments_locks.of(project, endpoint):
        async with services.readers() as session:
            monitor = await monitors.get(session, project, endpoint)
        if monitor.declared.mode != "backtest":
            raise Conflict(f"{endpoint} is no backtest's: its days are judged when they close.")
        stretch, shut = await _block(services, monitor, through)
        if not shut:
            return []
        ahead.keep(services, Ahead(stretch, shut))
        days = await _told(services, monitor, shut)
        await _still_watched(services, project, endpoint)
        return days


async def _still_watched(services: Services, project: str, endpoint: str) -> None:
    """Nothing is kept of a monitor that was removed meanwhile. Raises: NotFound for one."""
    try:
        async with services.readers() as session:
            await monitors.get(session, project, endpoint)
    except NotFound:
        await services.forget(project, endpoint)
        raise


async def _block(services: Services, monitor: Monitor, through: datetime) -> tuple[Stretch, list[Shut]]:
    """The stretch to *through*, or as far as its lineup holds, and its judged days; the very first day stands alone."""
    start = monitor.closed_through
    assert start is not None or not monitor.state, "a day that closed has an end"
    day = next_day(monitor, start or through)
    stretch = await read(services, monitor, day, await last_of(services, monitor, day, through))
    if start is None or not monitor.state or day.end > stretch.through:
        return stretch, []
    rows = await asyncio.to_thread(stretch.rows, day)
    if len(rows.table) == 0:
        day = await widened(services, stretch, day)
    if day.end > stretch.through:
        return stretch, []
    first = await judged(services, stretch, day, rows)
    async with services.readers() as session:
        since = await queries.last_day(session, monitor.project, monitor.endpoint)
    since = first.given.day.date if len(rows) else since
    rest = await asyncio.to_thread(lambda: list(following(stretch, first, since, services.graphs)))
    return stretch, [first, *rest]


async def _told(services: Services, monitor: Monitor, shut: list[Shut]) -> list[ClosedDay]:
    """As the feed would tell them; what they do to the alarms is taken back."""
    async with services.sessions() as session:
        items = await told(session, monitor, shut)
        days = [
            ClosedDay(
                through=one.given.day.end,
                alarms=item.alarms,
                open=item.open,
                labelled=one.judged.labelled,
                standing=item.standing,
                switch_back=item.switch_back,
            )
            for one, item in zip(shut, items, strict=True)
        ]
        await session.rollback()
    return days
