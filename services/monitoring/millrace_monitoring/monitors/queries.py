"""SQL of monitors and their lineups."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.monitors import MonitorWrite
from millrace_contracts.names import ClassValue
from millrace_core.errors import NotFound
from millrace_monitoring.monitors.classes import moved
from millrace_monitoring.newcomers import queries as newcomers
from millrace_monitoring.newcomers.queries import NEWS
from millrace_monitoring.newcomers.tables import NumberedClass
from millrace_monitoring.pushes import queries as pushes
from millrace_monitoring.pushes.tables import LabelPush
from millrace_monitoring.tables import (
    Alarm,
    Closing,
    Comparison,
    Count,
    EstimatedDay,
    Label,
    Lineup,
    Loss,
    Monitor,
    Review,
    Segment,
    Vote,
)
from millrace_stats.tasks import class_text


async def get(session: AsyncSession, project: str, endpoint: str, lock: bool = False) -> Monitor:
    """The monitor of an endpoint (NotFound)."""
    statement = select(Monitor).where(Monitor.project == project, Monitor.endpoint == endpoint)
    monitor = await session.scalar(statement.with_for_update() if lock else statement)
    if monitor is None:
        raise NotFound(f"No monitor watches the endpoint '{endpoint}'.")
    return monitor


async def every(session: AsyncSession, project: str | None = None) -> list[Monitor]:
    statement = select(Monitor).order_by(Monitor.project, Monitor.endpoint)
    if project is not None:
        statement = statement.where(Monitor.project == project)
    return list((await session.scalars(statement)).all())


async def page(session: AsyncSession, project: str, after: str, limit: int) -> list[Monitor]:
    """Up to limit + 1 monitors whose endpoint sorts after *after*."""
    where = (Monitor.project == project, Monitor.endpoint > after)
    return list(
        (
            await session.scalars(select(Monitor).where(*where).order_by(Monitor.endpoint).limit(limit + 1))
        ).all()
    )


async def put(
    session: AsyncSession,
    project: str,
    endpoint: str,
    declared: MonitorWrite,
) -> Monitor:
    """Declare a monitor; a lineup that differs from the newest one is added behind it."""
    monitor = await session.scalar(
        select(Monitor).where(Monitor.project == project, Monitor.endpoint == endpoint).with_for_update()
    )
    if monitor is None:
        monitor = Monitor(
            project=project, endpoint=endpoint, declared=declared, labelled=0, late_labels=0, state={}
        )
        session.add(monitor)
        monitor.event_time_max = await last_event(session, project, endpoint)
    else:
        await _recode(session, monitor, declared)
    monitor.declared = declared
    newest = await lineup(session, project, endpoint, None)
    if newest is None or (newest.champion, newest.archived) != (declared.champion, declared.archived):
        session.add(
            Lineup(
                project=project,
                endpoint=endpoint,
                effective_from=declared.champion.effective_from,
                champion=declared.champion,
                archived=declared.archived,
            )
        )
    await session.flush()
    return monitor


async def _recode(session: AsyncSession, monitor: Monitor, declared: MonitorWrite) -> None:
    """Let the labels of open days name the classes that they named, known ones and new ones.

    Only where there cannot be new classes one that is none any more is forgotten.
    """
    before, after = monitor.declared.signature.classes or (), declared.signature.classes or ()
    changes = moved(before, after)
    mine = (Label.project == monitor.project, Label.endpoint == monitor.endpoint)
    gone = {place: class_text(before[place]) for place, new in changes.items() if new is None}
    kept = {float(place): float(new) for place, new in changes.items() if new is not None}
    if declared.task == NEWS:
        numbers = await newcomers.numbered(session, monitor.project, monitor.endpoint, gone.values())
        kept |= {float(place): -float(numbers[name]) for place, name in gone.items() if name in numbers}
        kept |= await _learnt(session, monitor, before, after)
    await session.execute(
        delete(Label).where(*mine, Label.value.in_([place for place in gone if place not in kept]))
    )
    if kept:
        value = case(kept, value=Label.value)
        await session.execute(update(Label).where(*mine, Label.value.in_(kept)).values(value=value))
    if changes or kept:
        await pushes.restate(session, monitor.project, monitor.endpoint)


async def _learnt(
    session: AsyncSession, monitor: Monitor, before: Sequence[ClassValue], after: Sequence[ClassValue]
) -> dict[float, float]:
    """The places of new classes that have become known, by the value of their labels so far."""
    if list(before) == list(after):
        return {}
    places = {class_text(value): place for place, value in enumerate(after)}
    numbers = await newcomers.known(session, monitor.project, monitor.endpoint, [*places])
    return {-float(number): float(places[name]) for name, number in numbers.items()}


async def lineup(
    session: AsyncSession, project: str, endpoint: str, before: datetime | None
) -> Lineup | None:
    """The newest lineup; with *before*, the newest that holds earlier than that, else the first of all."""
    mine = (Lineup.project == project, Lineup.endpoint == endpoint)
    newest = select(Lineup).where(*mine).order_by(Lineup.number.desc()).limit(1)
    if before is None:
        return await session.scalar(newest)
    holding = newest.where(or_(Lineup.effective_from.is_(None), Lineup.effective_from < before))
    first = select(Lineup).where(*mine).order_by(Lineup.number).limit(1)
    return await session.scalar(holding) or await session.scalar(first)


async def version_behind(session: AsyncSession, project: str, endpoint: str, revision: str) -> int | None:
    """The version that answers as *revision*, or did, as the newest lineup with it says; None: none ever had it."""
    mine = (Lineup.project == project, Lineup.endpoint == endpoint)
    every = await session.stream_scalars(select(Lineup).where(*mine).order_by(Lineup.number.desc()))
    async for lineup in every:
        for item in (lineup.champion, *lineup.archived):
            if item.revision == revision:
                return item.version
    return None


async def remove(session: AsyncSession, project: str, endpoint: str) -> list[str]:
    """Forget a monitor and everything it kept (NotFound); returns the digests of its rows."""
    await get(session, project, endpoint, lock=True)
    digests: list[str] = []
    for table in (Segment, Closing):
        mine = select(table.digest).where(table.project == project, table.endpoint == endpoint)
        digests += [digest for digest in (await session.scalars(mine)).all() if digest is not None]
    for covered in (Closing, LabelPush, NumberedClass):
        await pushes.forget(session, project, endpoint, covered)
    for kept in (
        LabelPush,
        NumberedClass,
        Segment,
        Closing,
        Count,
        Label,
        Review,
        Vote,
        Loss,
        EstimatedDay,
        Comparison,
        Alarm,
        Lineup,
        Monitor,
    ):
        await session.execute(delete(kept).where(kept.project == project, kept.endpoint == endpoint))
    return digests


async def last_event(session: AsyncSession, project: str, endpoint: str) -> datetime | None:
    """The latest event time among the stored segments."""
    where = (Segment.project == project, Segment.endpoint == endpoint)
    return await session.scalar(select(func.max(Segment.last_event)).where(*where))


async def referred(session: AsyncSession, digests: Sequence[str]) -> set[str]:
    """Which of *digests* a segment or a closed day still needs."""
    tables = (Segment, Closing)
    found = [await session.scalars(select(table.digest).where(table.digest.in_(digests))) for table in tables]
    return {digest for rows in found for digest in rows if digest is not None}


async def counts(session: AsyncSession, project: str, endpoint: str) -> list[Count]:
    """What became of the records of each revision."""
    where = (Count.project == project, Count.endpoint == endpoint)
    return list(
        (await session.scalars(select(Count).where(*where).order_by(Count.revision, Count.listener))).all()
    )
