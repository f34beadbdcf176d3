"""HTTP of shared pods: their loaders ask what they have to hold."""

from fastapi import APIRouter

from millrace_contracts.standby import StandbyRead, StandbyVersion
from millrace_core.auth import permit
from millrace_core.errors import Unavailable
from millrace_core.names import Project
from millrace_serving.services import CurrentServices

router = APIRouter(prefix="/v1/standby", tags=["standby"])


@router.get("", dependencies=[permit("serving.standby.read")], response_model=StandbyRead)
async def read_standby(project: Project, services: CurrentServices) -> StandbyRead:
    """What the pod that a project's versions without traffic share has to have loaded."""
    found = services.running().held(project)
    if found is None:
        raise Unavailable("Serving has not seen its pods yet; ask again.")
    items = [
        StandbyVersion(
            name=item.name,
            model=item.model,
            version=item.version,
            digest=item.digest,
            target=item.target,
            size=item.size,
            answers=not item.standby,
        )
        for item in found
    ]
    return StandbyRead(items=items)
