"""Monitors over HTTP."""

from fastapi import APIRouter, BackgroundTasks, Response

from millrace_contracts.monitors import MonitorRead, MonitorWrite, RevisionCounts
from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, decode, paginate
from millrace_monitoring.monitors import queries
from millrace_monitoring.monitors.counting import totals
from millrace_monitoring.monitors.watermark import watermark
from millrace_monitoring.services import CurrentServices
from millrace_monitoring.tables import Count, Monitor

router = APIRouter(prefix="/v1/monitors", tags=["monitors"])


@router.put("/{endpoint}", dependencies=[permit("monitoring.monitors.write")])
async def declare(
    endpoint: Name,
    body: MonitorWrite,
    project: Project,
    session: Session,
    services: CurrentServices,
    after_commit: BackgroundTasks,
) -> MonitorRead:
    """Watch an endpoint, or change how; a new champion counts from the next day that closes."""
    monitor = await queries.put(session, project, endpoint, body)
    services.watched.pop((project, endpoint), None)
    services.ahead.pop((project, endpoint), None)
    after_commit.add_task(services.wakeups.wake)
    return _read(monitor, await queries.counts(session, project, endpoint))


@router.get("", dependencies=[permit("monitoring.monitors.read")])
async def every(
    project: Project, session: Session, limit: Limit = 100, cursor: Cursor = None
) -> Page[MonitorRead]:
    """The project's monitors by endpoint."""
    after = decode(cursor, str) or ("",)
    page = paginate(
        await queries.page(session, project, str(after[0]), limit), limit, lambda monitor: (monitor.endpoint,)
    )
    items = [_read(item, await queries.counts(session, project, item.endpoint)) for item in page["items"]]
    return Page[MonitorRead](items=items, next=page["next"])


@router.get("/{endpoint}", dependencies=[permit("monitoring.monitors.read")])
async def one(endpoint: Name, project: Project, session: Session) -> MonitorRead:
    """One monitor and how far it has come."""
    monitor = await queries.get(session, project, endpoint)
    return _read(monitor, await queries.counts(session, project, endpoint))


@router.delete(
    "/{endpoint}",
    status_code=204,
    response_class=Response,
    dependencies=[permit("monitoring.monitors.write")],
)
async def remove(
    endpoint: Name,
    project: Project,
    session: Session,
    services: CurrentServices,
    after_commit: BackgroundTasks,
) -> None:
    """Watch no longer, and forget the rows, days and alarms; the registry keeps the decisions."""
    digests = await queries.remove(session, project, endpoint)
    after_commit.add_task(services.forget, project, endpoint)
    kept = await queries.referred(session, digests)
    for digest in set(digests) - kept:
        after_commit.add_task(services.store.delete, digest)


def _read(monitor: Monitor, counted: list[Count]) -> MonitorRead:
    return MonitorRead(
        endpoint=monitor.endpoint,
        spec=monitor.declared,
        event_time_max=monitor.event_time_max,
        watermark=watermark(monitor),
        closed_through=monitor.closed_through,
        counts=totals(monitor, counted),
        revisions=[_line(count) for count in counted],
    )


def _line(count: Count) -> RevisionCounts:
    names = ("revision", "listener", "offered", "written", "dropped", "duplicates", "rows", "faults", "late")
    return RevisionCounts(**{name: getattr(count, name) for name in names})
