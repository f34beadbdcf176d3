"""One look at the queue: who is open, what room there is, whose turn it is; the others are told where they stand."""

import time

import httpx

from millrace.transport.errors import ApiError, Busy
from millrace_contracts.loop_runs import LoopRunState as State
from millrace_contracts.room import AtWork, RoomRead, RunSize
from millrace_contracts.workers import Workers
from millrace_controller.admission import metrics, queries, rules
from millrace_controller.admission.rules import Answer, Standing
from millrace_controller.services import Services
from millrace_controller.tables import Loop, Run
from millrace_core.database import utcnow
from millrace_core.log import log

LOOK_SECONDS = 1.0
"""A look is believed for so long by those that were in it."""
TRAINED = ("register", "roll-out")
"""Steps after which a run asks for no more room to train."""


async def its_turn(services: Services, run: Run) -> bool:
    """Whether a run that waits may be started now. Nobody stands behind a look that lasts: it lets in whom it finds.

    Raises: ApiError, Busy, httpx.TransportError of training.
    """
    if run.admitted_at is not None:
        return True
    line, id = services.memory.line, (run.loop_id, run.number)
    if not line.lock.locked():
        async with line.lock:
            if not line.knows(id, LOOK_SECONDS):
                await _look(services)
    async with services.readers() as session:
        now = await session.get(Run, id)
        return now is not None and now.admitted_at is not None


async def serve(services: Services) -> None:
    """Let in whose turn it is, and tell Prometheus who waits: once for all loops, however many wait."""
    async with services.readers() as session:
        standing = await queries.standing(session)
    metrics.seen(standing, utcnow())
    line = services.memory.line
    fresh = bool(line.seen) and time.monotonic() - line.looked < LOOK_SECONDS
    if fresh or not any(waits for _, _, waits in standing):
        return
    try:
        async with line.lock:
            await _look(services)
    except (ApiError, Busy, httpx.TransportError) as error:
        log.warning("the queue waits for training", error=(str(error) or type(error).__name__)[:300])
    except Exception as error:
        log.exception("the queue is not served", error=type(error).__name__)


async def _look(services: Services) -> None:
    async with services.readers() as session:
        found, served = await queries.busy(session), await queries.served(session)
    sizes = [_size(run) for _, run in found]
    distinct = list({size.model_dump_json(): size for size in sizes}.values())
    room = await services.clients.training.room(distinct)
    runs = _standing(found, sizes, distinct, room)
    now = utcnow()
    answer = rules.decide(runs, served, now)
    await _write(services, found, answer)
    for run in runs:
        if run.id in answer.admitted:
            metrics.admitted(run.project, (now - run.since).total_seconds())
    line = services.memory.line
    line.looked, line.seen = time.monotonic(), {run.id for run in runs}


def _standing(
    found: list[tuple[Loop, Run]], sizes: list[RunSize], distinct: list[RunSize], room: RoomRead
) -> list[Standing]:
    of = {size.model_dump_json(): told for size, told in zip(distinct, room.sizes, strict=True)}
    work = {_key(item) for item in room.at_work}
    return [
        Standing(
            id=(run.loop_id, run.number),
            project=loop.project,
            loop=loop.name,
            since=run.created_at,
            is_open=run.state == State.RUNNING or run.admitted_at is not None,
            room=of[size.model_dump_json()],
            at_work=(loop.project, loop.name, run.number) in work,
            trained=any(step in run.steps for step in TRAINED),
            has_champion=loop.champion is not None,
            next_at=run.next_at,
            short=run.message[:400] if run.shortages else "",
        )
        for (loop, run), size in zip(found, sizes, strict=True)
    ]


def _key(item: AtWork) -> tuple[str, str, int]:
    return item.project, item.loop, item.run


def _size(run: Run) -> RunSize:
    train = run.plan.train
    team = train.get("workers")
    return RunSize(
        limits=run.plan.limits,
        executor=train.get("executor", "pool"),
        workers=None if team is None else Workers.model_validate(team),
    )


async def _write(services: Services, found: list[tuple[Loop, Run]], answer: Answer) -> None:
    """Write down what is new; those whose turn it is are looked after at once."""
    known = {(run.loop_id, run.number): run for _, run in found}
    moved = {id: place for id, place in answer.places.items() if known[id].queue != place}
    if not answer.admitted and not moved:
        return
    now = utcnow()
    async with services.sessions.begin() as session:
        for id in answer.admitted:
            await queries.admit(session, known[id], now)
        for id, place in moved.items():
            await queries.place(session, id, place)
    if answer.admitted:
        log.info("runs are let in", runs=len(answer.admitted), waiting=len(answer.places))
        services.changes.work.set()
    services.changes.ring()
