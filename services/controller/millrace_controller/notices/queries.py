"""SQL of how telling people of loops goes."""

from collections.abc import Mapping

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.messages import SubscriptionStanding
from millrace_controller.lookup.queries import LIVE
from millrace_controller.tables import Loop

Kept = tuple[int, tuple[str, str], SubscriptionStanding | None]


async def known(session: AsyncSession) -> list[Kept]:
    """Of each live loop its id, its project and name, and what is kept of it."""
    statement = select(Loop.id, Loop.project, Loop.name, Loop.notices).where(*LIVE)
    return [(id, (project, name), kept) for id, project, name, kept in await session.execute(statement)]


async def keep(session: AsyncSession, changed: Mapping[int, SubscriptionStanding | None]) -> None:
    for id, standing in changed.items():
        await session.execute(update(Loop).where(Loop.id == id).values(notices=standing))
