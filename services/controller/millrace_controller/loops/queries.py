"""SQL of loops."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from millrace.loop import ModelLoop
from millrace_controller.loops import status
from millrace_controller.loops.options import ignored
from millrace_controller.runs import queries as runs
from millrace_controller.runs.states import BUSY, IN_FLIGHT, State
from millrace_controller.tables import Feed, Inbox, Loop, Rollback, Run
from millrace_core.database import utcnow
from millrace_core.errors import Conflict, NotFound

CLOSINGS = "closings"
DELETED = "deleted"
SHOWN = (
    "name", "project", "mode", "state", "generation", "champion", "archive", "settled_through", "rest_until",
    "message", "owner", "document", "created_at", "updated_at",
)  # fmt: skip


async def find(session: AsyncSession, project: str, name: str) -> Loop | None:
    """The loop, also one that was deleted: its numbers are never used again."""
    return (
        await session.scalars(select(Loop).where(Loop.project == project, Loop.name == name))
    ).one_or_none()


async def get(session: AsyncSession, project: str, name: str) -> Loop:
    """The loop. Raises NotFound."""
    found = await find(session, project, name)
    if found is None or found.state == DELETED:
        raise NotFound(
            f"There is no loop {name} in the project {project}; apply one with 'millrace apply -f'."
        )
    return found


async def put(session: AsyncSession, document: ModelLoop, mode: str) -> tuple[Loop, bool]:
    """Store a loop; the generation grows if its spec changed. Returns the loop and whether anything changed."""
    name, project = document.metadata.name, document.metadata.project
    found = await find(session, project, name)
    body = document.document()
    if found is None:
        now = utcnow()
        found = Loop(
            project=project, name=name, mode=mode, document=body, archive=[], created_at=now, updated_at=now
        )
        session.add(found)
        await session.flush()
        return found, True
    if found.mode != mode:
        raise Conflict(f"{name} belongs to a backtest; choose another name.")
    if found.state == DELETED:
        _begin_again(found)
    elif same_spec(found, document):
        found.document = body
        return found, False
    found.document, found.generation, found.updated_at = body, found.generation + 1, utcnow()
    await session.flush()
    return found, True


def same_spec(loop: Loop, document: ModelLoop) -> bool:
    """Whether *document* asks for what is stored already; being suspended is a state, no other spec."""
    stored, asked = loop.document["spec"], document.document()["spec"]
    return {**stored, "suspend": False} == {**asked, "suspend": False}


def _begin_again(loop: Loop) -> None:
    """A name that was deleted starts from nothing, but its generations and runs are numbered on."""
    loop.state, loop.message, loop.archive = "active", "", []
    loop.seen_version, loop.seen_rows, loop.standing = 0, 0, []
    for name in ("owner", "champion", "champion_since", "heading", "unanswered", "configurations"):
        setattr(loop, name, None)
    for name in ("fed_through", "opened_at", "rest_until", "settled_through"):
        setattr(loop, name, None)


async def page(session: AsyncSession, project: str, after: str | None, limit: int) -> list[Loop]:
    """Live loops by name; one more than *limit*."""
    statement = (
        select(Loop)
        .where(Loop.project == project, Loop.mode == "live", Loop.state != DELETED)
        .order_by(Loop.name)
        .limit(limit + 1)
    )
    if after is not None:
        statement = statement.where(Loop.name > after)
    return list((await session.scalars(statement)).all())


async def every(session: AsyncSession) -> list[int]:
    """Ids of all loops that are not deleted."""
    return list((await session.scalars(select(Loop.id).where(Loop.state != DELETED).order_by(Loop.id))).all())


@dataclass(frozen=True)
class Sign:
    """Of one loop, whether something waits to be done for it, and what changes when somebody touches it."""

    id: int
    busy: bool
    stamp: tuple[datetime, datetime | None]


async def signs(session: AsyncSession) -> list[Sign]:
    """A sign of every loop that is not deleted."""
    flight = exists().where(Run.loop_id == Loop.id, Run.state.in_(IN_FLIGHT))
    waiting = exists().where(Inbox.loop_id == Loop.id, Inbox.done.is_(False))
    busy = or_(flight, waiting, Loop.heading.is_not(None), Loop.state == "deleting")
    statement = select(Loop.id, busy, Loop.updated_at, Loop.woken_at).where(Loop.state != DELETED)
    rows = (await session.execute(statement.order_by(Loop.id))).all()
    return [Sign(row[0], row[1], (row[2], row[3])) for row in rows]


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


async def receive(session: AsyncSession, items: list[dict[str, Any]]) -> None:
    """Put new closings into the inboxes of their loops, and remember how far the feed was read."""
    place = await feed(session)
    rows = (await session.scalars(select(Loop).where(Loop.state != DELETED))).all()
    loops = {(loop.project, loop.name): loop.id for loop in rows}
    for item in items:
        if item["seq"] > place.seq:
            loop_id = loops.get((item["project"], item["endpoint"]))
            if loop_id is not None:
                through = datetime.fromisoformat(item["through"])
                session.add(Inbox(seq=item["seq"], loop_id=loop_id, through=through, item=item, done=False))
            place.seq = item["seq"]
    await session.flush()


async def next_closing(session: AsyncSession, loop_id: int) -> Inbox | None:
    """The oldest closing the loop has not dealt with."""
    statement = (
        select(Inbox).where(Inbox.loop_id == loop_id, Inbox.done.is_(False)).order_by(Inbox.seq).limit(1)
    )
    return (await session.scalars(statement)).one_or_none()


async def done(session: AsyncSession, closing: Inbox) -> None:
    """Mark a closing as dealt with. Raises: Conflict if somebody else did so first."""
    mine = (Inbox.seq == closing.seq, Inbox.done.is_(False))
    result = await session.execute(update(Inbox).where(*mine).values(done=True))
    if result.rowcount == 0:  # type: ignore[attr-defined]
        raise Conflict(f"The closing {closing.seq} was dealt with by someone else.")


async def read(session: AsyncSession, loop: Loop, around: dict[str, bool]) -> dict[str, Any]:
    """A loop as JSON shows it; *around* says what the environment can honour."""
    newest = await runs.get(session, loop, loop.runs) if loop.runs else None
    flight = newest if newest is not None and State(newest.state) in IN_FLIGHT else None
    digest = None if loop.champion is None else await runs.digest(session, loop.id, loop.champion)
    stands = status.of(loop, newest, digest, ignored(loop, **around), loop.generation)
    busy = flight is not None and State(flight.state) in BUSY
    facts = {name: getattr(loop, name) for name in SHOWN}
    return facts | {
        "run": newest,
        "settled": not busy and loop.heading is None,
        "phase": _phase(loop, flight.state if flight else None),
        "candidate": stands.candidate,
        "conditions": stands.conditions,
    }


def _phase(loop: Loop, state: str | None) -> str:
    if loop.state != "active":
        return loop.state
    if state is not None:
        return "rolling-out" if state == State.ROLLING_OUT else "running"
    return "waiting" if loop.champion is None else "watching"


async def remove(session: AsyncSession, loop_id: int) -> None:
    """The end of a loop: its inbox is emptied, its row stays so that no number is used twice."""
    await session.execute(delete(Inbox).where(Inbox.loop_id == loop_id))
    await session.execute(update(Loop).where(Loop.id == loop_id).values(state=DELETED, heading=None))


async def remember(session: AsyncSession, loop: Loop, asked: Rollback) -> None:
    """Write a rollback down under its key. Raises: Conflict if the same is being written at this moment."""
    asked.loop_id, asked.refused, asked.created_at = loop.id, "", utcnow()
    session.add(asked)
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict("The same rollback is being asked for at this moment; ask again.") from error
