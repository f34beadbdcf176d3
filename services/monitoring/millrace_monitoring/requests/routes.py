"""One request over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Path

from millrace_contracts.audit import AuditedRequest
from millrace_contracts.names import RequestId
from millrace_core.auth import permit
from millrace_core.names import Name, Project
from millrace_monitoring.requests.finding import find
from millrace_monitoring.services import CurrentServices

router = APIRouter(prefix="/v1/monitors", tags=["audit"])


@router.get(
    "/{endpoint}/requests/{request_id}",
    response_model=AuditedRequest,
    dependencies=[permit("monitoring.requests.read")],
)
async def get_request(
    endpoint: Name, request_id: Annotated[RequestId, Path()], project: Project, services: CurrentServices
) -> AuditedRequest:
    """What came in, what went out, by which revision, and what turned out to be true; 404 if no row is kept."""
    return await find(services, project, endpoint, request_id)
