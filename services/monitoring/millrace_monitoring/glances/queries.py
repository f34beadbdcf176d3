"""SQL of glances: of each closed day the few numbers that a picture shows, without the rest of what was found."""

from collections.abc import Collection, Mapping
from datetime import date, timedelta

from sqlalchemy import JSON, ColumnElement, Row, Select, and_, func, or_, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_monitoring.alarms.states import AlarmPhase
from millrace_monitoring.short_days import Short
from millrace_monitoring.tables import Alarm, Closing, Count, Monitor

ITEM = type_coerce(Closing.item, JSON)
Line = Row[str, date, int, int, int | None, float | None, float | None, float | None, float | None]
"""Endpoint, day, rows, labelled, champion, loss, reference, evidence, level."""


def _lines() -> Select[
    str, date, int, int, int | None, float | None, float | None, float | None, float | None
]:
    return select(
        Closing.endpoint,
        Closing.day,
        Closing.rows,
        Closing.labelled,
        Closing.champion,
        ITEM["loss"].as_float(),
        ITEM[("performance", "reference_mean")].as_float(),
        ITEM[("performance", "log_value")].as_float(),
        ITEM[("performance", "log_level")].as_float(),
    )


async def last_days(session: AsyncSession, project: str, endpoints: Collection[str]) -> dict[str, date]:
    """The last closed day of each of these endpoints that has one."""
    where = (Closing.project == project, Closing.endpoint.in_(endpoints))
    found = await session.execute(
        select(Closing.endpoint, func.max(Closing.day)).where(*where).group_by(Closing.endpoint)
    )
    return dict(found.tuples().all())


async def places(
    session: AsyncSession, project: str, last: Mapping[str, date], days: int
) -> dict[str, list[int]]:
    """Of each endpoint the numbers of so many days up to its last one, in the order of the days."""
    if not last:
        return {}
    statement = select(Closing.endpoint, Closing.seq).where(*_spans(project, last, days))
    found: dict[str, list[int]] = {}
    for endpoint, seq in await session.execute(statement.order_by(Closing.endpoint, Closing.day)):
        found.setdefault(endpoint, []).append(seq)
    return found


async def recent(
    session: AsyncSession, project: str, last: Mapping[str, date], days: int
) -> dict[int, Short]:
    """By its number each of so many days up to the last one of an endpoint, and of it only what a glance adds up."""
    if not last:
        return {}
    loss, reference = ITEM["loss"].as_float(), ITEM[("performance", "reference_mean")].as_float()
    statement = select(Closing.seq, Closing.rows, Closing.labelled, loss, reference)
    found = await session.execute(statement.where(*_spans(project, last, days)))
    return {seq: Short(*rest) for seq, *rest in found.all()}


def _spans(project: str, last: Mapping[str, date], days: int) -> list[ColumnElement[bool]]:
    spans = [
        and_(Closing.endpoint == endpoint, Closing.day > day - timedelta(days=days))
        for endpoint, day in last.items()
    ]
    return [Closing.project == project, or_(*spans)]


async def course(
    session: AsyncSession, project: str, endpoint: str, since: date | None, until: date | None
) -> list[Line]:
    """The lines of one endpoint with since <= day < until, in order."""
    statement = _lines().where(Closing.project == project, Closing.endpoint == endpoint)
    if since is not None:
        statement = statement.where(Closing.day >= since)
    if until is not None:
        statement = statement.where(Closing.day < until)
    return list((await session.execute(statement.order_by(Closing.day))).all())


async def watched(session: AsyncSession, project: str, endpoints: Collection[str]) -> list[str]:
    """Which of these endpoints have a monitor, by name."""
    where = (Monitor.project == project, Monitor.endpoint.in_(endpoints))
    return list(
        (await session.scalars(select(Monitor.endpoint).where(*where).order_by(Monitor.endpoint))).all()
    )


async def alarms(session: AsyncSession, project: str, endpoints: Collection[str]) -> dict[str, int]:
    """How many alarms are not closed, by endpoint."""
    where = (Alarm.project == project, Alarm.endpoint.in_(endpoints), Alarm.state != AlarmPhase.CLOSED)
    found = await session.execute(select(Alarm.endpoint, func.count()).where(*where).group_by(Alarm.endpoint))
    return {row[0]: row[1] for row in found.all()}


async def logged(session: AsyncSession, project: str, endpoints: Collection[str]) -> dict[str, int]:
    """Rows of answers so far, by endpoint; mirrored ones are not among them."""
    where = (Count.project == project, Count.endpoint.in_(endpoints), Count.listener != "shadow")
    found = await session.execute(
        select(Count.endpoint, func.sum(Count.rows)).where(*where).group_by(Count.endpoint)
    )
    return {endpoint: int(rows or 0) for endpoint, rows in found.all()}
