"""Explanations over HTTP: of rows that serving has just answered, and of entries that people look at."""

from fastapi import APIRouter

from millrace_contracts.explanations import ExplainWrite, Explanations
from millrace_core.auth import permit
from millrace_core.errors import Conflict
from millrace_core.names import Name, Project
from millrace_monitoring.closing.versions import items
from millrace_monitoring.monitors import queries as monitors
from millrace_monitoring.reviews import queries as reviews
from millrace_monitoring.reviews.routes import Number
from millrace_monitoring.services import CurrentServices

router = APIRouter(prefix="/v1/monitors", tags=["explanations"])


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
        lineup = await monitors.lineup(session, project, endpoint, None)
    assert lineup is not None, "a monitor is declared with a lineup"
    known = [item.version for item in items(lineup, len(lineup.archived)) if item.revision == entry.revision]
    if not known:
        raise Conflict(
            f"No version in production or archived answers as {entry.revision} now; it is not explained."
        )
    return await services.explainers.explain(project, monitor.declared.loop, known[0], [dict(entry.features)])
