"""The way back to an archived version: intended in one transaction, then made so by every pass until it is done."""

from datetime import datetime
from typing import Any

from fastapi import FastAPI

from millrace import durations
from millrace.client.transport import ApiError
from millrace.decisions import Decision, Kind, decision
from millrace_controller.clock import production
from millrace_controller.loops import queries as loops
from millrace_controller.runs.plan import iso
from millrace_controller.tables import Loop, Outbox, Rollback
from millrace_controller.triggers.rules import GoBack
from millrace_core.database import AsyncSession, utcnow
from millrace_core.errors import Conflict
from millrace_core.outbox import decide

REFUSED = (404, 409, 422)


async def intend(
    session: AsyncSession, loop: Loop, action: GoBack, kind: Kind, author: str, at: datetime | None, key: str
) -> None:
    """Record, in the caller's transaction, that the route of *loop* has to go back. The same *key* is the same way.

    Raises: Conflict if it is going back already.
    """
    if loop.heading is not None:
        raise Conflict(f"{loop.name} is going back to version {loop.heading['version']}; wait for it.")
    loop.heading = {
        "key": key, "version": action.version, "from": loop.champion, "kind": kind, "author": author,
        "at": iso(at), "reason": action.reason, "evidence": action.evidence,
    }  # fmt: skip
    loop.updated_at = utcnow()
    await session.flush()


async def turn(app: FastAPI, loop: Loop) -> None:
    """Make what *loop* is heading for true: route, alias, monitor, archive, decision; safe to repeat.

    Raises: Conflict if serving refuses; then the intent is dropped and the refusal is a decision.
    """
    heading = loop.heading
    assert heading is not None
    made = _decision(loop, heading, "switched", heading["reason"])
    try:
        await _route(app, loop, heading, made.id)
    except ApiError as error:
        if error.status not in REFUSED:
            raise
        reason = str(error.problem.get("detail") or error)
        words = f"The route cannot go back to version {heading['version']}: {reason}"
        told = _decision(loop, heading, "refused", f"{heading['reason']}, but {reason}")
        await _drop(app, loop, heading, told, words)
        raise Conflict(words) from error
    at, version = _moment(heading), heading["version"]
    archive = await production.install(app, loop, version, at, heading["reason"][:2000], made.id)
    await _arrived(app, loop, heading, archive, made)


async def _route(app: FastAPI, loop: Loop, heading: dict[str, Any], cause: str) -> None:
    body = {
        "version": heading["version"],
        "reason": heading["reason"][:1000],
        "event_time": heading["at"],
        "loop": loop.name,
        "key": heading["key"],
        "cause": cause,
    }
    path = f"/v1/endpoints/{loop.name}:rollback"
    await app.state.apis.serving.post(path, json=body, project=loop.project, timeout=120)


async def _arrived(
    app: FastAPI, loop: Loop, heading: dict[str, Any], archive: list[int], made: Decision
) -> None:
    at = _moment(heading)
    async with app.state.sessions.begin() as session:
        kept = await loops.get(session, loop.project, loop.name)
        if kept.heading != heading:
            return
        rest = durations.parse(kept.document["spec"]["switchBack"]["rest"])
        kept.champion, kept.champion_since, kept.archive = heading["version"], at, archive
        kept.rest_until = kept.rest_until if at is None else at + rest
        kept.heading, kept.updated_at = None, utcnow()
        await decide(session, Outbox, made)


async def _drop(app: FastAPI, loop: Loop, heading: dict[str, Any], made: Decision, words: str) -> None:
    async with app.state.sessions.begin() as session:
        kept = await loops.get(session, loop.project, loop.name)
        if kept.heading == heading:
            kept.heading, kept.updated_at = None, utcnow()
            await decide(session, Outbox, made)
            asked = await session.get(Rollback, (loop.id, heading["key"]))
            if asked is not None:
                asked.refused = words


def _moment(heading: dict[str, Any]) -> datetime | None:
    return None if heading["at"] is None else datetime.fromisoformat(heading["at"])


def _decision(loop: Loop, heading: dict[str, Any], outcome: str, reason: str) -> Decision:
    """Who went back to what, and why; by a person it has no event time of its own, so its key tells it apart."""
    version, before = heading["version"], heading["from"]
    by_hand = heading["kind"] == "rollback"
    subject = f"{loop.name}/{version}" + (f" {heading['key'].rpartition('/')[2]}" if by_hand else "")
    return decision(
        project=loop.project,
        loop=loop.name,
        kind=heading["kind"],
        subject=subject,
        outcome=outcome,
        event_time=_moment(heading),
        author=heading["author"],
        reason=f"Back from version {before} to version {version}: {reason}."[:2000],
        evidence={"from": before, "to": version, "weights": {str(version): 1.0}, **heading["evidence"]},
    )
