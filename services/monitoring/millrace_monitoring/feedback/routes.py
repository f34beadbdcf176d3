"""Labelled production rows over HTTP."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Response
from fastapi.params import Query
from pydantic import AwareDatetime

from millrace_core.auth import permit
from millrace_core.names import Name, Project
from millrace_monitoring.closing import queries
from millrace_monitoring.feedback import export
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.services import CurrentServices

router = APIRouter(prefix="/v1/monitors", tags=["feedback"])
PARQUET = "application/vnd.apache.parquet"
Instant = Annotated[
    AwareDatetime | None, Query(description="Closed days that begin at or after / end by it.")
]


@router.get(
    "/{endpoint}/feedback",
    dependencies=[permit("monitoring.feedback.read")],
    response_class=Response,
    responses={200: {"content": {PARQUET: {}}}},
)
async def feedback(
    endpoint: Name, project: Project, services: CurrentServices, since: Instant = None, until: Instant = None
) -> Response:
    """The labelled rows of closed days as Parquet; the same days give the same bytes."""
    async with services.readers() as session:
        monitor = await monitors.get(session, project, endpoint)
        closed = await queries.days(session, project, endpoint)
    kept = [
        item.digest
        for item in closed
        if item.digest is not None
        and (since is None or item.through > since)
        and (until is None or item.through <= until)
    ]
    files = [await services.store.read(digest) for digest in kept]
    data = await asyncio.to_thread(export.of_days, files, monitor.declared)
    return Response(data, media_type=PARQUET)
