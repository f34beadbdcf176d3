"""SQL of the clock: whose turn it may be, and the closed days that wait for each loop."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.closings import ClosedDay, ClosingRead
from millrace_controller.lookup.queries import DELETED
from millrace_controller.runs.states import IN_FLIGHT, State
from millrace_controller.tables import Feed, Inbox, Loop, Run
from millrace_core.database import utcnow
from millrace_core.errors import Conflict

CLOSINGS = "closings"


async def every(session: AsyncSession) -> list[int]:
    """Ids of all loops that are not deleted."""
    return list((await session.scalars(select(Loop.id).where(Loop.state != DELETED).order_by(Loop.id))).all())


@dataclass(frozen=True)
class Urgency:
    """Of one loop, whether something waits to be done for it, and what changes when somebody touches it."""

    id: int
    busy: bool
    stamp: tuple[datetime, datetime | None]


async def urgencies(session: AsyncSession) -> list[Urgency]:
    """The urgency of every loop that is not deleted.

    One whose run waits for its turn, or for people, has nothing to do until then.
    """
    queued = (Run.state == State.PENDING) & Run.admitted_at.is_(None)
    waits = (Run.state == State.AWAITING_APPROVAL) & ~_may_go_on()
    flight = exists().where(Run.loop_id == Loop.id, Run.state.in_(IN_FLIGHT), ~queued, ~waits)
    waiting = exists().where(Inbox.loop_id == Loop.id, Inbox.done.is_(False))
    busy = or_(flight, waiting, Loop.route_intent.is_not(None), Loop.state == "deleting")
    statement = select(Loop.id, busy, Loop.updated_at, Loop.woken_at).where(Loop.state != DELETED)
    rows = (await session.execute(statement.order_by(Loop.id))).all()
    return [Urgency(row[0], row[1], (row[2], row[3])) for row in rows]


def _may_go_on() -> ColumnElement[bool]:
    """Whether a run that waits for people is approved, or its time is over."""
    return or_(Run.approvals >= Run.approvals_needed, Run.approval_until <= utcnow())


async def set_message(session: AsyncSession, loop_id: int, message: str) -> None:
    """Say what is in the way."""
    await session.execute(
        update(Loop)
        .where(Loop.id == loop_id, Loop.message != message)
        .values(message=message, updated_at=utcnow())
    )


async def feed(session: AsyncSession) -> Feed:
    """How far the closings were read."""
    found = await session.get(Feed, CLOSINGS)
    if found is None:
        found = Feed(name=CLOSINGS, seq=0)
        session.add(found)
        await session.flush()
    return found


async def receive(session: AsyncSession, closings: Sequence[ClosingRead]) -> None:
    """Put new closings into the inboxes of their loops, and remember how far the feed was read."""
    place = await feed(session)
    rows = (await session.scalars(select(Loop).where(Loop.state != DELETED))).all()
    loops = {(loop.project, loop.name): loop.id for loop in rows}
    for closing in closings:
        if closing.seq > place.seq:
            loop_id = loops.get((closing.project, closing.endpoint))
            if loop_id is not None:
                item = ClosedDay.model_validate(closing)
                session.add(
                    Inbox(seq=closing.seq, loop_id=loop_id, through=item.through, item=item, done=False)
                )
            place.seq = closing.seq
    await session.flush()


async def waiting(session: AsyncSession, loop_id: int, most: int) -> list[Inbox]:
    """The oldest closings that the loop has not dealt with."""
    mine = select(Inbox).where(Inbox.loop_id == loop_id, Inbox.done.is_(False))
    return list((await session.scalars(mine.order_by(Inbox.seq).limit(most))).all())


async def done(session: AsyncSession, closings: Sequence[Inbox]) -> None:
    """Mark closings as dealt with. Raises: Conflict if somebody else did so first with one of them."""
    numbers = [closing.seq for closing in closings]
    mine = (Inbox.seq.in_(numbers), Inbox.done.is_(False))
    result = await session.execute(update(Inbox).where(*mine).values(done=True))
    if result.rowcount != len(numbers):  # type: ignore[attr-defined]
        raise Conflict(f"Of the closings {numbers[0]} to {numbers[-1]} one was dealt with by someone else.")


async def remove(session: AsyncSession, loop_id: int) -> None:
    """The end of a loop: its inbox is emptied, its row stays so that no number is used twice."""
    await session.execute(delete(Inbox).where(Inbox.loop_id == loop_id))
    await session.execute(update(Loop).where(Loop.id == loop_id).values(state=DELETED, route_intent=None))
