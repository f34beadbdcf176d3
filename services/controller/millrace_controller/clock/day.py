"""One closed day of one loop: bring the rollout there, ask the triggers, act once."""

from datetime import datetime
from typing import Any

from fastapi import FastAPI

from millrace import durations
from millrace.decisions import Decision, decision
from millrace.loop import ModelLoop
from millrace_controller.clock import production
from millrace_controller.loops import queries as loops
from millrace_controller.runs import opening
from millrace_controller.runs import queries as runs
from millrace_controller.runs.opening import Facts, Trigger
from millrace_controller.runs.states import State
from millrace_controller.tables import Inbox, Loop, Outbox, Run
from millrace_controller.triggers import rules
from millrace_controller.triggers.rules import GoBack, Retrain, Standing
from millrace_core.database import utcnow
from millrace_core.errors import Conflict
from millrace_core.outbox import decide


async def take(app: FastAPI, loop: Loop, flight: Run | None, closing: Inbox) -> None:
    """Deal with one closed day. Everything outside the last transaction may be repeated after a crash."""
    path = f"/v1/endpoints/{loop.name}:advance"
    body = {"event_time": closing.through.isoformat()}
    endpoint = await app.state.apis.serving.post(path, json=body, project=loop.project, timeout=120)
    if flight is not None and await finish(app, loop, flight, endpoint, closing.through):
        async with app.state.readers() as session:
            loop, flight = await loops.get(session, loop.project, loop.name), None
    known = await opening.facts(app, loop)
    action = _action(loop, flight, known, closing)
    archive = None
    if isinstance(action, GoBack):
        archive = await _route_back(app, loop, action, closing)
    async with app.state.sessions.begin() as session:
        loop = await loops.get(session, loop.project, loop.name)
        await _apply(app, session, loop, action, archive, known, closing)
        await session.merge(
            Inbox(seq=closing.seq, loop_id=loop.id, through=closing.through, item=closing.item, done=True)
        )
        loop.settled_through = closing.through
        loop.updated_at = utcnow()


def _action(loop: Loop, flight: Run | None, known: Facts | None, closing: Inbox) -> rules.Action:
    if loop.state != "active" or known is None:
        return None
    spec = ModelLoop.model_validate(loop.document).spec
    fed = known.dataset["source"]["kind"] == "feedback"
    new_rows = 0 if fed else known.dataset["rows"] - loop.seen_rows
    standing = Standing(loop.champion, loop.opened_at, loop.rest_until, flight is not None, new_rows)
    return rules.decide(spec, standing, closing.item, closing.through)


async def _apply(
    app: FastAPI,
    session: Any,
    loop: Loop,
    action: rules.Action,
    archive: list[int] | None,
    known: Facts | None,
    closing: Inbox,
) -> None:
    if isinstance(action, Retrain) and known is not None:
        trigger = Trigger(action.cause, action.window, action.reason, evidence=action.evidence)
        await opening.open_run(app, session, loop, trigger, known, closing.through)
    if isinstance(action, GoBack) and archive is not None:
        await decide(session, Outbox, switched(loop, action, closing.through))
        rest = durations.parse(loop.document["spec"]["switchBack"]["rest"])
        loop.champion, loop.archive, loop.rest_until = action.version, archive, closing.through + rest


def switched(
    loop: Loop, action: GoBack, at: datetime | None, author: str = "controller", kind: Any = "switch-back"
) -> Decision:
    """The decision that says who went back to what, and why."""
    return decision(
        project=loop.project,
        loop=loop.name,
        kind=kind,
        subject=f"{loop.name}/{action.version}",
        outcome="switched",
        event_time=at,
        author=author,
        reason=f"Back from version {loop.champion} to version {action.version}: {action.reason}.",
        evidence={
            "from": loop.champion,
            "to": action.version,
            "weights": {str(action.version): 1.0},
            **action.evidence,
        },
    )


async def _route_back(app: FastAPI, loop: Loop, action: GoBack, closing: Inbox) -> list[int]:
    return await route_back(app, loop, action, closing.through, f"{loop.name}/closing-{closing.seq}")


async def route_back(app: FastAPI, loop: Loop, action: GoBack, at: datetime | None, key: str) -> list[int]:
    """Change the route, then alias, monitor and archive; returns the new archive."""
    body = {
        "version": action.version,
        "reason": action.reason[:1000],
        "event_time": None if at is None else at.isoformat(),
        "loop": loop.name,
        "key": key,
    }
    path = f"/v1/endpoints/{loop.name}:rollback"
    await app.state.apis.serving.post(path, json=body, project=loop.project, timeout=120)
    return await production.install(app, loop, action.version, at, action.reason[:2000], None)


async def finish(app: FastAPI, loop: Loop, run: Run, endpoint: dict[str, Any], at: datetime | None) -> bool:
    """End a run whose rollout has ended; returns whether it has."""
    rollout = endpoint.get("rollout")
    if State(run.state) != State.ROLLING_OUT or rollout is None or rollout["id"] != run.rollout:
        return False
    if rollout["state"] == "promoted":
        await _promoted(app, loop, run, rollout, at)
    elif rollout["state"] == "aborted":
        await _close(app, loop, run, State.ABORTED, f"the rollout was aborted: {rollout['reason']}", at)
    else:
        return False
    return True


async def _promoted(app: FastAPI, loop: Loop, run: Run, rollout: dict[str, Any], at: datetime | None) -> None:
    version = run.version
    assert version is not None
    reason = f"version {version} was rolled out without a fault"
    archive = await production.install(app, loop, version, at, reason, run.decision)
    async with app.state.sessions.begin() as session:
        kept = await loops.get(session, loop.project, loop.name)
        mine = await runs.get(session, kept, run.number)
        if State(mine.state) != State.ROLLING_OUT:
            raise Conflict(f"Run {run.number} has ended already.")
        kept.champion, kept.archive, kept.updated_at = version, archive, utcnow()
        await runs.move(session, mine, State.PROMOTED, message=reason)
        await decide(session, Outbox, closed(kept, mine, reason, at))


async def _close(app: FastAPI, loop: Loop, run: Run, state: State, message: str, at: datetime | None) -> None:
    async with app.state.sessions.begin() as session:
        kept = await loops.get(session, loop.project, loop.name)
        mine = await runs.get(session, kept, run.number)
        await runs.move(session, mine, state, message=message)
        await decide(session, Outbox, closed(kept, mine, message, at))


def closed(loop: Loop, run: Run, message: str, at: datetime | None) -> Decision:
    """The decision that ends a run."""
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
        cause=run.decision,
    )
