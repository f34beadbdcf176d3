"""Estimated performance over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query

from millrace_contracts.estimates import Estimates
from millrace_core.auth import permit
from millrace_core.names import Name, Project
from millrace_monitoring.closing.routes import Since, Until
from millrace_monitoring.estimates.telling import tell
from millrace_monitoring.services import CurrentServices

router = APIRouter(prefix="/v1/monitors", tags=["estimates"])


@router.get("/{endpoint}/estimates", dependencies=[permit("monitoring.closings.read")])
async def estimates(
    endpoint: Name,
    project: Project,
    services: CurrentServices,
    since: Since = None,
    until: Until = None,
    window: Annotated[int, Query(ge=1, le=366, description="Days that are told together.")] = 7,
) -> Estimates:
    """Performance estimated before labels come, with bounds, beside what was measured."""
    return (await tell(services, project, endpoint, window)).between(since, until)
