"""SQL of alarms: the database keeps one open alarm for each (endpoint, cause)."""

from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_core.database import utcnow
from millrace_core.errors import Conflict, NotFound
from millrace_monitoring.alarms.states import ALLOWED, AlarmPhase
from millrace_monitoring.tables import Alarm


async def get(session: AsyncSession, project: str, id: str) -> Alarm:
    alarm = await session.scalar(select(Alarm).where(Alarm.project == project, Alarm.id == id))
    if alarm is None:
        raise NotFound(f"There is no alarm {id}.")
    return alarm


async def unclosed(session: AsyncSession, project: str, endpoint: str) -> list[Alarm]:
    """Open and acknowledged alarms of an endpoint, by cause."""
    where = (Alarm.project == project, Alarm.endpoint == endpoint, Alarm.state != AlarmPhase.CLOSED)
    return list((await session.scalars(select(Alarm).where(*where).order_by(Alarm.cause))).all())


async def present(session: AsyncSession, ids: Collection[str]) -> set[str]:
    """Which of these alarms there are, whatever has become of them."""
    return set((await session.scalars(select(Alarm.id).where(Alarm.id.in_(ids)))).all())


async def page(
    session: AsyncSession,
    project: str,
    endpoint: str | None,
    state: AlarmPhase | None,
    before: tuple[date, str] | None,
    limit: int,
) -> Sequence[Alarm]:
    """Up to limit + 1 alarms, the newest first."""
    statement = (
        select(Alarm).where(Alarm.project == project).order_by(Alarm.opened_day.desc(), Alarm.id.desc())
    )
    if endpoint is not None:
        statement = statement.where(Alarm.endpoint == endpoint)
    if state is not None:
        statement = statement.where(Alarm.state == state)
    if before is not None:
        day, id = before
        older = (Alarm.opened_day < day) | ((Alarm.opened_day == day) & (Alarm.id < id))
        statement = statement.where(older)
    return (await session.scalars(statement.limit(limit + 1))).all()


async def run_out(session: AsyncSession, now: datetime) -> list[Alarm]:
    """Alarms that stand, and whose silence is over; another process waits for them, and then has none of them."""
    over = (Alarm.state != AlarmPhase.CLOSED, Alarm.silenced_until <= now)
    statement = select(Alarm).where(*over).order_by(Alarm.id).with_for_update()
    return list((await session.scalars(statement)).all())


async def silenced(
    session: AsyncSession, project: str, endpoint: str, cause: str, now: datetime
) -> Alarm | None:
    """The alarm of the same cause, over meanwhile, whose silence goes on."""
    where = (
        Alarm.project == project,
        Alarm.endpoint == endpoint,
        Alarm.cause == cause,
        Alarm.silenced_until > now,
    )
    return await session.scalar(select(Alarm).where(*where).order_by(Alarm.silenced_until.desc()).limit(1))


async def acknowledge(session: AsyncSession, alarm: Alarm, who: str) -> bool:
    """Say that a person has seen it (Conflict when it is closed); the first stays. Returns whether it is this one."""
    if AlarmPhase(alarm.state) is AlarmPhase.ACKNOWLEDGED:
        return False
    allowed = [state for state, targets in ALLOWED.items() if AlarmPhase.ACKNOWLEDGED in targets]
    change = update(Alarm).where(Alarm.id == alarm.id, Alarm.state.in_(allowed))
    seen = {"acknowledged_by": who, "acknowledged_at": utcnow()}
    done = await session.execute(change.values(state=AlarmPhase.ACKNOWLEDGED, **seen))
    if done.rowcount == 0:  # type: ignore[attr-defined]
        raise Conflict("The alarm is closed.")
    await session.refresh(alarm)
    return True
