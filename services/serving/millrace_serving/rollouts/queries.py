"""All SQL of rollouts; a state is changed only if nobody changed it since it was read."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.rollouts import RolloutState
from millrace_core.errors import Conflict, NotFound
from millrace_core.ledger.queries import touch
from millrace_serving.rollouts import states
from millrace_serving.rollouts.states import IN_FLIGHT
from millrace_serving.tables import Endpoint, Rollout


def _of(endpoint: Endpoint) -> tuple[Any, ...]:
    return Rollout.project == endpoint.project, Rollout.endpoint == endpoint.name


async def get(session: AsyncSession, endpoint: Endpoint, number: int) -> Rollout:
    """One rollout. Raises: NotFound."""
    found = await session.scalar(select(Rollout).where(*_of(endpoint), Rollout.number == number))
    if found is None:
        raise NotFound(f"The endpoint {endpoint.name} has no rollout {number}.")
    return found


async def by_key(session: AsyncSession, endpoint: Endpoint, key: str) -> Rollout | None:
    """The rollout that was started under *key*, if any."""
    return await session.scalar(select(Rollout).where(*_of(endpoint), Rollout.key == key))


async def newest_first(
    session: AsyncSession, endpoint: Endpoint, limit: int, before: int | None
) -> Sequence[Rollout]:
    """Up to limit + 1 rollouts, the newest first, those with a number below *before*."""
    statement = select(Rollout).where(*_of(endpoint)).order_by(Rollout.number.desc()).limit(limit + 1)
    if before is not None:
        statement = statement.where(Rollout.number < before)
    return (await session.scalars(statement)).all()


async def latest(session: AsyncSession, endpoint: Endpoint) -> Rollout | None:
    """The rollout in flight, or the last one."""
    return next(iter(await newest_first(session, endpoint, 0, None)), None)


async def in_flight(session: AsyncSession, endpoint: Endpoint) -> Rollout | None:
    """The rollout that is neither promoted nor aborted, if any."""
    return await session.scalar(select(Rollout).where(*_of(endpoint), Rollout.state.in_(IN_FLIGHT)))


async def all_in_flight(session: AsyncSession) -> Sequence[Rollout]:
    """Every rollout in flight, of all endpoints."""
    return (await session.scalars(select(Rollout).where(Rollout.state.in_(IN_FLIGHT)))).all()


async def add(session: AsyncSession, endpoint: Endpoint, rollout: Rollout) -> Rollout:
    """Store a new rollout under the next number. Raises: Conflict if another is in flight."""
    name = endpoint.name
    last = await session.scalar(select(func.max(Rollout.number)).where(*_of(endpoint)))
    rollout.number = (last or 0) + 1
    session.add(rollout)
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict(f"A rollout of {name} is already in flight.") from error
    return rollout


async def move(session: AsyncSession, rollout: Rollout, new: RolloutState, **columns: Any) -> None:
    """Set the state, unless someone else moved the rollout since it was read (Conflict)."""
    old = RolloutState(rollout.state)
    states.check(old, new)
    key = (
        Rollout.project == rollout.project,
        Rollout.endpoint == rollout.endpoint,
        Rollout.number == rollout.number,
        Rollout.state == old,
        Rollout.step == rollout.step,
    )
    who = f"Rollout {rollout.number} of {rollout.endpoint}"
    changed = await session.execute(update(Rollout).where(*key).values(state=new, **columns))
    if changed.rowcount == 0:  # type: ignore[attr-defined]
        raise Conflict(f"{who} was moved by someone else.")
    touch(session, Rollout, rollout.project, rollout.endpoint, rollout.number)
    await session.refresh(rollout)


async def start_clock(session: AsyncSession, endpoint: Endpoint) -> None:
    """A rollout that began outside event time counts its first step from the first event time it is told."""
    where = (*_of(endpoint), Rollout.state.in_(IN_FLIGHT), Rollout.step_since.is_(None))
    await session.execute(update(Rollout).where(*where).values(step_since=endpoint.event_time))
