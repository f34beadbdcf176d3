"""Glances over HTTP: many endpoints in one call, and the course of one endpoint day by day."""

import asyncio
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from millrace_contracts.fairness import FairnessWindow
from millrace_contracts.overviews import DayPoint, EndpointGlance, Names
from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.names import Name, Project
from millrace_monitoring.closing import groups
from millrace_monitoring.closing import queries as closings
from millrace_monitoring.glances import queries
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.services import CurrentServices
from millrace_monitoring.short_days import KeptDays, Short

router = APIRouter(prefix="/v1", tags=["monitors"])
WEEK = 7
READ = permit("monitoring.monitors.read")


@router.get("/monitors:glance", dependencies=[READ])
async def glance(
    session: Session,
    services: CurrentServices,
    project: Project,
    endpoints: Annotated[Names, Query(description="Up to 200 names with commas between them.")],
    days: Annotated[int, Query(ge=1, le=92)] = 28,
) -> list[EndpointGlance]:
    """How these endpoints do, each in one line with its last days; those that nobody watches are left out."""
    watched = await queries.watched(session, project, set(endpoints.split(",")))
    closed = await _closed(services.glances, session, project, watched, days)
    alarms = await queries.alarms(session, project, watched)
    logged = await queries.logged(session, project, watched)
    return [_glance(name, closed.get(name, []), alarms.get(name, 0), logged.get(name, 0)) for name in watched]


async def _closed(
    kept: KeptDays, session: Session, project: str, watched: list[str], days: int
) -> dict[str, list[Short]]:
    """The last days of each endpoint, in order; only what nobody asked for before is read out of its document."""
    last = await queries.last_days(session, project, watched)
    places = await queries.places(session, project, last, days)
    known = kept.of(seq for mine in places.values() for seq in mine)
    lacking = {name: last[name] for name, mine in places.items() if any(seq not in known for seq in mine)}
    fresh = await queries.recent(session, project, lacking, days)
    kept.add(fresh)
    known |= fresh
    return {name: [known[seq] for seq in mine if seq in known] for name, mine in places.items()}


@router.get("/monitors/{endpoint}/course", dependencies=[permit("monitoring.closings.read")])
async def course(
    endpoint: Name,
    project: Project,
    session: Session,
    since: Annotated[date | None, Query(description="First day.")] = None,
    until: Annotated[date | None, Query(description="Day after the last.")] = None,
) -> list[DayPoint]:
    """Closed days in order, of each only the few numbers that a picture shows."""
    await monitors.get(session, project, endpoint)
    return [point(line) for line in await queries.course(session, project, endpoint, since, until)]


@router.get("/monitors/{endpoint}/fairness", dependencies=[permit("monitoring.closings.read")])
async def fairness(
    endpoint: Name,
    project: Project,
    session: Session,
    since: Annotated[date | None, Query(description="First day.")] = None,
    until: Annotated[date | None, Query(description="Day after the last.")] = None,
) -> FairnessWindow:
    """Groups of protected attributes over closed days, with bounds that take each day for one block."""
    monitor = await monitors.get(session, project, endpoint)
    closed = await closings.days(session, project, endpoint, since, until)
    return await asyncio.to_thread(groups.over, monitor.declared, closed)


def point(line: queries.Line) -> DayPoint:
    """A line of the database as JSON shows it."""
    _, day, rows, labelled, champion, loss, reference, value, level = line
    share = None if value is None or not level else max(0.0, value / level)
    return DayPoint(
        day=day, rows=rows, labelled=labelled, loss=loss, baseline=reference, champion=champion, level=share
    )


def _glance(endpoint: str, days: list[Short], alarms: int, logged: int) -> EndpointGlance:
    week = days[-WEEK:]
    told = [(day.loss, day.labelled) for day in week if day.loss is not None and day.labelled]
    labelled = sum(count for _, count in told)
    return EndpointGlance(
        endpoint=endpoint,
        losses=[day.loss for day in days],
        rows=sum(day.rows for day in week),
        loss=sum(loss * count for loss, count in told) / labelled if labelled else None,
        baseline=next((day.reference for day in reversed(days) if day.reference is not None), None),
        alarms=alarms,
        logged=logged,
    )
