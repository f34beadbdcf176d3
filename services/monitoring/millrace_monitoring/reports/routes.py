"""The report over HTTP."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from millrace_contracts.alarms import AlarmRead
from millrace_core.auth import permit
from millrace_core.names import Name, Project
from millrace_monitoring.alarms import queries as alarms
from millrace_monitoring.closing import queries
from millrace_monitoring.closing.routes import Since, Until
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.reports.page import page
from millrace_monitoring.services import CurrentServices

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
        found = await alarms.page(session, project, endpoint, None, None, ALARMS)
    days = [item.item | {"day": item.day, "rows": item.rows, "labelled": item.labelled} for item in closed]
    listed = [AlarmRead.model_validate(alarm).model_dump(mode="json") for alarm in found]
    return HTMLResponse(await asyncio.to_thread(page, endpoint, monitor.spec, days, listed))
