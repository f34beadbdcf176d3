"""SQL of closed days: written once, in order, with everything that follows from them."""

from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.bodies import Document
from millrace_core.errors import Conflict
from millrace_monitoring.tables import Closing, Comparison, Loss, Monitor, Table


async def feed(session: AsyncSession, after: int, limit: int) -> list[Closing]:
    """Closed days of all projects behind *after*, in the order in which they closed."""
    behind = select(Closing).where(Closing.seq > after).order_by(Closing.seq).limit(limit)
    return list((await session.scalars(behind)).all())


async def days(
    session: AsyncSession,
    project: str,
    endpoint: str,
    since: date | None = None,
    until: date | None = None,
    limit: int | None = None,
) -> list[Closing]:
    """Closed days with since <= day < until, in order; with *limit*, the last so many."""
    statement = select(Closing).where(Closing.project == project, Closing.endpoint == endpoint)
    if since is not None:
        statement = statement.where(Closing.day >= since)
    if until is not None:
        statement = statement.where(Closing.day < until)
    if limit is not None:
        statement = statement.order_by(Closing.day.desc()).limit(limit)
        return list((await session.scalars(statement)).all())[::-1]
    return list((await session.scalars(statement.order_by(Closing.day))).all())


async def profiles(
    session: AsyncSession, project: str, endpoint: str, days: Collection[date]
) -> dict[date, bytes]:
    """What these days looked like, as far as they had rows."""
    mine = (Closing.project == project, Closing.endpoint == endpoint, Closing.profile.is_not(None))
    statement = select(Closing.day, Closing.profile).where(*mine, Closing.day.in_(days))
    return {day: profile for day, profile in await session.execute(statement) if profile is not None}


async def last_day(session: AsyncSession, project: str, endpoint: str) -> date | None:
    """The last closed day with rows; None when there is none."""
    mine = (Closing.project == project, Closing.endpoint == endpoint, Closing.rows > 0)
    return await session.scalar(select(func.max(Closing.day)).where(*mine))


async def spanning(
    session: AsyncSession, project: str, endpoint: str, begin: datetime, end: datetime
) -> list[Closing]:
    """Closed days that overlap [begin, end) and have rows."""
    where = (
        Closing.project == project,
        Closing.endpoint == endpoint,
        Closing.through > begin,
        Closing.digest.is_not(None),
    )
    behind = (await session.scalars(select(Closing).where(*where).order_by(Closing.day))).all()
    return [closing for closing in behind if closing.item.from_ < end]


async def add(
    session: AsyncSession, closings: Sequence[Closing], was: datetime | None, state: Document
) -> None:
    """Close days in order, unless someone else has closed the first since it was read (Conflict)."""
    first, last = closings[0], closings[-1]
    key = (Monitor.project == first.project, Monitor.endpoint == first.endpoint)
    same = Monitor.closed_through.is_(None) if was is None else Monitor.closed_through == was
    change = update(Monitor).where(*key, same).values(closed_through=last.through, state=state)
    if (await session.execute(change)).rowcount == 0:  # type: ignore[attr-defined]
        raise Conflict(f"The day {first.day} of {first.endpoint} was closed by someone else.")
    session.add_all(closings)
    await session.flush()


async def begin_at(session: AsyncSession, monitor: Monitor, begin: datetime) -> None:
    """Let the first day that closes begin at *begin*, unless one has closed meanwhile (Conflict)."""
    mine = (Monitor.project == monitor.project, Monitor.endpoint == monitor.endpoint)
    was = monitor.closed_through
    same = Monitor.closed_through.is_(None) if was is None else Monitor.closed_through == was
    change = update(Monitor).where(*mine, same).values(closed_through=begin)
    if (await session.execute(change)).rowcount == 0:  # type: ignore[attr-defined]
        raise Conflict(f"A day of {monitor.endpoint} was closed by someone else.")


async def add_losses(session: AsyncSession, losses: Sequence[Loss]) -> None:
    """Keep losses; one that is there already is replaced."""
    await _keep(session, Loss, losses, ("n", "loss"))


async def _keep(
    session: AsyncSession, table: type[Table], rows: Sequence[Table], changed: Sequence[str]
) -> None:
    """Insert *rows*; of those that are there already the columns *changed* are replaced."""
    if not rows:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    names = [column.key for column in table.__table__.columns]
    key = [column.key for column in table.__table__.primary_key]
    statement = statement.on_conflict_do_update(
        index_elements=key, set_={name: statement.excluded[name] for name in changed}
    )
    await session.execute(statement, [{name: getattr(row, name) for name in names} for row in rows])


async def losses(
    session: AsyncSession,
    project: str,
    endpoint: str,
    version: int | None = None,
    graph: str | None = None,
    since: date | None = None,
) -> list[Loss]:
    """Daily losses by day and version."""
    statement = select(Loss).where(Loss.project == project, Loss.endpoint == endpoint)
    if since is not None:
        statement = statement.where(Loss.day >= since)
    if version is not None:
        statement = statement.where(Loss.version == version)
    if graph is not None:
        statement = statement.where(Loss.graph == graph)
    return list((await session.scalars(statement.order_by(Loss.day, Loss.version, Loss.graph))).all())


async def add_comparisons(session: AsyncSession, comparisons: Sequence[Comparison]) -> None:
    """Keep comparisons; one that is there already is replaced."""
    await _keep(session, Comparison, comparisons, ("item",))


async def comparisons(
    session: AsyncSession,
    project: str,
    endpoint: str,
    kind: str | None,
    since: date | None,
    until: date | None,
) -> list[Comparison]:
    """Comparisons of closed days with since <= day < until, in order."""
    statement = select(Comparison).where(Comparison.project == project, Comparison.endpoint == endpoint)
    if kind is not None:
        statement = statement.where(Comparison.kind == kind)
    if since is not None:
        statement = statement.where(Comparison.day >= since)
    if until is not None:
        statement = statement.where(Comparison.day < until)
    ordered = statement.order_by(Comparison.day, Comparison.kind, Comparison.first, Comparison.second)
    return list((await session.scalars(ordered)).all())
