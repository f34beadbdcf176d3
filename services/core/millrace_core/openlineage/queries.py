"""SQL of events that wait to be sent: noted in the transaction of what they tell, and only if they are wanted."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, select

from millrace_core.database import AsyncSession, utcnow
from millrace_core.openlineage.events import Happened

WANTED = "openlineage"
"""Under this name a session knows that events are to be told."""


def wanted(session: AsyncSession) -> bool:
    """Whether events are to be told at all."""
    return WANTED in session.info


async def note(session: AsyncSession, table: Any, *events: Happened) -> None:
    """Tell of *events* when the transaction is committed, if they are wanted."""
    if wanted(session) and events:
        session.add_all([table(body=event.model_dump(mode="json"), recorded_at=utcnow()) for event in events])
        await session.flush()


async def oldest(session: AsyncSession, table: Any, limit: int) -> Sequence[Any]:
    """The events that have waited longest, in order."""
    return (await session.scalars(select(table).order_by(table.number).limit(limit))).all()


async def remove(session: AsyncSession, table: Any, number: int) -> None:
    """An event that was dealt with."""
    await session.execute(delete(table).where(table.number == number))


async def keep_newest(session: AsyncSession, table: Any, kept: int) -> int:
    """Drop all but so many; returns how many were dropped."""
    over = (await session.scalar(select(func.count()).select_from(table)) or 0) - kept
    if over > 0:
        first = await session.scalar(select(table.number).order_by(table.number).offset(over).limit(1))
        await session.execute(delete(table).where(table.number < first))
    return max(over, 0)
