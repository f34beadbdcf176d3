"""One closed day of one loop: bring the rollout there, ask the triggers, act once."""

from datetime import datetime
from typing import Any

from fastapi import FastAPI

from millrace.decisions import Decision, decision
from millrace.loop import ModelLoop
from millrace_controller.clock import back, production
from millrace_controller.loops import queries as loops
from millrace_controller.runs import opening
from millrace_controller.runs import queries as runs
from millrace_controller.runs.opening import Facts, Trigger
from millrace_controller.runs.states import State
from millrace_controller.tables import Inbox, Loop, Outbox, Run
from millrace_controller.triggers import rules
from millrace_controller.triggers.rules import GoBack, Retrain, Standing
from millrace_core.database import AsyncSession, utcnow
from millrace_core.errors import Conflict
from millrace_core.outbox import decide


async def take(app: FastAPI, loop: Loop, flight: Run | None, closing: Inbox) -> None:
    """Deal with one closed day.

    What it calls for is written in one transaction with the mark that the day is done; everything outside that
    transaction may be repeated after a crash.
    """
    path = f"/v1/endpoints/{loop.name}:advance"
    body = {"event_time": closing.through.isoformat()}
    endpoint = await app.state.apis.serving.post(path, json=body, project=loop.project, timeout=120)
    if flight is not None and await finish(app, loop, flight, endpoint, closing.through):
        flight = None
    known = await opening.facts(app, loop)
    pushed = 0 if known is None else await opening.pushed_rows(app, loop, known)
    async with app.state.sessions.begin() as session:
        loop = await loops.get(session, loop.project, loop.name)
        flight = await runs.in_flight(session, loop.id)
        if known is not None:
            await _act(session, loop, flight, known, pushed, closing)
        await loops.done(session, closing)
        loop.settled_through, loop.standing = closing.through, closing.item.get("standing", [])
        loop.updated_at = utcnow()


async def _act(
    session: AsyncSession, loop: Loop, flight: Run | None, known: Facts, pushed: int, closing: Inbox
) -> None:
    spec = ModelLoop.model_validate(loop.document).spec
    busy = flight is not None or loop.heading is not None
    standing = Standing(
        loop.champion, loop.opened_at, loop.rest_until, busy, pushed, loop.unanswered, loop.state == "active"
    )
    action = rules.decide(spec, standing, closing.item, closing.through)
    loop.unanswered = rules.unanswered(spec, standing, closing.item)
    if isinstance(action, GoBack):
        key = f"{loop.name}/closing-{closing.seq}"
        await back.intend(session, loop, action, "switch-back", "controller", closing.through, key)
    if isinstance(action, Retrain):
        trigger = Trigger(action.cause, action.window, action.reason, evidence=action.evidence)
        await opening.open_run(session, loop, trigger, known, closing.through)


async def finish(app: FastAPI, loop: Loop, run: Run, endpoint: dict[str, Any], at: datetime | None) -> bool:
    """End a run whose rollout has ended; returns whether it has."""
    rollout = endpoint.get("rollout")
    if State(run.state) != State.ROLLING_OUT or rollout is None or rollout["id"] != run.rollout:
        return False
    if rollout["state"] == "promoted" and endpoint["stable_version"] == run.version:
        await _promoted(app, loop, run, at, rollout["decision"])
    elif rollout["state"] == "promoted":
        words = f"version {run.version} was promoted and at once taken back to {endpoint['stable_version']}"
        await _close(app, loop, run, State.ABORTED, words, at, rollout["decision"])
    elif rollout["state"] == "aborted":
        words = f"the rollout was aborted: {rollout['reason']}"
        await _close(app, loop, run, State.ABORTED, words, at, rollout["decision"])
    else:
        return False
    return True


async def _promoted(app: FastAPI, loop: Loop, run: Run, at: datetime | None, cause: str | None) -> None:
    version = run.version
    assert version is not None
    reason = f"version {version} was rolled out without a fault"
    archive = await production.install(app, loop, version, at, reason, run.decision)
    async with app.state.sessions.begin() as session:
        kept = await loops.get(session, loop.project, loop.name)
        mine = await runs.get(session, kept, run.number)
        if State(mine.state) != State.ROLLING_OUT:
            raise Conflict(f"Run {run.number} has ended already.")
        kept.champion, kept.champion_since, kept.archive = version, at, archive
        kept.updated_at = utcnow()
        await runs.move(session, mine, State.PROMOTED, message=reason)
        await decide(session, Outbox, closed(kept, mine, reason, at, cause))


async def _close(
    app: FastAPI, loop: Loop, run: Run, state: State, message: str, at: datetime | None, cause: str | None
) -> None:
    async with app.state.sessions.begin() as session:
        kept = await loops.get(session, loop.project, loop.name)
        mine = await runs.get(session, kept, run.number)
        await runs.move(session, mine, state, message=message)
        await decide(session, Outbox, closed(kept, mine, message, at, cause))


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
        measured=_pipeline(run),
        cause=cause or run.decision,
    )


def _pipeline(run: Run) -> dict[str, Any]:
    """Where the run's pipeline can be looked at; a replay has another."""
    known = {name: value for name, value in (run.pipeline or {}).items() if name in ("runner", "id", "link")}
    return {"pipeline": known} if "id" in known else {}
