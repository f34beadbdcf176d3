"""How a run ends: with its rollout, or before it; the champion follows, and the end is a decision."""

from datetime import datetime

from millrace_contracts.bodies import Document
from millrace_contracts.decisions import Decision, decision
from millrace_contracts.endpoints import EndpointRead
from millrace_contracts.rollouts import RolloutRead, RolloutState
from millrace_controller.lookup import queries as lookup
from millrace_controller.production import champion
from millrace_controller.runs import queries
from millrace_controller.runs.states import State
from millrace_controller.services import Services
from millrace_controller.tables import Loop, Outbox, Run
from millrace_core.database import utcnow
from millrace_core.errors import Conflict
from millrace_core.outbox import decide


async def finish(
    services: Services, loop: Loop, run: Run, endpoint: EndpointRead, at: datetime | None
) -> bool:
    """End a run whose rollout has ended; returns whether it has."""
    rollout = await _rollout(services, loop, run, endpoint)
    if run.state != State.ROLLING_OUT or rollout is None or rollout.id != run.rollout:
        return False
    if rollout.state == RolloutState.PROMOTED and endpoint.stable_version == run.version:
        await _promoted(services, loop, run, rollout, at)
    elif rollout.state == RolloutState.PROMOTED:
        words = f"version {run.version} was promoted and at once taken back to {endpoint.stable_version}"
        await _abort(services, loop, run, rollout, words, at)
    elif rollout.state == RolloutState.ABORTED:
        await _abort(services, loop, run, rollout, f"the rollout was aborted: {rollout.reason}", at)
    else:
        return False
    return True


async def _rollout(services: Services, loop: Loop, run: Run, endpoint: EndpointRead) -> RolloutRead | None:
    """The run's own rollout; behind it another form of the same version may be rolled out already."""
    last = endpoint.rollout
    if last is None or run.rollout is None or last.id <= run.rollout:
        return last
    return await services.clients.serving.rollout(loop.name, run.rollout, project=loop.project)


async def _promoted(
    services: Services, loop: Loop, run: Run, rollout: RolloutRead, at: datetime | None
) -> None:
    version = run.version
    assert version is not None
    reason = f"version {version} was rolled out without a fault"
    archive = await champion.install(services, loop, version, at, reason, run.decision)
    async with services.sessions.begin() as session:
        kept = await lookup.get(session, loop.project, loop.name)
        mine = await queries.get(session, kept, run.number)
        if mine.state != State.ROLLING_OUT:
            raise Conflict(f"Run {run.number} has ended already.")
        kept.champion, kept.champion_since, kept.archive = version, at, archive
        kept.updated_at = utcnow()
        await queries.move(session, mine, State.PROMOTED, message=reason)
        await decide(session, Outbox, closed(kept, mine, reason, at, rollout.decision))


async def _abort(
    services: Services, loop: Loop, run: Run, rollout: RolloutRead, message: str, at: datetime | None
) -> None:
    async with services.sessions.begin() as session:
        kept = await lookup.get(session, loop.project, loop.name)
        mine = await queries.get(session, kept, run.number)
        await queries.move(session, mine, State.ABORTED, message=message)
        await decide(session, Outbox, closed(kept, mine, message, at, rollout.decision))


def closed(loop: Loop, run: Run, message: str, at: datetime | None, cause: str | None = None) -> Decision:
    """The decision that ends a run; *cause*: the one that it follows from, if that is another than its opening."""
    return decision(
        project=loop.project,
        loop=loop.name,
        kind="run.closed",
        subject=f"run {run.number}",
        outcome=str(run.state),
        event_time=at or run.opened_at,
        author="controller",
        reason=f"Run {run.number} ends {run.state}: {message}."[:2000],
        run=run.number,
        evidence={"version": run.version, "champion": loop.champion},
        measured=place(run),
        cause=cause or run.decision,
    )


def place(run: Run) -> Document:
    """Where the run's pipeline can be looked at, as its decisions tell it; a replay has another."""
    kept = {name: value for name, value in (run.pipeline or {}).items() if name in ("runner", "id", "link")}
    return {"pipeline": kept} if "id" in kept else {}
