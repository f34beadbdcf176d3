"""SQL of requests: which closed days there are, and where their rows lie."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_monitoring.tables import Closing


async def days(session: AsyncSession, project: str, endpoint: str) -> list[tuple[str, str]]:
    """Closed days whose rows are kept, the newest first: the digest of the rows, and the day."""
    mine = (Closing.project == project, Closing.endpoint == endpoint, Closing.digest.is_not(None))
    rows = await session.execute(
        select(Closing.digest, Closing.day).where(*mine).order_by(Closing.day.desc())
    )
    return [(str(digest), day.isoformat()) for digest, day in rows]
