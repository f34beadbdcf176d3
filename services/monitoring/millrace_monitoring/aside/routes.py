"""What could not be told, over HTTP: shown to who looks after the installation, and read again on their word."""

from fastapi import APIRouter

from millrace_contracts.messages import SetAsideRead
from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_monitoring.aside import queries, rereading
from millrace_monitoring.aside.tables import SetAside
from millrace_monitoring.services import CurrentServices

router = APIRouter(prefix="/v1", tags=["notices"])


@router.get(
    "/set-aside", dependencies=[permit("monitoring.channels.read")], response_model=list[SetAsideRead]
)
async def list_set_aside(session: Session) -> list[SetAside]:
    """Decisions of all projects of which nobody could be told, and why; they are read again every hour."""
    return await queries.waiting(session)


@router.post(
    "/set-aside:again", dependencies=[permit("monitoring.reading.write")], response_model=list[SetAsideRead]
)
async def read_set_aside(services: CurrentServices) -> list[SetAside]:
    """Read them again now, and tell what can be told; answers what stays set aside."""
    await rereading.read_again(services)
    async with services.readers() as session:
        return await queries.waiting(session)
