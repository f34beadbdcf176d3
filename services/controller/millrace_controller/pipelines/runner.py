"""Brings a loop run's pipeline to its end, wherever it runs: started, looked at, tried again, or closed."""

from fastapi import FastAPI

from millrace_controller.clock.day import closed
from millrace_controller.loops import queries as loops
from millrace_controller.pipelines import attempts, waits
from millrace_controller.pipelines.attempts import Ended, Handle
from millrace_controller.runs import queries as runs
from millrace_controller.runs.states import State
from millrace_controller.tables import Loop, Outbox, Run
from millrace_core.log import log
from millrace_core.outbox import decide

ATTEMPTS = 3


async def tend(app: FastAPI, loop: Loop, run: Run) -> bool:
    """Start the pipeline of a pending run, or see what became of a running one; False while it goes on."""
    if State(run.state) == State.PENDING:
        return await _start(app, loop, run)
    handle = _handle(run)
    seen = await app.state.runners[handle["runner"]].look(attempts.of(loop, run, run.attempts), handle)
    if isinstance(seen, Ended):
        await _ended(app, loop, run, seen)
        return True
    await _note(app, loop, run, seen)
    return False


async def _note(app: FastAPI, loop: Loop, run: Run, seen: Handle) -> None:
    """Keep what is new of a pipeline that goes on, and what it waits for."""
    waiting = await waits.of_run(app, loop, run, seen)
    handle = attempts.calm(seen)
    if (handle, waiting) != (run.pipeline, run.waiting):
        async with app.state.sessions.begin() as session:
            await runs.note_pipeline(session, await runs.get(session, loop, run.number), handle, waiting)
        app.state.bell.ring()


async def stop(app: FastAPI, loop: Loop, run: Run) -> None:
    """End a run's pipeline, also one whose start was not written down any more."""
    if State(run.state) == State.PENDING:
        runner = await app.state.runners.choose()
        handle = await runner.find(attempts.of(loop, run, run.attempts + 1))
    else:
        handle = run.pipeline
    if handle is not None:
        await app.state.runners[handle["runner"]].stop(handle)


def _handle(run: Run) -> Handle:
    assert run.pipeline is not None
    return attempts.calm(run.pipeline)


async def _start(app: FastAPI, loop: Loop, run: Run) -> bool:
    runner = await app.state.runners.choose()
    number = run.attempts + 1
    begun = await runner.start(attempts.of(loop, run, number))
    handle = begun.handle if isinstance(begun, Ended) else begun
    async with app.state.sessions.begin() as session:
        mine = await runs.get(session, loop, run.number)
        more = {"pipeline": handle, "waiting": mine.waiting}
        await runs.move(session, mine, State.RUNNING, attempts=number, **more)
    if isinstance(begun, Ended):
        await _ended(app, loop, run, begun)
        return True
    log.info("pipeline started", loop=loop.name, run=run.number, attempt=number, runner=handle["runner"])
    return False


async def _ended(app: FastAPI, loop: Loop, run: Run, end: Ended) -> None:
    """A pipeline that is over: rejected if the gates said no, else tried again, at last failed."""
    async with app.state.sessions.begin() as session:
        kept = await loops.get(session, loop.project, loop.name)
        mine = await runs.get(session, kept, run.number)
        if State(mine.state) != State.RUNNING:
            return
        state, message = _verdict(mine, end)
        again = state == State.PENDING and end.reason
        waiting = {"reason": end.reason, "message": message[:1000]} if again else None
        await runs.move(session, mine, state, message=message[:4000], pipeline=end.handle, waiting=waiting)
        if state != State.PENDING:
            await decide(session, Outbox, closed(kept, mine, message[:1500], mine.opened_at))


def _verdict(run: Run, end: Ended) -> tuple[State, str]:
    if run.verdict is not None and run.verdict["verdict"] != "passed" and end.ok:
        return State.REJECTED, f"the gates say {run.verdict['verdict']}: {run.verdict['reason']}"
    what = end.message or "the pipeline ended early"
    if run.attempts < ATTEMPTS and not end.final:
        return State.PENDING, f"{what}; trying again"
    return State.FAILED, what
