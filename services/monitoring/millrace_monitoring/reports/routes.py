"""The report over HTTP."""

import asyncio
from collections.abc import Sequence
from datetime import date

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from millrace_contracts.alarms import AlarmRead
from millrace_contracts.closings import ClosingRead
from millrace_contracts.decisions import DecisionRead
from millrace_contracts.monitors import MonitorWrite
from millrace_core.auth import permit
from millrace_core.names import Name, Project
from millrace_monitoring.alarms import queries as alarms
from millrace_monitoring.closing import queries
from millrace_monitoring.closing.reading import read
from millrace_monitoring.closing.routes import Since, Until
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.reports import predictions, scored
from millrace_monitoring.reports.page import page
from millrace_monitoring.services import CurrentServices
from millrace_monitoring.tables import Closing

router = APIRouter(prefix="/v1/monitors", tags=["reports"])
ALARMS = 200


@router.get(
    "/{endpoint}/report", dependencies=[permit("monitoring.reports.read")], response_class=HTMLResponse
)
async def report(
    endpoint: Name, project: Project, services: CurrentServices, since: Since = None, until: Until = None
) -> HTMLResponse:
    """One self-contained HTML page about the endpoint."""
    async with services.readers() as session:
        monitor = await monitors.get(session, project, endpoint)
        closed = await queries.days(session, project, endpoint, since, until)
        raised = await alarms.page(session, project, endpoint, None, None, ALARMS)
    files = [(day, await services.store.read(digest)) for day, digest in _last(closed)]
    listed = [AlarmRead.model_validate(alarm) for alarm in raised]
    days = [read(item) for item in closed]
    scorings = await scored.read(services.clients, endpoint, project)
    text = await asyncio.to_thread(_page, endpoint, monitor.declared, days, files, listed, scorings)
    return HTMLResponse(text)


def _last(closed: Sequence[Closing]) -> list[tuple[date, str]]:
    """Day and file of the last closed days that have rows, in order; only so many rows."""
    kept: list[tuple[date, str]] = []
    rows = predictions.ROWS
    for item in reversed(closed):
        rows -= item.rows
        if item.digest is not None and item.rows and rows >= 0 and len(kept) < predictions.DAYS:
            kept.append((item.day, item.digest))
    return kept[::-1]


def _page(
    endpoint: str,
    spec: MonitorWrite,
    days: list[ClosingRead],
    files: list[tuple[date, bytes]],
    listed: list[AlarmRead],
    scorings: list[DecisionRead] | None,
) -> str:
    return page(endpoint, spec, days, predictions.read(spec, files), listed, scorings)
