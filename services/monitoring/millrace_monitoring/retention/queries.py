"""SQL of retention: what no policy keeps any more."""

from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.ledger.queries import touch
from millrace_monitoring.tables import Closing, Lineup, Monitor, Outbox, Review, Segment, Vote


async def expire_days(session: AsyncSession, monitor: Monitor, before: datetime) -> list[str]:
    """Forget the rows of days that ended by *before*; what was found on them stays. Returns their digests."""
    mine = (Closing.project == monitor.project, Closing.endpoint == monitor.endpoint)
    old = (*mine, Closing.through <= before, Closing.digest.is_not(None))
    found = (await session.execute(select(Closing.seq, Closing.digest).where(*old))).all()
    await session.execute(update(Closing).where(*old).values(digest=None))
    for seq, _ in found:
        touch(session, Closing, seq)
    return [digest for _, digest in found if digest is not None]


async def expire_segments(session: AsyncSession, monitor: Monitor, before: datetime) -> list[str]:
    """Forget rows that came after their day had closed, once they are older than the policy keeps."""
    mine = (
        Segment.project == monitor.project,
        Segment.endpoint == monitor.endpoint,
        Segment.last_event < before,
    )
    digests = list((await session.scalars(select(Segment.digest).where(*mine))).all())
    await session.execute(delete(Segment).where(*mine))
    return digests


async def expire_reviews(session: AsyncSession, monitor: Monitor, before: datetime) -> None:
    """Forget entries of the queue whose rows happened before *before*, with what people said of them."""
    mine = (
        Review.project == monitor.project,
        Review.endpoint == monitor.endpoint,
        Review.event_time < before,
    )
    await session.execute(delete(Vote).where(Vote.review.in_(select(Review.number).where(*mine))))
    await session.execute(delete(Review).where(*mine))


async def expire_decisions(session: AsyncSession, before: datetime) -> None:
    """Forget decisions that were delivered long ago."""
    await session.execute(delete(Outbox).where(Outbox.delivered_at < before))


async def newest_lineup(session: AsyncSession, monitor: Monitor) -> int:
    """Number of the lineup in force."""
    mine = (Lineup.project == monitor.project, Lineup.endpoint == monitor.endpoint)
    return await session.scalar(select(func.max(Lineup.number)).where(*mine)) or 0


async def expire_lineups(session: AsyncSession, monitor: Monitor, before: int) -> None:
    """Forget lineups older than the number *before* that no open day can need."""
    mine = (Lineup.project == monitor.project, Lineup.endpoint == monitor.endpoint, Lineup.number < before)
    await session.execute(delete(Lineup).where(*mine, Lineup.effective_from < monitor.closed_through))
