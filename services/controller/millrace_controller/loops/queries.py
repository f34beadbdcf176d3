"""SQL of loops."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.batches import BatchRead
from millrace_contracts.bodies import Document
from millrace_contracts.loop import ModelLoop
from millrace_contracts.loop_runs import LoopRunState
from millrace_contracts.loops import LoopRead
from millrace_contracts.pulls import SourceRead
from millrace_controller import batches, polls
from millrace_controller.lookup.queries import DELETED, find
from millrace_controller.loops import status
from millrace_controller.loops.options import Surroundings, ignored
from millrace_controller.runs import queries as runs
from millrace_controller.runs.states import IN_FLIGHT, moves
from millrace_controller.tables import Loop, Scoring
from millrace_core.database import utcnow
from millrace_core.errors import Conflict

SHOWN = (
    "name", "project", "mode", "state", "generation", "champion", "archive", "settled_through", "rest_until", "waits",
    "message", "owner", "document", "created_at", "updated_at",
)  # fmt: skip


async def put(session: AsyncSession, document: ModelLoop, mode: str) -> tuple[Loop, bool]:
    """Store a loop; the generation grows if its spec changed. Returns the loop and whether anything changed."""
    name, project = document.metadata.name, document.metadata.project
    loop = await find(session, project, name)
    body = document.document()
    if loop is None:
        now = utcnow()
        loop = Loop(
            project=project, name=name, mode=mode, document=body, archive=[], created_at=now, updated_at=now
        )
        session.add(loop)
        await session.flush()
        return loop, True
    if loop.mode != mode:
        raise Conflict(f"{name} belongs to a backtest; choose another name.")
    if loop.state == DELETED:
        _begin_again(loop)
        await _forget_scorings(session, loop)
    elif same_spec(loop, document):
        loop.document = body
        return loop, False
    as_trained = loop.opened_generation == loop.generation and _trains_alike(loop, body)
    loop.document, loop.generation, loop.updated_at = body, loop.generation + 1, utcnow()
    if as_trained:
        loop.opened_generation = loop.generation
    await session.flush()
    return loop, True


def same_spec(loop: Loop, document: ModelLoop) -> bool:
    """Whether *document* asks for what is stored already; being suspended is a state, no other spec."""
    stored, asked = loop.document["spec"], document.document()["spec"]
    return {**stored, "suspend": False} == {**asked, "suspend": False}


def _trains_alike(loop: Loop, document: Document) -> bool:
    """Whether only what is scored by itself, who is told, or how many pods answer, is another: no reason for a run."""
    stored, asked = loop.document["spec"], document["spec"]
    aside = {"predict": None, "notify": None, "serving": None}
    return {**stored, **aside} == {**asked, **aside}


def _begin_again(loop: Loop) -> None:
    """A name that was deleted starts from nothing, but its generations and runs are numbered on."""
    loop.state, loop.message, loop.archive = "active", "", []
    loop.seen_version, loop.seen_rows, loop.causes = 0, 0, []
    for name in (
        "owner",
        "champion",
        "champion_since",
        "route_intent",
        "unanswered",
        "waits",
        "fresh_rows",
        "configurations",
        "poll",
        "notices",
        "replicas",
    ):
        setattr(loop, name, None)
    for name in ("fed_through", "opened_at", "passed_at", "rest_until", "settled_through"):
        setattr(loop, name, None)


async def _forget_scorings(session: AsyncSession, loop: Loop) -> None:
    """Records stay, numbers go on; what was scored is remembered no more, and what went on has ended."""
    loop.batch, mine = None, update(Scoring).where(Scoring.loop_id == loop.id)
    over = {"state": "failed", "message": "The loop was deleted.", "next_at": None, "ended_at": utcnow()}
    await session.execute(mine.where(Scoring.ended_at.is_(None)).values(over))
    await session.execute(mine.values(before=None))


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


async def read(session: AsyncSession, loop: Loop, around: Surroundings) -> LoopRead:
    """A loop as JSON shows it; *around* says what the environment can honour."""
    newest = await runs.get(session, loop, loop.runs) if loop.runs else None
    flight = newest if newest is not None and newest.state in IN_FLIGHT else None
    digest = None if loop.champion is None else await runs.digest(session, loop.id, loop.champion)
    stands = status.of(loop, newest, digest, ignored(loop, around), loop.generation)
    busy = flight is not None and moves(flight.state, flight.traffic)
    columns = {name: getattr(loop, name) for name in SHOWN}
    return LoopRead.model_validate(
        columns
        | {
            "run": newest,
            "settled": not busy and loop.route_intent is None,
            "phase": _phase(loop, flight.state if flight else None),
            "candidate": stands.candidate,
            "conditions": stands.conditions,
            "source": _source(loop),
            "batch": _batch(loop),
        }
    )


def _source(loop: Loop) -> SourceRead | None:
    """Of a loop that is declared as only an earlier version took it, there is none to look at."""
    try:
        source = polls.polled(loop.spec)
    except Conflict:
        return None
    return None if source is None else polls.shown(loop.name, source, loop.poll)


def _batch(loop: Loop) -> BatchRead | None:
    """Likewise, what is scored by itself."""
    try:
        batch = batches.declared(loop.spec)
    except Conflict:
        return None
    return None if batch is None else batches.shown(batch, loop.batch, loop.spec.data.timezone)


def _phase(loop: Loop, state: str | None) -> str:
    if loop.state != "active":
        return loop.state
    if state is not None:
        later = (LoopRunState.ROLLING_OUT, LoopRunState.AWAITING_APPROVAL)
        return state if state in later else "running"
    return "waiting" if loop.champion is None else "watching"
