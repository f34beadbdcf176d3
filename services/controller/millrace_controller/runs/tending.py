"""Brings a loop run's pipeline to its end, wherever it runs: started, looked at, tried again, or closed."""

from datetime import datetime, timedelta

from millrace_contracts.waiting import Waiting
from millrace_controller.admission import queue
from millrace_controller.lookup import queries as lookup
from millrace_controller.pipelines import attempts
from millrace_controller.pipelines.attempts import Ended, Handle
from millrace_controller.runs import queries as runs
from millrace_controller.runs import returning, waiting
from millrace_controller.runs.ending import closed
from millrace_controller.runs.states import State
from millrace_controller.services import Services
from millrace_controller.tables import Loop, Outbox, Run
from millrace_core import pauses
from millrace_core.database import utcnow
from millrace_core.log import log
from millrace_core.outbox import decide

ATTEMPTS = 3
PAUSE = 30.0
"""Seconds before a pipeline for which there was no room is tried again the first time."""
CALLED: dict[str, object] = {"queue": None, "short_since": None}
"""What is remembered of a run's place in the queue once its pipeline has begun: nothing."""
MORE_ROOM = (
    "free or add nodes, raise the namespace's quota, or let it wait longer (training.job.shortageSeconds, "
    "MILLRACE_SHORTAGE_SECONDS); then `millrace retrain LOOP` opens another run."
)


async def tend(services: Services, loop: Loop, run: Run) -> bool:
    """Start the pipeline of a pending run, or see what became of a running one; False while it goes on."""
    if run.state == State.PENDING:
        return await _start(services, loop, run)
    handle = _handle(run)
    seen = await services.runners[handle["runner"]].look(attempts.of(loop, run, run.attempts), handle)
    if isinstance(seen, Ended):
        await _ended(services, loop, run, seen)
        return True
    await _note(services, loop, run, seen)
    return False


async def _note(services: Services, loop: Loop, run: Run, seen: Handle) -> None:
    """Keep what is new of a pipeline that goes on, and what it waits for."""
    waits = await waiting.of_run(services, loop, run, seen)
    handle = attempts.calm(seen)
    if (handle, waits) != (run.pipeline, run.waiting):
        async with services.sessions.begin() as session:
            await runs.note_pipeline(session, await runs.get(session, loop, run.number), handle, waits)
        services.changes.ring()


async def stop(services: Services, loop: Loop, run: Run) -> str | None:
    """End a run's pipeline, also one whose start was not written down any more; says what still runs of it."""
    if run.state == State.PENDING:
        runner = await services.runners.choose()
        handle = await runner.find(attempts.of(loop, run, run.attempts + 1))
    else:
        handle = run.pipeline
    return None if handle is None else await services.runners[handle["runner"]].stop(handle)


def _handle(run: Run) -> Handle:
    assert run.pipeline is not None
    return attempts.calm(run.pipeline)


async def _start(services: Services, loop: Loop, run: Run) -> bool:
    if not await queue.its_turn(services, run):
        return False
    runner = await services.runners.choose()
    number = run.attempts + 1
    begun = await runner.start(attempts.of(loop, run, number))
    if begun is None:
        return False
    handle = begun.handle if isinstance(begun, Ended) else begun
    async with services.sessions.begin() as session:
        mine = await runs.get(session, loop, run.number)
        more = {"pipeline": handle, "waiting": mine.waiting}
        await runs.move(session, mine, State.RUNNING, attempts=number, **more)
    if isinstance(begun, Ended):
        await _ended(services, loop, run, begun)
        return True
    log.info("pipeline started", loop=loop.name, run=run.number, attempt=number, runner=handle["runner"])
    return False


async def _ended(services: Services, loop: Loop, run: Run, end: Ended) -> None:
    """A pipeline that is over: rejected if the gates said no, else tried again, at last failed."""
    async with services.sessions.begin() as session:
        kept = await lookup.get(session, loop.project, loop.name)
        mine = await runs.get(session, kept, run.number)
        if mine.state != State.RUNNING:
            return
        state, message = _verdict(mine, end, services.settings.shortage_seconds)
        again = state == State.PENDING and end.reason
        waits = Waiting(reason=end.reason, message=message[:1000]) if again else None
        back = _back_in_line(mine) if state == State.PENDING and end.short else CALLED
        await runs.move(
            session, mine, state, message=message[:4000], pipeline=end.handle, waiting=waits, **back
        )
        if state != State.PENDING:
            await decide(session, Outbox, closed(kept, mine, message[:1500], mine.opened_at))
        if state == State.REJECTED:
            await returning.intend(session, kept, mine)
    services.memory.line.forget()
    services.changes.work.set()


def _back_in_line(run: Run) -> dict[str, object]:
    """There was no room for its pipeline: it waits for its turn again, each time longer before it tries."""
    pause = timedelta(seconds=pauses.seconds(PAUSE, run.shortages))
    since = {"short_since": _short_since(run), "shortages": run.shortages + 1}
    return since | {"admitted_at": None, "next_at": utcnow() + pause}


def _short_since(run: Run) -> datetime:
    return run.short_since or run.admitted_at or utcnow()


def _short(run: Run, what: str, seconds: float) -> tuple[State, str]:
    """There is no room for the pipeline: it waits for some, but not for ever."""
    given_up = _short_since(run) + timedelta(seconds=seconds)
    if utcnow() < given_up:
        when = f"is given up at {given_up:%Y-%m-%d %H:%M} UTC, or later by the time that it stands in line"
        return State.PENDING, f"{what}; it waits for room, and {when}"
    return State.FAILED, f"{what}; there was no room for it for {seconds:.0f} s: {MORE_ROOM}"


def _verdict(run: Run, end: Ended, shortage_seconds: float) -> tuple[State, str]:
    verdict = run.verdict
    if verdict is not None and verdict.verdict != "passed" and end.ok:
        return State.REJECTED, f"the gates say {verdict.verdict}: {verdict.reason}"
    what = end.message or "the pipeline ended early"
    if end.short:
        return _short(run, what, shortage_seconds)
    if run.attempts - run.shortages < ATTEMPTS and not end.final:
        return State.PENDING, f"{what}; trying again"
    return State.FAILED, what
