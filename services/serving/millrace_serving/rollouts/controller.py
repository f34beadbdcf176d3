"""Drives rollouts: loads a candidate, judges it, gives it more traffic, promotes it, or takes it back.

Everything that moves is decided on event time under one lock per endpoint; a hard fault aborts at any time.
"""

from datetime import datetime

from millrace_contracts.arms import ArmsRead
from millrace_contracts.endpoints import RevisionState
from millrace_contracts.rollouts import RolloutState
from millrace_core.errors import Unavailable
from millrace_core.log import log
from millrace_serving.revisions import queries as endpoints
from millrace_serving.revisions.wire import revision_name, signature, wanted
from millrace_serving.rollouts import evidence, queries
from millrace_serving.rollouts.judge import Judgement, Quality, judge, other_classes, quality, same_tensors
from millrace_serving.rollouts.plan import Step, steps
from millrace_serving.rollouts.transitions import Findings, Transitions
from millrace_serving.tables import Endpoint, Rollout
from millrace_serving.triton.loading import LoadFailed, NotYet

ATTEMPTS = 8
"""Loads that may fail for reasons outside the candidate before it is given up."""
PATIENCE_STEPS = 3
"""A step that no request reached is prolonged to this many times its length, then it goes on."""


class Rollouts(Transitions):
    """All rollouts of this service."""

    async def load_all(self) -> None:
        """One pass over the rollouts that wait for their candidate to be loaded."""
        async with self.read() as session:
            waiting = [r for r in await queries.all_in_flight(session) if r.state == RolloutState.LOADING]
        for item in waiting:
            try:
                async with self.lock(item.project, item.endpoint):
                    await self._load(item.project, item.endpoint)
            except Unavailable as error:
                log.info("candidate waits", endpoint=item.endpoint, rollout=item.number, reason=error.detail)

    async def _load(self, project: str, name: str) -> None:
        """Load the candidate of an endpoint's rollout, and begin its first step; idempotent."""
        async with self.read() as session:
            endpoint = await endpoints.get(session, project, name)
            rollout = await queries.in_flight(session, endpoint)
            if rollout is None or rollout.state != RolloutState.LOADING:
                return
            revision = await endpoints.revision(session, endpoint, rollout.revision)
            stable = revision
            if endpoint.stable is not None:
                stable = await endpoints.revision(session, endpoint, endpoint.stable)
        problem = same_tensors(signature(stable), signature(revision))
        if problem is None and endpoint.mode == "live":
            loaded = revision.state == RevisionState.READY
            problem = await (self._warm if loaded else self._into_triton)(endpoint, rollout)
        if problem is not None:
            words = f"Version {rollout.version} was refused: {problem}."
            await self.withdraw(endpoint, rollout, words, None, Findings())
            return
        await self.begin(endpoint, rollout)

    async def _into_triton(self, endpoint: Endpoint, rollout: Rollout) -> str | None:
        """None when the candidate answers as it should, else what is wrong with it. Raises: Unavailable."""
        plane = self.services.running()
        async with self.read() as session:
            item = wanted(endpoint, await endpoints.revision(session, endpoint, rollout.revision))
        plane.busy.add(item.name)
        try:
            await plane.load(item)
            async with self.services.sessions.begin() as session:
                loaded = await endpoints.revision(session, endpoint, rollout.revision)
                await endpoints.set_loaded(session, loaded, RevisionState.READY)
            return None
        except LoadFailed as error:
            return str(error)
        except NotYet as error:
            raise Unavailable(f"The candidate is on its way: {error}.") from error
        except Exception as error:
            return self._again((endpoint.project, endpoint.name, rollout.number), error)
        finally:
            plane.busy.discard(item.name)

    async def _warm(self, endpoint: Endpoint, rollout: Rollout) -> str | None:
        """Wait for a version that was loaded before, wherever it sits now; one that does not answer is loaded anew."""
        async with self.read() as session:
            item = wanted(endpoint, await endpoints.revision(session, endpoint, rollout.revision))
        try:
            await self.services.running().warm(item)
        except NotYet:
            return await self._into_triton(endpoint, rollout)
        return None

    def _again(self, counted: tuple[str, str, int], error: Exception) -> str:
        """Why the candidate is given up, after ATTEMPTS. Raises: Unavailable while it is worth another try."""
        attempts = self.services.movement.attempts
        attempts[counted] = attempts.get(counted, 0) + 1
        if attempts[counted] < ATTEMPTS:
            raise Unavailable(f"The candidate cannot be loaded yet ({error}).") from error
        return f"it could not be loaded in {ATTEMPTS} attempts ({type(error).__name__}: {error})"

    async def advance(self, project: str, name: str, moment: datetime) -> None:
        """Bring the endpoint's rollout to *moment* in event time; idempotent, never backwards.

        Raises: Unavailable while the candidate cannot be loaded or judged, or Envoy has not accepted.
        """
        async with self.lock(project, name):
            await self._load(project, name)
            async with self.services.sessions.begin() as session:
                endpoint = await endpoints.get(session, project, name)
                await endpoints.advance_to(session, endpoint, moment)
                await queries.start_clock(session, endpoint)
            while await self._move(project, name):
                pass
            if endpoint.mode == "live":
                await self.publish()

    async def _flying(self, project: str, name: str) -> tuple[Endpoint, Rollout | None]:
        async with self.read() as session:
            endpoint = await endpoints.get(session, project, name)
            return endpoint, await queries.in_flight(session, endpoint)

    async def _move(self, project: str, name: str) -> bool:
        """Judge the present step at the endpoint's event time; True if the rollout moved on."""
        endpoint, rollout = await self._flying(project, name)
        if rollout is None:
            return False
        step = steps(rollout.plan)[rollout.step]
        judged = await self._judge(endpoint, rollout, endpoint.event_time)
        findings = Findings(dict(judged.evidence), dict(judged.measured))
        if judged.fault is not None:
            await self._fault(endpoint, rollout, judged.fault, findings)
            return False
        if not step.due(rollout.step_since, endpoint.event_time, endpoint.timezone):
            return False
        if _unproven(endpoint, rollout, step, judged):
            return False
        remark = ""
        if step.state == RolloutState.MIRRORING and endpoint.mode == "live":
            judgement = await self._quality(endpoint, rollout)
            findings.facts["quality"] = judgement.told()
            if judgement.verdict == "failed":
                await self._fault(endpoint, rollout, judgement.reason, findings)
                return False
            remark = await self._unlike(endpoint, rollout) or ""
        await self.next(endpoint, rollout, findings, remark)
        return True

    async def _judge(self, endpoint: Endpoint, rollout: Rollout, until: datetime | None) -> Judgement:
        candidate, stable = _names(endpoint, rollout)
        answer = await self._arms(endpoint, rollout.step_since, until)
        past = [item["measured"]["arms"] for item in rollout.evidence if "arms" in item.get("measured", {})]
        return judge(answer, candidate, stable, past, await self._unlike(endpoint, rollout))

    async def _arms(
        self, endpoint: Endpoint, since: datetime | None, until: datetime | None
    ) -> ArmsRead | None:
        slow = self.services.settings.slow_milliseconds
        return await evidence.arms(self.services.clients, endpoint, since, until, slow)

    async def _quality(self, endpoint: Endpoint, rollout: Rollout) -> Quality:
        """The verdict on mirrored rows with labels, day by day."""
        answer = await self._arms(endpoint, rollout.step_since, endpoint.event_time)
        return quality(answer, _names(endpoint, rollout)[0], await self._unlike(endpoint, rollout))

    async def _unlike(self, endpoint: Endpoint, rollout: Rollout) -> str | None:
        """Why mirrored answers of the two revisions cannot be compared; None if they can."""
        if rollout.previous is None:
            return None
        async with self.read() as session:
            stable = await endpoints.revision(session, endpoint, rollout.previous)
            candidate = await endpoints.revision(session, endpoint, rollout.revision)
        return other_classes(signature(stable), signature(candidate))

    async def _fault(self, endpoint: Endpoint, rollout: Rollout, fault: str, findings: Findings) -> None:
        reason = f"Version {rollout.version} is withdrawn from {endpoint.name}: {fault}."
        await self.withdraw(endpoint, rollout, reason, endpoint.event_time or rollout.event_time, findings)

    async def watch_faults(self) -> None:
        """One look, on the wall clock, at the hard faults of every rollout that has traffic."""
        async with self.read() as session:
            flying = [r for r in await queries.all_in_flight(session) if r.state != RolloutState.LOADING]
        for item in flying:
            async with self.lock(item.project, item.endpoint):
                await self._watch(item.project, item.endpoint)

    async def _watch(self, project: str, name: str) -> None:
        endpoint, rollout = await self._flying(project, name)
        if rollout is None or rollout.state == RolloutState.LOADING or endpoint.mode != "live":
            return
        judged = await self._judge(endpoint, rollout, None)
        if judged.fault is not None:
            findings = Findings(dict(judged.evidence), dict(judged.measured))
            await self._fault(endpoint, rollout, judged.fault, findings)


def _names(endpoint: Endpoint, rollout: Rollout) -> tuple[str, str]:
    candidate = revision_name(endpoint.project, endpoint.name, rollout.revision)
    return candidate, revision_name(endpoint.project, endpoint.name, rollout.previous or 0)


def _unproven(endpoint: Endpoint, rollout: Rollout, step: Step, judged: Judgement) -> bool:
    """Whether nothing reached the candidate yet and the step can still be prolonged."""
    if endpoint.mode != "live" or judged.rows > 0 or step.seconds == 0:
        return False
    longer = Step(step.state, step.percent, step.seconds * PATIENCE_STEPS)
    return not longer.due(rollout.step_since, endpoint.event_time, endpoint.timezone)
