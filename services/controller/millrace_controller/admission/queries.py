"""SQL of the queue: the runs that are open or wait, and who was served when."""

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.loop_runs import LoopRunState as State
from millrace_contracts.room import QueuePlace
from millrace_contracts.waiting import Waiting
from millrace_controller.admission.rules import Id
from millrace_controller.tables import Loop, Run
from millrace_core import pauses
from millrace_core.waiting import QUEUED

BUSY = (State.PENDING, State.RUNNING)


async def busy(session: AsyncSession) -> list[tuple[Loop, Run]]:
    """Every run that is open or waits, with its loop, oldest first."""
    query = select(Loop, Run).join(Run, Run.loop_id == Loop.id).where(Run.state.in_(BUSY))
    rows = await session.execute(query.order_by(Run.created_at, Run.loop_id))
    return [(loop, run) for loop, run in rows]


async def standing(session: AsyncSession) -> list[tuple[str, datetime, bool]]:
    """Of every run that is open or waits its project, since when it is there, and whether it waits."""
    waits = (Run.state == State.PENDING) & Run.admitted_at.is_(None)
    query = select(Loop.project, Run.created_at, waits).join(Run, Run.loop_id == Loop.id)
    rows = await session.execute(query.where(Run.state.in_(BUSY)))
    return [(project, since, bool(waiting)) for project, since, waiting in rows]


async def served(session: AsyncSession) -> dict[str, datetime]:
    """When a run of each project was last let in."""
    query = select(Loop.project, func.max(Run.admitted_at)).join(Run, Run.loop_id == Loop.id)
    rows = await session.execute(query.where(Run.admitted_at.is_not(None)).group_by(Loop.project))
    return {project: moment for project, moment in rows if moment is not None}


async def admit(session: AsyncSession, run: Run, at: datetime) -> None:
    """It is the run's turn; the time for which it stood in line is none in which there was no room for it."""
    short = pauses.without_line(run.short_since, run.next_at, at)
    change = _waiting((run.loop_id, run.number))
    await session.execute(change.values(admitted_at=at, queue=None, waiting=None, short_since=short))


async def place(session: AsyncSession, id: Id, place: QueuePlace) -> None:
    """Where a run stands that waits."""
    waiting = Waiting(reason=QUEUED, message=place.told())
    await session.execute(_waiting(id).values(queue=place, waiting=waiting))


def _waiting(id: Id):  # type: ignore[no-untyped-def]
    mine = (Run.loop_id == id[0], Run.number == id[1], Run.state == State.PENDING, Run.admitted_at.is_(None))
    return update(Run).where(*mine)
