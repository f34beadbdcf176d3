"""The moves of a rollout: one transaction with its decision each, told to the gateway before anybody reads it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from fastapi import FastAPI

from millrace.decisions import Kind, rounded
from millrace_core.database import AsyncSession
from millrace_core.errors import Conflict, Unavailable
from millrace_core.log import log
from millrace_serving.planes.plane import Plane
from millrace_serving.revisions import queries as endpoints
from millrace_serving.rollouts import decisions, queries
from millrace_serving.rollouts.plan import Step, steps
from millrace_serving.rollouts.states import Loaded, State
from millrace_serving.settings import ServingSettings
from millrace_serving.tables import Endpoint, Rollout

AUTHOR = "serving"


class Findings(dict[str, Any]):
    """What was known when a step ended: `facts`, which a replay reproduces, and `measured`, which it does not."""

    def __init__(self, facts: dict[str, Any] | None = None, measured: dict[str, Any] | None = None) -> None:
        super().__init__(facts=facts or {}, measured=measured or {})


class Transitions:
    """Changes of rollouts and of stable revisions, one at a time for each endpoint."""

    def __init__(self, app: FastAPI, plane: Plane | None) -> None:
        self.app = app
        self.plane = plane
        self.settings: ServingSettings = app.state.settings
        self.wake = asyncio.Event()
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}
        self._changing = 0
        self._told = asyncio.Condition()

    def lock(self, project: str, name: str) -> asyncio.Lock:
        """One mover at a time for each endpoint."""
        return self._locks.setdefault((project, name), asyncio.Lock())

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A transaction that only reads."""
        async with self.app.state.readers() as session:
            yield session

    @asynccontextmanager
    async def change(self, mode: str) -> AsyncIterator[AsyncSession]:
        """A transaction on an endpoint of *mode*, and then the gateway does what it says.

        Raises: Unavailable if the gateway does not accept in time; the change is stored and tried on.
        """
        self._changing += 1
        try:
            async with self.app.state.sessions.begin() as session:
                yield session
            if mode == "live":
                await self.publish()
        finally:
            async with self._told:
                self._changing -= 1
                self._told.notify_all()

    async def told(self, seconds: float) -> None:
        """Wait until no change is between database and gateway, so that what is read is also what is done."""
        try:
            async with asyncio.timeout(seconds), self._told:
                await self._told.wait_for(lambda: self._changing == 0)
        except TimeoutError:
            log.warning("the gateway is not told yet")

    async def publish(self) -> None:
        """Bring what is stored to Envoy. Raises: Unavailable."""
        if not await self.running().publish():
            raise Unavailable(f"The change is stored, but {self.running().publisher.problem}; ask again.")

    def running(self) -> Plane:
        """The data plane. Raises: Conflict when there is none."""
        if self.plane is None:
            raise Conflict("This serving process runs without a data plane.")
        return self.plane

    async def begin(self, endpoint: Endpoint, rollout: Rollout) -> None:
        """From loading to the first step, or straight to champion when there is nothing to compare with."""
        plan = steps(rollout.plan)
        if endpoint.stable is None or not plan:
            why = "it is the first" if endpoint.stable is None else "the plan has no steps"
            words = f"{why}, and its golden rows are right"
            await self.promote(endpoint, rollout, rollout.event_time, words, Findings())
            return
        async with self.change(endpoint.mode) as session:
            rollout = await queries.get(session, endpoint, rollout.number)
            await queries.move(session, rollout, plan[0].state, step=0, step_since=rollout.event_time)
            reason = _words(rollout, plan[0])
            await _tell(session, rollout, "rollout.step", reason, rollout.event_time, Findings())

    async def next(self, endpoint: Endpoint, rollout: Rollout, found: Findings) -> None:
        """To the next step at the endpoint's event time, or to champion after the last one."""
        plan = steps(rollout.plan)
        if rollout.step + 1 == len(plan):
            await self.promote(endpoint, rollout, endpoint.event_time, "every step was passed", found)
            return
        step = plan[rollout.step + 1]
        async with self.change(endpoint.mode) as session:
            rollout = await queries.get(session, endpoint, rollout.number)
            since = {"step": rollout.step + 1, "step_since": endpoint.event_time}
            await queries.move(session, rollout, step.state, evidence=_kept(rollout, found), **since)
            await _tell(session, rollout, "rollout.step", _words(rollout, step), endpoint.event_time, found)

    async def promote(
        self, endpoint: Endpoint, rollout: Rollout, at: datetime | None, why: str, found: Findings
    ) -> None:
        """Make the candidate the stable revision."""
        async with self.change(endpoint.mode) as session:
            endpoint = await endpoints.get(session, endpoint.project, endpoint.name)
            rollout = await queries.get(session, endpoint, rollout.number)
            reason = f"Version {rollout.version} serves {endpoint.name}: {why}."
            revision = await endpoints.revision(session, endpoint, rollout.revision)
            await endpoints.set_loaded(session, revision, Loaded.READY)
            key, digest = f"rollout {rollout.number}", rollout.body_digest
            story = {"reason": reason, "event_time": at}
            await endpoints.make_stable(session, endpoint, revision.number, "promotion", key, digest, **story)
            kept = _kept(rollout, found)
            await queries.move(session, rollout, State.PROMOTED, reason=reason, evidence=kept)
            await _tell(session, rollout, "rollout.promoted", reason, at, found)

    async def withdraw(
        self, endpoint: Endpoint, rollout: Rollout, reason: str, at: datetime | None, found: Findings
    ) -> None:
        """End the rollout and take its traffic away."""
        async with self.change(endpoint.mode) as session:
            endpoint = await endpoints.get(session, endpoint.project, endpoint.name)
            await abort_within(session, endpoint, rollout.number, reason, at, found, AUTHOR)
        log.warning("rollout aborted", endpoint=endpoint.name, rollout=rollout.number, reason=reason)


async def abort_within(
    session: AsyncSession,
    endpoint: Endpoint,
    number: int,
    reason: str,
    at: datetime | None,
    found: Findings,
    author: str,
) -> Rollout:
    """Abort as part of a transaction; a candidate that never answered rightly is marked as failed."""
    rollout = await queries.get(session, endpoint, number)
    loading = rollout.state == State.LOADING
    await queries.move(session, rollout, State.ABORTED, reason=reason, evidence=_kept(rollout, found))
    revision = await endpoints.revision(session, endpoint, rollout.revision)
    if loading and revision.state == Loaded.LOADING:
        await endpoints.set_loaded(session, revision, Loaded.FAILED, reason)
    await _tell(session, rollout, "rollout.aborted", reason, at or rollout.event_time, found, author)
    return rollout


def _words(rollout: Rollout, step: Step) -> str:
    what = "a copy of" if step.state == State.MIRRORING else "the answers to"
    return f"Version {rollout.version} now gets {what} {step.percent:g} % of the requests."


def _kept(rollout: Rollout, found: Findings) -> list[dict[str, Any]]:
    return [*rollout.evidence, rounded({"step": rollout.step, "state": rollout.state} | found)]


async def _tell(
    session: AsyncSession,
    rollout: Rollout,
    kind: Kind,
    reason: str,
    at: datetime | None,
    found: Findings,
    author: str = AUTHOR,
) -> None:
    await decisions.tell_moved(session, rollout, kind, reason, at, author, found["facts"], found["measured"])
