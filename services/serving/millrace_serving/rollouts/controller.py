"""Moves rollouts: loads a candidate, judges it, gives it more traffic, promotes it, or takes it back.

Everything that moves is decided on event time under one lock per endpoint; a hard fault aborts at any time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from millrace.decisions import Kind, rounded
from millrace_core.errors import Unavailable
from millrace_core.log import log
from millrace_serving.endpoints import changes
from millrace_serving.endpoints import queries as endpoints
from millrace_serving.endpoints.schemas import Retain, Rollback
from millrace_serving.endpoints.wire import revision_name, wanted
from millrace_serving.plane import Plane
from millrace_serving.rollouts import decisions, evidence, queries
from millrace_serving.rollouts.judge import Judgement, judge, quality, same_tensors
from millrace_serving.rollouts.plan import Step, steps
from millrace_serving.rollouts.states import Loaded, State
from millrace_serving.settings import ServingSettings
from millrace_serving.tables import Endpoint, Rollout
from millrace_serving.triton.controller import LoadFailed

AUTHOR = "serving"
ATTEMPTS = 5
"""Loads that may fail for reasons outside the candidate before it is given up."""
PATIENCE_STEPS = 3
"""A step that no request reached is prolonged to this many times its length, then it goes on."""


class Rollouts:
    """All rollouts of this service."""

    def __init__(self, app: FastAPI, plane: Plane | None) -> None:
        self.app = app
        self.plane = plane
        self.settings: ServingSettings = app.state.settings
        self.wake = asyncio.Event()
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}
        self._attempts: dict[tuple[str, str, int], int] = {}

    def lock(self, project: str, name: str) -> asyncio.Lock:
        """One mover at a time for each endpoint."""
        return self._locks.setdefault((project, name), asyncio.Lock())

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncSession]:
        async with self.app.state.readers() as session:
            yield session

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[AsyncSession]:
        async with self.app.state.sessions.begin() as session:
            yield session

    async def load_all(self) -> None:
        """One pass over the rollouts that wait for their candidate to be loaded."""
        async with self._read() as session:
            waiting = [r for r in await queries.all_in_flight(session) if r.state == State.LOADING]
        for item in waiting:
            async with self.lock(item.project, item.endpoint):
                await self._load(item.project, item.endpoint)

    async def _load(self, project: str, name: str) -> None:
        """Load the candidate of an endpoint's rollout, and begin its first step; idempotent."""
        async with self._read() as session:
            endpoint = await endpoints.get(session, project, name)
            rollout = await queries.in_flight(session, endpoint)
            if rollout is None or rollout.state != State.LOADING:
                return
            revision = await endpoints.revision(session, endpoint, rollout.revision)
            stable = (
                await endpoints.revision(session, endpoint, endpoint.stable) if endpoint.stable else revision
            )
        problem = same_tensors(stable.signature, revision.signature)
        if problem is None and endpoint.mode == "live" and revision.state != Loaded.READY:
            problem = await self._into_triton(endpoint, rollout)
        if problem is not None:
            await self._abort(endpoint, rollout, f"Version {rollout.version} was refused: {problem}.", None)
            return
        await self._begin(endpoint, rollout)

    async def _into_triton(self, endpoint: Endpoint, rollout: Rollout) -> str | None:
        """None when the candidate answers as it should, else what is wrong with it."""
        plane = self._plane()
        async with self._read() as session:
            revision = await endpoints.revision(session, endpoint, rollout.revision)
        item = wanted(endpoint, revision)
        counted = (endpoint.project, endpoint.name, rollout.number)
        plane.busy.add(item.name)
        try:
            await plane.models.load(item)
            async with self._write() as session:
                loaded = await endpoints.revision(session, endpoint, rollout.revision)
                await endpoints.set_loaded(session, loaded, Loaded.READY)
            return None
        except LoadFailed as error:
            return str(error)
        except Exception as error:
            self._attempts[counted] = self._attempts.get(counted, 0) + 1
            if self._attempts[counted] >= ATTEMPTS:
                return f"it could not be loaded in {ATTEMPTS} attempts ({type(error).__name__}: {error})"
            raise
        finally:
            plane.busy.discard(item.name)

    def _plane(self) -> Plane:
        if self.plane is None:
            raise Unavailable("This serving process runs without a data plane.")
        return self.plane

    async def _begin(self, endpoint: Endpoint, rollout: Rollout) -> None:
        """From loading to the first step, or straight to champion when there is nothing to compare with."""
        plan = steps(rollout.plan)
        if endpoint.stable is None or not plan:
            why = "it is the first" if endpoint.stable is None else "the plan has no steps"
            await self._promote(
                endpoint, rollout, rollout.event_time, f"{why}, and its golden rows are right"
            )
            return
        async with self._write() as session:
            rollout = await queries.get(session, endpoint, rollout.number)
            await queries.move(session, rollout, plan[0].state, step=0, step_since=rollout.event_time)
            reason = self._step_words(rollout, plan[0])
            await self._tell(session, rollout, "rollout.step", reason, rollout.event_time, {}, {})
        await self.publish(endpoint)

    @staticmethod
    def _step_words(rollout: Rollout, step: Step) -> str:
        what = "a copy of" if step.state == State.MIRRORING else "the answers to"
        return f"Version {rollout.version} now gets {what} {step.percent:g} % of the requests."

    async def _tell(
        self,
        session: AsyncSession,
        rollout: Rollout,
        kind: Kind,
        reason: str,
        at: datetime | None,
        facts: dict[str, Any],
        measured: dict[str, Any],
        author: str = AUTHOR,
    ) -> None:
        await decisions.tell_moved(session, rollout, kind, reason, at, author, facts, measured)

    async def advance(self, project: str, name: str, moment: datetime) -> None:
        """Bring the endpoint's rollout to *moment* in event time; idempotent, never backwards.

        Raises: Unavailable while the candidate cannot be loaded or judged, or Envoy has not accepted.
        """
        async with self.lock(project, name):
            await self._load(project, name)
            moved = True
            while moved:
                async with self._write() as session:
                    endpoint = await endpoints.get(session, project, name)
                    await endpoints.advance_to(session, endpoint, moment)
                    rollout = await queries.in_flight(session, endpoint)
                moved = rollout is not None and await self._move(endpoint, rollout)
            await self.publish(endpoint)

    async def _move(self, endpoint: Endpoint, rollout: Rollout) -> bool:
        """Judge the present step; True if the rollout moved on to another step."""
        step = steps(rollout.plan)[rollout.step]
        found = await self._judge(endpoint, rollout, endpoint.event_time)
        if found.fault is not None:
            await self._fault(endpoint, rollout, found, endpoint.event_time)
            return False
        if not step.due(rollout.step_since, endpoint.event_time) or self._unproven(
            endpoint, rollout, step, found
        ):
            return False
        facts, measured = dict(found.evidence), dict(found.measured)
        if step.state == State.MIRRORING and endpoint.mode == "live":
            facts["quality"] = await self._quality(endpoint, rollout)
            if facts["quality"]["verdict"] == "failed":
                reason = (
                    f"Version {rollout.version} is worse on the mirrored rows: {facts['quality']['reason']}."
                )
                await self._abort(endpoint, rollout, reason, endpoint.event_time, facts, measured)
                return False
        await self._next(endpoint, rollout, facts, measured)
        return True

    @staticmethod
    def _unproven(endpoint: Endpoint, rollout: Rollout, step: Step, found: Judgement) -> bool:
        """Whether nothing reached the candidate yet and the step can still be prolonged."""
        if endpoint.mode != "live" or found.rows > 0 or step.seconds == 0:
            return False
        longer = Step(step.state, step.percent, step.seconds * PATIENCE_STEPS)
        return not longer.due(rollout.step_since, endpoint.event_time)

    async def _judge(self, endpoint: Endpoint, rollout: Rollout, until: datetime | None) -> Judgement:
        candidate, stable = self._names(endpoint, rollout)
        answer = await self._arms(endpoint, rollout.step_since, until)
        past = [item["measured"]["arms"] for item in rollout.evidence if "arms" in item.get("measured", {})]
        return judge(answer, candidate, stable, past)

    async def _arms(
        self, endpoint: Endpoint, since: datetime | None, until: datetime | None
    ) -> dict[str, Any]:
        monitoring = self.app.state.apis.monitoring
        return await evidence.arms(monitoring, endpoint, since, until, self.settings.slow_milliseconds)

    @staticmethod
    def _names(endpoint: Endpoint, rollout: Rollout) -> tuple[str, str]:
        candidate = revision_name(endpoint.project, endpoint.name, rollout.revision)
        return candidate, revision_name(endpoint.project, endpoint.name, rollout.previous or 0)

    async def _quality(self, endpoint: Endpoint, rollout: Rollout) -> dict[str, Any]:
        """The verdict on mirrored rows with labels, day by day."""
        if rollout.step_since is None or endpoint.event_time is None:
            return quality([], "")
        spans = evidence.days(endpoint, rollout.step_since, endpoint.event_time)
        answers = [await self._arms(endpoint, since, until) for since, until in spans]
        return quality(answers, self._names(endpoint, rollout)[0])

    async def _next(
        self, endpoint: Endpoint, rollout: Rollout, facts: dict[str, Any], measured: dict[str, Any]
    ) -> None:
        plan = steps(rollout.plan)
        if rollout.step + 1 == len(plan):
            await self._promote(
                endpoint, rollout, endpoint.event_time, "every step was passed", facts, measured
            )
            return
        step = plan[rollout.step + 1]
        async with self._write() as session:
            rollout = await queries.get(session, endpoint, rollout.number)
            kept = [*rollout.evidence, self._entry(rollout, facts, measured)]
            await queries.move(
                session,
                rollout,
                step.state,
                step=rollout.step + 1,
                step_since=endpoint.event_time,
                evidence=kept,
            )
            reason = self._step_words(rollout, step)
            await self._tell(session, rollout, "rollout.step", reason, endpoint.event_time, facts, measured)
        await self.publish(endpoint)

    @staticmethod
    def _entry(rollout: Rollout, facts: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
        return rounded({"step": rollout.step, "state": rollout.state, "facts": facts, "measured": measured})

    async def _promote(
        self,
        endpoint: Endpoint,
        rollout: Rollout,
        at: datetime | None,
        why: str,
        facts: dict[str, Any] | None = None,
        measured: dict[str, Any] | None = None,
    ) -> None:
        facts, measured = facts or {}, measured or {}
        async with self._write() as session:
            endpoint = await endpoints.get(session, endpoint.project, endpoint.name)
            rollout = await queries.get(session, endpoint, rollout.number)
            reason = f"Version {rollout.version} serves {endpoint.name}: {why}."
            kept = [*rollout.evidence, self._entry(rollout, facts, measured)]
            revision = await endpoints.revision(session, endpoint, rollout.revision)
            await endpoints.set_loaded(session, revision, Loaded.READY)
            await endpoints.make_stable(
                session,
                endpoint,
                rollout.revision,
                "promotion",
                f"rollout {rollout.number}",
                rollout.body_digest,
                reason=reason,
                event_time=at,
            )
            await queries.move(session, rollout, State.PROMOTED, reason=reason, evidence=kept)
            await self._tell(session, rollout, "rollout.promoted", reason, at, facts, measured)
        await self.publish(endpoint)

    async def _fault(
        self, endpoint: Endpoint, rollout: Rollout, found: Judgement, at: datetime | None
    ) -> None:
        reason = f"Version {rollout.version} is withdrawn from {endpoint.name}: {found.fault}."
        await self._abort(endpoint, rollout, reason, at, found.evidence, found.measured)

    async def _abort(
        self,
        endpoint: Endpoint,
        rollout: Rollout,
        reason: str,
        at: datetime | None,
        facts: dict[str, Any] | None = None,
        measured: dict[str, Any] | None = None,
        author: str = AUTHOR,
    ) -> None:
        """End the rollout and take its traffic away; a candidate that never loaded is marked as failed."""
        facts, measured = facts or {}, measured or {}
        async with self._write() as session:
            endpoint = await endpoints.get(session, endpoint.project, endpoint.name)
            await self.abort_within(session, endpoint, rollout.number, reason, at, facts, measured, author)
        log.warning("rollout aborted", endpoint=endpoint.name, rollout=rollout.number, reason=reason)
        await self.publish(endpoint)

    async def abort_within(
        self,
        session: AsyncSession,
        endpoint: Endpoint,
        number: int,
        reason: str,
        at: datetime | None,
        facts: dict[str, Any],
        measured: dict[str, Any],
        author: str,
    ) -> Rollout:
        """The abort as part of a transaction; the caller publishes afterwards."""
        rollout = await queries.get(session, endpoint, number)
        loading = rollout.state == State.LOADING
        kept = [*rollout.evidence, self._entry(rollout, facts, measured)]
        await queries.move(session, rollout, State.ABORTED, reason=reason, evidence=kept)
        revision = await endpoints.revision(session, endpoint, rollout.revision)
        if revision.number != endpoint.stable and (loading and revision.state == Loaded.LOADING):
            await endpoints.set_loaded(session, revision, Loaded.FAILED, reason)
        moment = at or rollout.event_time
        await self._tell(session, rollout, "rollout.aborted", reason, moment, facts, measured, author)
        return rollout

    async def watch_faults(self) -> None:
        """One look, on the wall clock, at the hard faults of every rollout that has traffic."""
        async with self._read() as session:
            flying = [r for r in await queries.all_in_flight(session) if r.state != State.LOADING]
        for item in flying:
            async with self.lock(item.project, item.endpoint):
                await self._watch(item.project, item.endpoint)

    async def _watch(self, project: str, name: str) -> None:
        async with self._read() as session:
            endpoint = await endpoints.get(session, project, name)
            rollout = await queries.in_flight(session, endpoint)
        if rollout is None or rollout.state == State.LOADING or endpoint.mode != "live":
            return
        found = await self._judge(endpoint, rollout, None)
        if found.fault is not None:
            await self._fault(endpoint, rollout, found, endpoint.event_time or rollout.event_time)

    async def publish(self, endpoint: Endpoint) -> None:
        """Bring the change to Envoy. Raises: Unavailable if it is not accepted in time; it is tried on."""
        if endpoint.mode != "live":
            return
        if not await self._plane().publish():
            raise Unavailable(f"The change is stored, but {self._plane().publisher.problem}; ask again.")

    async def abort(self, project: str, name: str, number: int, reason: str, author: str) -> Rollout:
        """End a rollout on somebody's word. Raises: NotFound; Conflict if it is over."""
        async with self.lock(project, name):
            async with self._write() as session:
                endpoint = await endpoints.get(session, project, name)
                rollout = await queries.get(session, endpoint, number)
                moment = endpoint.event_time or rollout.event_time
                words = f"Aborted: {reason}"
                rollout = await self.abort_within(session, endpoint, number, words, moment, {}, {}, author)
            await self.publish(endpoint)
            return rollout

    async def rollback(self, project: str, name: str, body: Rollback, author: str) -> None:
        """Route everything to a loaded revision; a rollout in flight is aborted by it. Idempotent by key."""
        async with self.lock(project, name):
            async with self._write() as session:
                endpoint = await endpoints.get(session, project, name)
                number = await changes.rollback(session, endpoint, body, author)
                if number is not None:
                    words = f"Aborted by a rollback: {body.reason}"
                    await self.abort_within(session, endpoint, number, words, body.event_time, {}, {}, author)
            await self.publish(endpoint)

    async def retain(self, project: str, name: str, body: Retain) -> None:
        """Retire what neither serves nor is named; Triton unloads it in its next pass."""
        async with self.lock(project, name):
            async with self._write() as session:
                endpoint = await endpoints.get(session, project, name)
                await changes.retain(session, endpoint, body)
            await self._settle(endpoint)

    async def delete(self, project: str, name: str, author: str) -> None:
        """Abort what is in flight and retire every revision."""
        async with self.lock(project, name):
            async with self._write() as session:
                endpoint = await endpoints.get(session, project, name)
                flying = await queries.in_flight(session, endpoint)
                if flying is not None:
                    await self.abort_within(
                        session, endpoint, flying.number, "The endpoint is deleted.", None, {}, {}, author
                    )
                await changes.delete(session, endpoint)
            await self._settle(endpoint)

    async def _settle(self, endpoint: Endpoint) -> None:
        """Routes first, so that nothing is unloaded while requests still go there."""
        await self.publish(endpoint)
        if self.plane is not None:
            self.plane.wake.set()
