"""SQL of scorings: one at a time for a loop, one for each due time, and each moved by a guarded update."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.batches import BatchSpec, ScoredBefore
from millrace_controller.batches import Standing
from millrace_controller.lookup.queries import DELETED
from millrace_controller.tables import Loop, Scoring
from millrace_core.database import utcnow
from millrace_core.errors import Conflict, NotFound


async def get(session: AsyncSession, loop: Loop, number: int) -> Scoring:
    """One scoring. Raises: NotFound."""
    found = await session.get(Scoring, (loop.id, number)) if 0 < number < 2**31 else None
    if found is None:
        raise NotFound(f"{loop.name} has no scoring {number}.")
    return found


async def page(session: AsyncSession, loop: Loop, before: int | None, limit: int) -> list[Scoring]:
    """Scorings of a loop, the newest first; one more than *limit*."""
    mine = select(Scoring).where(Scoring.loop_id == loop.id)
    if before is not None:
        mine = mine.where(Scoring.number < before)
    return list((await session.scalars(mine.order_by(Scoring.number.desc()).limit(limit + 1))).all())


async def going_on(session: AsyncSession, loop_id: int) -> Scoring | None:
    """The scoring that has not ended, if there is one."""
    mine = select(Scoring).where(Scoring.loop_id == loop_id, Scoring.ended_at.is_(None))
    return (await session.scalars(mine)).one_or_none()


async def by_key(session: AsyncSession, loop_id: int, key: str) -> Scoring | None:
    """The scoring of a due time, or of what a person called it."""
    mine = select(Scoring).where(Scoring.loop_id == loop_id, Scoring.key == key)
    return (await session.scalars(mine)).one_or_none()


async def before(session: AsyncSession, loop_id: int) -> ScoredBefore | None:
    """What was scored of the source by all that ended well."""
    mine = (Scoring.loop_id == loop_id, Scoring.state == "succeeded", Scoring.before.is_not(None))
    newest = select(Scoring.before).where(*mine).order_by(Scoring.number.desc()).limit(1)
    return (await session.scalars(newest)).one_or_none()


async def add(
    session: AsyncSession, loop: Loop, batch: BatchSpec, key: str, author: str, due_at: datetime | None
) -> Scoring:
    """Open a scoring. Raises: Conflict if one is going on, or was opened for this already."""
    standing, known = loop.batch, select(func.max(Scoring.number)).where(Scoring.loop_id == loop.id)
    assert standing is not None
    made = Scoring(
        loop_id=loop.id, number=(await session.scalar(known) or 0) + 1, key=key, author=author, due_at=due_at,
        state="reading", batch=batch, created_at=utcnow(),
    )  # fmt: skip
    session.add(made)
    loop.batch = standing.model_copy(
        update={"number": made.number, "due": due_at or standing.due, "more": False, "state": "reading"}
    )
    loop.updated_at, name = utcnow(), loop.name
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict(f"{name} is scoring already; see 'millrace scores list {name}'.") from error
    return made


async def move(session: AsyncSession, scoring: Scoring, **values: Any) -> None:
    """Change a scoring, unless somebody else did since it was read. Raises: Conflict."""
    mine = (
        Scoring.loop_id == scoring.loop_id,
        Scoring.number == scoring.number,
        Scoring.state == scoring.state,
        Scoring.attempts == scoring.attempts,
    )
    change = update(Scoring).where(*mine).values(values).execution_options(synchronize_session=False)
    if (await session.execute(change)).rowcount == 0:  # type: ignore[attr-defined]
        raise Conflict(f"Scoring {scoring.number} was moved by someone else.")


async def forget_before(session: AsyncSession, scoring: Scoring) -> None:
    """What earlier scorings remember of the source is part of what this one does."""
    mine = (Scoring.loop_id == scoring.loop_id, Scoring.number < scoring.number, Scoring.before.is_not(None))
    await session.execute(update(Scoring).where(*mine).values(before=None))


async def note(session: AsyncSession, loop: Loop, standing: Standing) -> None:
    """Keep how a loop's scorings stand, unless the loop is gone by now."""
    mine = (Loop.id == loop.id, Loop.state != DELETED)
    await session.execute(update(Loop).where(*mine).values(batch=standing, updated_at=utcnow()))
