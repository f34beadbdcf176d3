"""Closed days over HTTP: the feed that drives the controller, and what was found by day."""

import time
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request

from millrace_contracts.closings import ClosedDay, ClosingFeed, ClosingRead, DaysAhead, DriftRead, LossRead
from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.held import answered
from millrace_core.names import Name, Project
from millrace_monitoring.closing import queries
from millrace_monitoring.closing.looking_ahead import look
from millrace_monitoring.closing.reading import read
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.services import CurrentServices, Services
from millrace_monitoring.tables import Closing, Loss
from millrace_monitoring.wakeups import wait_for

router = APIRouter(prefix="/v1", tags=["closed days"])
FEED = 200
Wait = Annotated[float, Query(ge=0, le=60, description="Seconds to wait for the first item.")]
Since = Annotated[date | None, Query(description="First day.")]
Until = Annotated[date | None, Query(description="Day after the last.")]


@router.get("/closings", dependencies=[permit("monitoring.closings.read")])
async def feed(
    request: Request,
    services: CurrentServices,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    wait: Wait = 0,
) -> ClosingFeed:
    """Closed days of all endpoints of all projects behind `after`; waits until there is one."""
    return await answered(request, _behind(request, services, after, wait))


async def _behind(request: Request, services: Services, after: int, wait: float) -> ClosingFeed:
    deadline = time.monotonic() + wait
    while True:
        closed = services.wakeups.closed
        async with services.readers() as session:
            behind = await queries.feed(session, after, FEED)
        if behind or time.monotonic() >= deadline or await request.is_disconnected():
            return ClosingFeed(
                items=[read(item) for item in behind], last=behind[-1].seq if behind else after
            )
        await wait_for(closed, min(deadline - time.monotonic(), 5.0))


@router.get("/monitors/{endpoint}/days", dependencies=[permit("monitoring.closings.read")])
async def days(
    endpoint: Name, project: Project, session: Session, since: Since = None, until: Until = None
) -> list[ClosingRead]:
    """Closed days in order."""
    await monitors.get(session, project, endpoint)
    return [read(item) for item in await queries.days(session, project, endpoint, since, until)]


@router.post("/monitors/{endpoint}/days:ahead", dependencies=[permit("monitoring.labels.write")])
async def look_ahead(
    endpoint: Name, body: DaysAhead, project: Project, services: CurrentServices
) -> list[ClosedDay]:
    """The next days of a replay, judged and not closed: as they are once all events before `through` are labelled."""
    return await look(services, project, endpoint, body.through)


@router.get("/monitors/{endpoint}/drift", dependencies=[permit("monitoring.closings.read")])
async def drift(
    endpoint: Name, project: Project, session: Session, since: Since = None, until: Until = None
) -> list[DriftRead]:
    """PSI of each feature by day, and the windows that were judged."""
    await monitors.get(session, project, endpoint)
    closed = await queries.days(session, project, endpoint, since, until)
    return [_drift(item) for item in closed]


@router.get("/monitors/{endpoint}/losses", dependencies=[permit("monitoring.closings.read")])
async def losses(
    endpoint: Name,
    project: Project,
    session: Session,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> list[LossRead]:
    """Daily mean loss of each version that was scored."""
    await monitors.get(session, project, endpoint)
    means: list[Loss] = await queries.losses(session, project, endpoint, version)
    return [LossRead.model_validate(item) for item in means]


def _drift(item: Closing) -> DriftRead:
    standing = item.item.drift
    return DriftRead(
        day=item.day,
        champion=item.champion,
        days=standing.days,
        psi=standing.psi or {},
        window=standing.window,
    )
