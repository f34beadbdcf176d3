"""Lets background tasks run while this replica holds the lease, and hands it over in good order."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from millrace_controller.leases import queries
from millrace_controller.leases.tenure import TENURE, GuardedSessions, Tenure
from millrace_controller.settings import ControllerSettings
from millrace_core.app import Hook
from millrace_core.log import log

LEASE = "controller"
SECONDS, RENEW_SECONDS, ASK_SECONDS = 10.0, 3.0, 2.0
"""A leader that is gone is missed after 10 s, and its place is taken at most 2 s later."""


@dataclass
class Leadership:
    """Whether this replica leads now."""

    tenure: Tenure | None = None


class Replica(Protocol):
    """What leading needs of a service."""

    @property
    def settings(self) -> ControllerSettings: ...

    @property
    def sessions(self) -> GuardedSessions: ...

    @property
    def leadership(self) -> Leadership: ...


def leading(tasks: Sequence[Hook]) -> Hook:
    """A background task for `create_app` that runs *tasks* whenever, and only while, this replica leads."""

    async def lead(replica: Replica) -> None:
        while True:
            tenure = await _win(replica)
            if tenure is not None:
                await _reign(replica, tenure, tasks)
            await asyncio.sleep(ASK_SECONDS)

    return lead


async def _win(replica: Replica) -> Tenure | None:
    try:
        async with replica.sessions.begin() as session:
            epoch = await queries.take(session, LEASE, replica.settings.pod_name, SECONDS)
    except Exception as error:
        log.warning("the lease could not be asked for", error=type(error).__name__)
        return None
    return None if epoch is None else Tenure(LEASE, epoch)


async def _reign(replica: Replica, tenure: Tenure, tasks: Sequence[Hook]) -> None:
    """Run *tasks* until the tenure is over, or one of them dies; it is released if it ends before its time."""
    name = replica.settings.pod_name
    log.info("this replica leads", replica=name, epoch=tenure.epoch)
    replica.leadership.tenure = tenure
    TENURE.set(tenure)
    running = [asyncio.create_task(task(replica), name=getattr(task, "__name__", "task")) for task in tasks]
    TENURE.set(None)
    hold = asyncio.create_task(_hold(replica, tenure))
    try:
        await _until_over(hold, running)
        log.warning("another replica leads", replica=name, epoch=tenure.epoch)
    except Exception:
        log.exception("a task of the leader died; it gives the lease back")
    finally:
        replica.leadership.tenure = None
        for task in (hold, *running):
            task.cancel()
        await asyncio.gather(hold, *running, return_exceptions=True)
        await _release(replica, tenure)


async def _until_over(hold: "asyncio.Task[None]", running: Sequence["asyncio.Task[None]"]) -> None:
    """Wait until *hold* ends. Raises: what one of *running* dies of; one that just ends is no reason."""
    waiting = {hold, *running}
    while hold in waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


async def _hold(replica: Replica, tenure: Tenure) -> None:
    """Renew until somebody else holds the lease; a database that does not answer now is asked again."""
    held = True
    while held:
        await asyncio.sleep(RENEW_SECONDS)
        try:
            async with replica.sessions.begin() as session:
                held = await queries.renew(session, tenure.name, tenure.epoch, SECONDS)
        except Exception as error:
            log.warning("the lease could not be renewed", error=type(error).__name__)


async def _release(replica: Replica, tenure: Tenure) -> None:
    try:
        async with replica.sessions.begin() as session:
            await queries.release(session, tenure.name, tenure.epoch)
    except Exception as error:
        log.warning("the lease runs out by itself", error=type(error).__name__)
