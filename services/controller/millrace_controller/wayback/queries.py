"""SQL of the rollbacks that people asked for."""

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_controller.tables import Loop, Rollback
from millrace_core.database import utcnow
from millrace_core.errors import Conflict


async def add(session: AsyncSession, loop: Loop, asked: Rollback) -> None:
    """Remember a rollback of *loop*. Raises: Conflict if the same one is being asked for at this moment."""
    asked.loop_id, asked.refused, asked.created_at = loop.id, "", utcnow()
    session.add(asked)
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict("The same rollback is being asked for at this moment; ask again.") from error
