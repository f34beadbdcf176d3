"""Runs backtests, one at a time, each in a process or a Job that is started again when it dies."""

import time

from millrace_contracts.backtests import BacktestState as State
from millrace_controller.backtests import queries, replaying
from millrace_controller.backtests.tables import Backtest
from millrace_controller.pipelines.attempts import Ended, Handle, calm
from millrace_controller.services import Services
from millrace_core.log import log
from millrace_core.reconcile import run_forever

ATTEMPTS = 3
EVERY, REST = 2.0, 30.0
"""Seconds between two looks at a backtest, and at whether there is one, unless somebody asked for one."""


async def keep_backtests(services: Services) -> None:
    """Background task."""

    async def once() -> None:
        change = services.changes.listen()
        if not await tend(services):
            await services.changes.wait(change, time.monotonic() + REST, REST)

    await run_forever("backtests", once, every=EVERY)


async def tend(services: Services) -> bool:
    """One pass: start the backtest whose turn it is, look at it, or close it; False if there is none."""
    async with services.readers() as session:
        backtest = await queries.oldest_open(session)
    if backtest is None:
        return False
    if backtest.state == State.CANCELLING:
        await _cancel(services, backtest)
        return True
    if backtest.handle is None:
        await _start(services, backtest)
        return True
    runner = services.runners.worker(backtest.handle["runner"])
    seen = await runner.look(replaying.of(backtest, backtest.attempts), calm(backtest.handle))
    if isinstance(seen, Ended):
        await _ended(services, backtest, seen)
    elif seen != backtest.handle:
        await _note(services, backtest, backtest.attempts, seen)
    return True


async def _start(services: Services, backtest: Backtest) -> None:
    number = backtest.attempts + 1
    begun = await services.runners.beside().start(replaying.of(backtest, number))
    handle = begun.handle if isinstance(begun, Ended) else begun
    await _note(services, backtest, number, handle)
    if isinstance(begun, Ended):
        async with services.readers() as session:
            backtest = await queries.get(session, backtest.project, backtest.id)
        return await _ended(services, backtest, begun)
    log.info("backtest started", backtest=backtest.id, attempt=number, runner=handle["runner"])


async def _cancel(services: Services, backtest: Backtest) -> None:
    """End what replays it, and close it."""
    if backtest.handle is not None:
        await services.runners.worker(backtest.handle["runner"]).stop(calm(backtest.handle))
    await _close(services, backtest, "it was cancelled")


async def _note(services: Services, backtest: Backtest, attempts: int, handle: Handle | None) -> None:
    async with services.sessions.begin() as session:
        await queries.note(session, backtest.id, attempts, handle)
    services.changes.ring()


async def _ended(services: Services, backtest: Backtest, end: Ended) -> None:
    """A process that is over: its backtest is closed, or tried again if another try may help."""
    if not end.ok and not end.final and backtest.attempts < ATTEMPTS and backtest.state != State.CANCELLING:
        log.warning("backtest tried again", backtest=backtest.id, message=end.message)
        await _note(services, backtest, backtest.attempts, None)
        return
    await _close(services, backtest, _failure(backtest, end))


async def _close(services: Services, backtest: Backtest, failure: str) -> None:
    """Leave nothing of its replay's own platform, then close it: nobody looks at a closed one again."""
    await services.runners.beside().tidy(replaying.of(backtest, backtest.attempts))
    async with services.sessions.begin() as session:
        state = await queries.end(session, backtest, failure)
    log.info("backtest ended", backtest=backtest.id, state=state)
    services.changes.tell()


def _failure(backtest: Backtest, end: Ended) -> str:
    """What people read of a replay that failed; empty for one that ended well."""
    if end.ok:
        return ""
    words = end.message if end.final else f"{end.message or 'it ended early'} ({backtest.attempts} tries)"
    return words[:4000]
