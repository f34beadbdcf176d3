"""Lets background tasks run while this replica holds the lease, and hands it over in good order."""

import asyncio
from collections.abc import Sequence

from fastapi import FastAPI

from millrace_controller.leases import queries
from millrace_controller.leases.fence import TERM, Term
from millrace_core.app import Hook
from millrace_core.log import log

LEASE = "controller"
SECONDS, RENEW_SECONDS, ASK_SECONDS = 10.0, 3.0, 2.0
"""A leader that is gone is missed after 10 s, and its place is taken at most 2 s later."""


def leading(tasks: Sequence[Hook]) -> Hook:
    """A background task for `create_app` that runs *tasks* whenever, and only while, this replica leads."""

    async def lead(app: FastAPI) -> None:
        while True:
            term = await _win(app)
            if term is not None:
                await _reign(app, term, tasks)
            await asyncio.sleep(ASK_SECONDS)

    return lead


async def _win(app: FastAPI) -> Term | None:
    try:
        async with app.state.sessions.begin() as session:
            epoch = await queries.take(session, LEASE, app.state.settings.pod_name, SECONDS)
    except Exception as error:
        log.warning("the lease could not be asked for", error=type(error).__name__)
        return None
    return None if epoch is None else Term(LEASE, epoch)


async def _reign(app: FastAPI, term: Term, tasks: Sequence[Hook]) -> None:
    """Run *tasks* until the term is over, or one of them dies; it is released if it ends before its time."""
    log.info("this replica leads", replica=app.state.settings.pod_name, epoch=term.epoch)
    app.state.term = term
    TERM.set(term)
    running = [asyncio.create_task(task(app), name=getattr(task, "__name__", "task")) for task in tasks]
    TERM.set(None)
    hold = asyncio.create_task(_hold(app, term))
    try:
        await _until_over(hold, running)
        log.warning("another replica leads", replica=app.state.settings.pod_name, epoch=term.epoch)
    except Exception:
        log.exception("a task of the leader died; it gives the lease back")
    finally:
        app.state.term = None
        for task in (hold, *running):
            task.cancel()
        await asyncio.gather(hold, *running, return_exceptions=True)
        await _release(app, term)


async def _until_over(hold: "asyncio.Task[None]", running: Sequence["asyncio.Task[None]"]) -> None:
    """Wait until *hold* ends. Raises: what one of *running* dies of; one that just ends is no reason."""
    waiting = {hold, *running}
    while hold in waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


async def _hold(app: FastAPI, term: Term) -> None:
    """Renew until somebody else holds the lease; a database that does not answer now is asked again."""
    held = True
    while held:
        await asyncio.sleep(RENEW_SECONDS)
        try:
            async with app.state.sessions.begin() as session:
                held = await queries.renew(session, term.name, term.epoch, SECONDS)
        except Exception as error:
            log.warning("the lease could not be renewed", error=type(error).__name__)


async def _release(app: FastAPI, term: Term) -> None:
    try:
        async with app.state.sessions.begin() as session:
            await queries.release(session, term.name, term.epoch)
    except Exception as error:
        log.warning("the lease runs out by itself", error=type(error).__name__)
