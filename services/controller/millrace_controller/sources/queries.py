"""SQL of sources: the loops that may have one, and how the last look at each stands."""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_controller.lookup.queries import DELETED
from millrace_controller.polls import Poll
from millrace_controller.tables import Loop
from millrace_core.database import utcnow


async def note(session: AsyncSession, loop: Loop, poll: Poll) -> None:
    """Keep how a look stands, unless the loop is gone by now."""
    mine = (Loop.id == loop.id, Loop.state != DELETED)
    await session.execute(update(Loop).where(*mine).values(poll=poll, updated_at=utcnow()))
