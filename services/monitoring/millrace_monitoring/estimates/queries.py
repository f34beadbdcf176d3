"""SQL of estimates."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import func, select

from millrace_core.database import AsyncSession
from millrace_monitoring.tables import EstimatedDay


async def settled_through(session: AsyncSession, project: str, endpoint: str) -> date | None:
    """The last day that is estimated for good."""
    mine = (EstimatedDay.project == project, EstimatedDay.endpoint == endpoint, EstimatedDay.settled)
    return await session.scalar(select(func.max(EstimatedDay.day)).where(*mine))


async def days(
    session: AsyncSession, project: str, endpoint: str, since: date | None = None, until: date | None = None
) -> list[EstimatedDay]:
    """Estimates of days with since <= day < until, in order."""
    statement = select(EstimatedDay).where(EstimatedDay.project == project, EstimatedDay.endpoint == endpoint)
    if since is not None:
        statement = statement.where(EstimatedDay.day >= since)
    if until is not None:
        statement = statement.where(EstimatedDay.day < until)
    return list((await session.scalars(statement.order_by(EstimatedDay.day))).all())


async def passed_over(
    session: AsyncSession, project: str, endpoint: str, through: datetime
) -> list[EstimatedDay]:
    """Days up to *through*, as far as everything has closed, that never settled: their rows were stray."""
    mine = (EstimatedDay.project == project, EstimatedDay.endpoint == endpoint)
    open_ones = (EstimatedDay.settled.is_(False), EstimatedDay.through <= through)
    return list((await session.scalars(select(EstimatedDay).where(*mine, *open_ones))).all())


async def put(session: AsyncSession, estimates: Sequence[EstimatedDay]) -> None:
    """Each replaces what was said of its day."""
    for estimate in estimates:
        await session.merge(estimate)
