"""Sources over HTTP: how a loop's source stands, and a look at it now."""

from fastapi import APIRouter

from millrace_contracts.pulls import SourceRead
from millrace_controller import polls
from millrace_controller.lookup import queries as lookup
from millrace_controller.services import CurrentServices
from millrace_controller.sources import queries
from millrace_controller.tables import Loop
from millrace_core.auth import permit
from millrace_core.database import AsyncSession, Session, utcnow
from millrace_core.errors import NotFound
from millrace_core.names import Name, Project

router = APIRouter(prefix="/v1/loops", tags=["sources"])


@router.get("/{loop}/source", response_model=SourceRead, dependencies=[permit("controller.loops.read")])
async def get_source(loop: Name, session: Session, project: Project) -> SourceRead:
    """How the loop's source stands. 404 for a loop whose rows are pushed."""
    return _shown(await lookup.get(session, project, loop))


@router.post(
    "/{loop}:pull",
    response_model=SourceRead,
    status_code=202,
    dependencies=[permit("controller.loops.write")],
)
async def pull(loop: Name, session: Session, project: Project, services: CurrentServices) -> SourceRead:
    """Look at the source as soon as possible; a look that goes on is that look."""
    declared = await lookup.get(session, project, loop)
    shown = _shown(declared)
    poll = declared.poll
    if poll is not None and poll.key is None:
        await _now(session, declared)
        return _shown(declared)
    return shown


async def _now(session: AsyncSession, loop: Loop) -> None:
    assert loop.poll is not None
    await queries.note(session, loop, loop.poll.model_copy(update={"next_at": utcnow()}))
    await session.refresh(loop)


def _shown(loop: Loop) -> SourceRead:
    source = polls.polled(loop.spec)
    if source is None:
        raise NotFound(f"{loop.name} declares no source that is read by itself; see spec.data.source.")
    return polls.shown(loop.name, source, loop.poll)
