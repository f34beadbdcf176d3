"""The moves of a rollout: one transaction with its decision each, told to the gateway before anybody reads it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime

from millrace_contracts.bodies import Document
from millrace_contracts.decisions import Kind, rounded
from millrace_contracts.endpoints import RevisionState
from millrace_contracts.rollouts import RolloutState
from millrace_core.database import AsyncSession
from millrace_core.errors import Unavailable
from millrace_core.log import log
from millrace_serving.revisions import queries as endpoints
from millrace_serving.rollouts import decisions, queries
from millrace_serving.rollouts.plan import Step, steps
from millrace_serving.services import Services
from millrace_serving.tables import Endpoint, Rollout

AUTHOR = "serving"


@dataclass(frozen=True)
class Findings:
    """What was known when a step ended: facts, which a replay reproduces, and what was measured, which it does not."""

    facts: Document = field(default_factory=dict)
    measured: Document = field(default_factory=dict)


class Transitions:
    """Changes of rollouts and of stable revisions, one at a time for each endpoint."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def lock(self, project: str, name: str) -> asyncio.Lock:
        """One mover at a time for each endpoint."""
        return self.services.movement.lock(project, name)

    def read(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A transaction that only reads."""
        return self.services.readers()

    @asynccontextmanager
    async def change(self, mode: str) -> AsyncIterator[AsyncSession]:
        """A transaction on an endpoint of *mode*, and then the gateway does what it says.

        Raises: Unavailable if the gateway does not accept in time; the change is stored and tried on.
        """
        async with self.services.movement.changing():
            async with self.services.sessions.begin() as session:
                yield session
            if mode == "live":
                await self.publish()

    async def publish(self) -> None:
        """Bring what is stored to Envoy. Raises: Unavailable."""
        plane = self.services.running()
        if not await plane.publish():
            raise Unavailable(f"The change is stored, but {plane.publisher.problem}; ask again.")

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

    async def next(self, endpoint: Endpoint, rollout: Rollout, findings: Findings, remark: str = "") -> None:
        """To the next step at the endpoint's event time, or to champion after the last one.

        Args:
            remark: what the step that ends could not find out, for the reason.
        """
        plan = steps(rollout.plan)
        if rollout.step + 1 == len(plan):
            why = "every step was passed" + (f"; {remark}" if remark else "")
            await self.promote(endpoint, rollout, endpoint.event_time, why, findings)
            return
        step = plan[rollout.step + 1]
        async with self.change(endpoint.mode) as session:
            rollout = await queries.get(session, endpoint, rollout.number)
            since = {"step": rollout.step + 1, "step_since": endpoint.event_time}
            await queries.move(session, rollout, step.state, evidence=_kept(rollout, findings), **since)
            reason = _words(rollout, step) + (f" Its quality is not known: {remark}." if remark else "")
            await _tell(session, rollout, "rollout.step", reason, endpoint.event_time, findings)

    async def promote(
        self, endpoint: Endpoint, rollout: Rollout, at: datetime | None, why: str, findings: Findings
    ) -> None:
        """Make the candidate the stable revision."""
        async with self.change(endpoint.mode) as session:
            endpoint = await endpoints.get(session, endpoint.project, endpoint.name)
            rollout = await queries.get(session, endpoint, rollout.number)
            reason = f"Version {rollout.version} serves {endpoint.name}: {why}."
            revision = await endpoints.revision(session, endpoint, rollout.revision)
            await endpoints.set_loaded(session, revision, RevisionState.READY)
            key, digest = f"rollout {rollout.number}", rollout.body_digest
            story = {"reason": reason, "event_time": at}
            await endpoints.make_stable(session, endpoint, revision.number, "promotion", key, digest, **story)
            kept = _kept(rollout, findings)
            await queries.move(session, rollout, RolloutState.PROMOTED, reason=reason, evidence=kept)
            await _tell(session, rollout, "rollout.promoted", reason, at, findings)

    async def withdraw(
        self, endpoint: Endpoint, rollout: Rollout, reason: str, at: datetime | None, findings: Findings
    ) -> None:
        """End the rollout and take its traffic away."""
        async with self.change(endpoint.mode) as session:
            endpoint = await endpoints.get(session, endpoint.project, endpoint.name)
            await abort_within(session, endpoint, rollout.number, reason, at, findings, AUTHOR)
        log.warning("rollout aborted", endpoint=endpoint.name, rollout=rollout.number, reason=reason)


async def abort_within(
    session: AsyncSession,
    endpoint: Endpoint,
    number: int,
    reason: str,
    at: datetime | None,
    findings: Findings,
    author: str,
) -> Rollout:
    """Abort as part of a transaction; a candidate that never answered rightly is marked as failed."""
    rollout = await queries.get(session, endpoint, number)
    loading = rollout.state == RolloutState.LOADING
    await queries.move(
        session, rollout, RolloutState.ABORTED, reason=reason, evidence=_kept(rollout, findings)
    )
    revision = await endpoints.revision(session, endpoint, rollout.revision)
    if loading and revision.state == RevisionState.LOADING:
        await endpoints.set_loaded(session, revision, RevisionState.FAILED, reason)
    await _tell(session, rollout, "rollout.aborted", reason, at or rollout.event_time, findings, author)
    return rollout


def _words(rollout: Rollout, step: Step) -> str:
    what = "a copy of" if step.state == RolloutState.MIRRORING else "the answers to"
    return f"Version {rollout.version} now gets {what} {step.percent:g} % of the requests."


def _kept(rollout: Rollout, findings: Findings) -> list[Document]:
    return [*rollout.evidence, rounded({"step": rollout.step, "state": rollout.state} | asdict(findings))]


async def _tell(
    session: AsyncSession,
    rollout: Rollout,
    kind: Kind,
    reason: str,
    at: datetime | None,
    findings: Findings,
    author: str = AUTHOR,
) -> None:
    await decisions.tell_moved(session, rollout, kind, reason, at, author, findings.facts, findings.measured)
