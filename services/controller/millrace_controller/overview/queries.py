"""SQL of the overview: every loop of a project with its newest run, and of both only what a line shows."""

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from millrace_controller.lookup.queries import DELETED
from millrace_controller.tables import Loop, Run

TASK = Loop.document[("spec", "task")].as_string()
OF_LOOP = (
    Loop.name, Loop.project, Loop.state, Loop.champion, Loop.champion_since, Loop.message, Loop.owner, Loop.causes,
    Loop.settled_through, Loop.updated_at,
)  # fmt: skip
OF_RUN = (
    Run.number, Run.state, Run.cause, Run.steps, Run.version, Run.traffic, Run.waiting, Run.queue, Run.message,
    Run.opened_at, Run.ended_at, Run.approval,
)  # fmt: skip


async def every(session: AsyncSession, project: str, search: str) -> list[tuple[Loop, Run | None, str]]:
    """Live loops whose name holds *search*, each with its newest run and its task."""
    newest = and_(Run.loop_id == Loop.id, Run.number == Loop.runs)
    statement = (
        select(Loop, Run, TASK)
        .outerjoin(Run, newest)
        .where(Loop.project == project, Loop.mode == "live", Loop.state != DELETED)
        .options(load_only(*OF_LOOP), load_only(*OF_RUN))
    )
    if search:
        statement = statement.where(Loop.name.contains(search, autoescape=True))
    found = await session.execute(statement)
    return [(loop, run, task or "") for loop, run, task in found.all()]
