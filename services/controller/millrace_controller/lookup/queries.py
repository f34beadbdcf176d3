"""SQL of loops: by name, and those that are looked after."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_controller.tables import Loop
from millrace_core.errors import NotFound

DELETED = "deleted"
LIVE = (Loop.mode == "live", Loop.state.in_(("active", "paused")))


async def live(session: AsyncSession) -> list[Loop]:
    """Live loops; a paused one opens no runs, but takes rows in and goes on scoring, as its champion answers."""
    return list((await session.scalars(select(Loop).where(*LIVE).order_by(Loop.id))).all())


async def find(session: AsyncSession, project: str, name: str) -> Loop | None:
    """The loop, also one that was deleted: its numbers are never used again."""
    return (
        await session.scalars(select(Loop).where(Loop.project == project, Loop.name == name))
    ).one_or_none()


async def get(session: AsyncSession, project: str, name: str) -> Loop:
    """The loop. Raises NotFound."""
    loop = await find(session, project, name)
    if loop is None or loop.state == DELETED:
        raise NotFound(
            f"There is no loop {name} in the project {project}; apply one with 'millrace apply -f'."
        )
    return loop
