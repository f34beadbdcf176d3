"""Explanations over HTTP: of rows that serving has just answered, of entries of the queue, and of logged requests."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from millrace_contracts.bodies import Document
from millrace_contracts.explanations import ExplainWrite, Explanations
from millrace_contracts.names import RequestId
from millrace_core.auth import permit
from millrace_core.errors import Conflict, NotFound
from millrace_core.names import Name, Project
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.requests.finding import find
from millrace_monitoring.reviews import queries as reviews
from millrace_monitoring.reviews.routes import Number
from millrace_monitoring.services import CurrentServices, Services
from millrace_monitoring.tables import Monitor

router = APIRouter(prefix="/v1/monitors", tags=["explanations"])
INFERENCE = "inference"
"""The listener whose answer somebody got; others are mirrored."""


@router.post("/{endpoint}/explanations", dependencies=[permit("monitoring.explanations.write")])
async def explain(
    endpoint: Name, body: ExplainWrite, project: Project, services: CurrentServices
) -> Explanations:
    """What each input contributes to a version's answers: exact for sums of trees, or with its error."""
    rows = [dict(row) for row in body.rows]
    return await services.explainers.explain(project, endpoint, body.version, rows)  # type: ignore[arg-type]


@router.get("/{endpoint}/reviews/{number}/explanation", dependencies=[permit("monitoring.reviews.read")])
async def of_entry(
    endpoint: Name, number: Number, project: Project, services: CurrentServices
) -> Explanations:
    """Why an entry of the queue was answered as it was, by the version that answered it."""
    async with services.readers() as session:
        monitor = await monitors.get(session, project, endpoint)
        entry = await reviews.get(session, monitor, number)
    return await _of_row(services, monitor, entry.revision, entry.features)


@router.get(
    "/{endpoint}/requests/{request_id}/explanation", dependencies=[permit("monitoring.requests.read")]
)
async def of_request(
    endpoint: Name,
    request_id: Annotated[RequestId, Path()],
    project: Project,
    services: CurrentServices,
    index: Annotated[int, Query(ge=0, lt=2**31, description="The row of the request; 0 is the first.")] = 0,
) -> Explanations:
    """Why a row of a logged request was answered as it was, by the version that answered it."""
    kept = await find(services, project, endpoint, request_id)
    rows = [row for row in kept.rows if row.index == index and row.answer is not None]
    if not rows:
        raise NotFound(f"The request {request_id} has no answered row {index}; its rows are numbered from 0.")
    async with services.readers() as session:
        monitor = await monitors.get(session, project, endpoint)
    answered = min(rows, key=lambda row: row.listener != INFERENCE)
    return await _of_row(services, monitor, answered.revision, answered.features)


async def _of_row(services: Services, monitor: Monitor, revision: str, features: Document) -> Explanations:
    """Raises: Conflict for a row that was not answered by a version that was in production or archived."""
    async with services.readers() as session:
        version = await monitors.version_behind(session, monitor.project, monitor.endpoint, revision)
    if version is None:
        raise Conflict(
            f"No version that was in production or archived answers as {revision}; it is not explained."
        )
    return await services.explainers.explain(
        monitor.project, monitor.declared.loop, version, [features], logged=True
    )
