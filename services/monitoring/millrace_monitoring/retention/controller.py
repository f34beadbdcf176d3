"""One pass that deletes what no policy keeps: old rows, late rows, old decisions, and graphs nobody scores.

Age is event time for rows and labels; what was found on a day (its profile, losses, alarms) always stays.
"""

from datetime import datetime, timedelta

from millrace_core.database import utcnow
from millrace_core.log import log
from millrace_core.reconcile import run_forever
from millrace_monitoring.labels import queries as labels
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.pushes import queries as pushes
from millrace_monitoring.retention import queries
from millrace_monitoring.services import Services
from millrace_monitoring.tables import Monitor

TOLD_DAYS = 30


async def retain_forever(services: Services) -> None:
    """Background task."""
    await run_forever("retention", lambda: apply(services), every=services.settings.retention_seconds)


async def apply(services: Services) -> int:
    """Delete what may go; returns how many files went."""
    async with services.readers() as session:
        watched = await monitors.every(session)
    digests: set[str] = set()
    for monitor in watched:
        digests |= await _expire(services, monitor)
    async with services.sessions.begin() as session:
        await queries.expire_decisions(session, utcnow() - timedelta(days=TOLD_DAYS))
        unneeded = digests - await monitors.referred(session, sorted(digests))
    for digest in sorted(unneeded):
        await services.store.delete(digest)
    if unneeded:
        log.info("old rows deleted", files=len(unneeded))
    return len(unneeded)


async def _expire(services: Services, monitor: Monitor) -> set[str]:
    """Rows and labels of one monitor that are older than its policy keeps."""
    if monitor.closed_through is None:
        return set()
    days = monitor.declared.policy.retention.logs_days
    before = monitor.closed_through - timedelta(days=days)
    async with services.sessions.begin() as session:
        newest = await queries.newest_lineup(session, monitor)
        await queries.expire_lineups(session, monitor, newest)
        await labels.remove_before(session, monitor.project, monitor.endpoint, before)
        await queries.expire_reviews(session, monitor, before)
        rows = await queries.expire_days(session, monitor, before)
        files = {*rows, *await queries.expire_segments(session, monitor, before)}
    await _trim(services, monitor, before)
    return files


async def _trim(services: Services, monitor: Monitor, before: datetime) -> None:
    """Pushes of labels that are gone, some in each transaction."""
    after: int | None = 0
    went = 0
    while after is not None:
        async with services.sessions.begin() as session:
            count, after = await pushes.trim(session, monitor.project, monitor.endpoint, before, after)
        went += count
    if went:
        log.info("old pushes of labels deleted", endpoint=monitor.endpoint, pushes=went)
