"""SQL of the overview: of every loop of a project what decides how well it is, and of those that are shown a line.

Of a thousand loops a dozen short columns are read; documents, steps and plans only of the few that are shown.
"""

from collections.abc import Sequence

from sqlalchemy import JSON, String, and_, cast, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from millrace_controller.lookup.queries import DELETED
from millrace_controller.overview.glance import Line, Standing
from millrace_controller.tables import Loop, Run

TASK = Loop.document[("spec", "task")].as_string()
REASON = type_coerce(Run.waiting, JSON)["reason"].as_string()
NEWEST = and_(Run.loop_id == Loop.id, Run.number == Loop.runs)
NOTHING = ("[]", "null")
OF_LOOP = (
    Loop.name, Loop.project, Loop.state, Loop.champion, Loop.champion_since, Loop.message, Loop.owner, Loop.causes,
    Loop.settled_through, Loop.updated_at,
)  # fmt: skip
OF_RUN = (
    Run.number, Run.state, Run.cause, Run.steps, Run.version, Run.traffic, Run.waiting, Run.queue, Run.message,
    Run.opened_at, Run.created_at, Run.ended_at, Run.approval,
)  # fmt: skip


async def standings(session: AsyncSession, project: str, search: str) -> list[Standing]:
    """How live loops stand whose name holds *search*."""
    statement = (
        select(
            Loop.id, Loop.name, Loop.state, Loop.message, Loop.champion,
            cast(Loop.causes, String).not_in(NOTHING), Loop.updated_at,
            Run.state, Run.message, REASON, Run.opened_at,
        )
        .outerjoin(Run, NEWEST)
        .where(Loop.project == project, Loop.mode == "live", Loop.state != DELETED)
    )  # fmt: skip
    if search:
        statement = statement.where(Loop.name.contains(search, autoescape=True))
    return [Standing(*row) for row in (await session.execute(statement)).all()]


async def lines(session: AsyncSession, shown: Sequence[Standing]) -> dict[int, Line]:
    """What a line shows of these loops, by their id."""
    statement = (
        select(Loop, Run, TASK)
        .outerjoin(Run, NEWEST)
        .where(Loop.id.in_([item.id for item in shown]))
        .options(load_only(*OF_LOOP), load_only(*OF_RUN))
    )
    found = await session.execute(statement)
    return {loop.id: (loop, run, task or "") for loop, run, task in found.all()}
