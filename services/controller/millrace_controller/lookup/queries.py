"""SQL of loops: by name, and those that are looked after."""

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_controller.tables import Loop
from millrace_core.errors import NotFound

DELETED = "deleted"
LIVE = (Loop.mode == "live", Loop.state.in_(("active", "paused")))


SOURCE = Loop.document[("spec", "data", "source")].as_string()
BATCH = Loop.document[("spec", "predict", "batch")].as_string()


async def with_source(session: AsyncSession) -> list[Loop]:
    """Live loops with a source. A paused one opens no runs, but takes rows in."""
    return await _live(session, SOURCE.is_not(None))


async def with_batch(session: AsyncSession) -> list[Loop]:
    """Live loops that score declared rows, or did. A paused one goes on, as its champion answers."""
    return await _live(session, or_(BATCH.is_not(None), Loop.batch.is_not(None)))


async def _live(session: AsyncSession, which: ColumnElement[bool]) -> list[Loop]:
    return list((await session.scalars(select(Loop).where(*LIVE, which).order_by(Loop.id))).all())


async def find(session: AsyncSession, project: str, name: str) -> Loop | None:
    """The loop, also one that was deleted: its numbers are never used again."""
    return (
        await session.scalars(select(Loop).where(Loop.project == project, Loop.name == name))
    ).one_or_none()


async def locked(session: AsyncSession, project: str, name: str) -> Loop:
    """The loop as it is now, which nobody else changes until the transaction ends. Raises NotFound."""
    loop = await get(session, project, name)
    await session.refresh(loop, with_for_update=True)
    return loop


async def get(session: AsyncSession, project: str, name: str) -> Loop:
    """The loop. Raises NotFound."""
    loop = await find(session, project, name)
    if loop is None or loop.state == DELETED:
        raise NotFound(
            f"There is no loop {name} in the project {project}; apply one with 'millrace apply -f'."
        )
    return loop
