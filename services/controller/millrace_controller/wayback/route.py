"""The way back to an archived version: intended in one transaction, then made so by every pass until it is done."""

from millrace.transport.errors import ApiError
from millrace_contracts import durations
from millrace_contracts.decisions import Decision, decision
from millrace_contracts.endpoints import EndpointRollback
from millrace_controller.intents import RouteIntent
from millrace_controller.lookup import queries as lookup
from millrace_controller.production import champion
from millrace_controller.services import Services
from millrace_controller.tables import Loop, Outbox, Rollback
from millrace_core.database import utcnow
from millrace_core.errors import Conflict
from millrace_core.outbox import decide

REFUSED = (404, 409, 422)


async def turn(services: Services, loop: Loop) -> None:
    """Make what is intended with *loop* true: route, alias, monitor, archive, decision; safe to repeat.

    Raises: Conflict if serving refuses; then the intent is dropped and the refusal is a decision.
    """
    intent = loop.route_intent
    assert intent is not None
    made = _decision(loop, intent, "switched", intent.reason)
    try:
        await _route(services, loop, intent, made.id)
    except ApiError as error:
        if error.status not in REFUSED:
            raise
        reason = str(error.problem.get("detail") or error)
        words = f"The route cannot go back to version {intent.version}: {reason}"
        told = _decision(loop, intent, "refused", f"{intent.reason}, but {reason}")
        await _drop(services, loop, intent, told, words)
        raise Conflict(words) from error
    reason = intent.reason[:2000]
    archive = await champion.install(services, loop, intent.version, intent.moment, reason, made.id)
    await _arrived(services, loop, intent, archive, made)


async def _route(services: Services, loop: Loop, intent: RouteIntent, cause: str) -> None:
    order = EndpointRollback(
        version=intent.version,
        reason=intent.reason[:1000],
        event_time=intent.moment,
        loop=loop.name,
        key=intent.key,
        cause=cause,
    )
    await services.clients.serving.rollback(loop.name, order, project=loop.project)


async def _arrived(
    services: Services, loop: Loop, intent: RouteIntent, archive: list[int], made: Decision
) -> None:
    at = intent.moment
    async with services.sessions.begin() as session:
        kept = await lookup.get(session, loop.project, loop.name)
        if kept.route_intent != intent:
            return
        rest = durations.parse(kept.spec.switch_back.rest)
        kept.champion, kept.champion_since, kept.archive = intent.version, at, archive
        kept.rest_until = (
            kept.rest_until if at is None else durations.after(at, rest, kept.spec.data.timezone)
        )
        kept.route_intent, kept.updated_at = None, utcnow()
        await decide(session, Outbox, made)


async def _drop(services: Services, loop: Loop, intent: RouteIntent, made: Decision, words: str) -> None:
    async with services.sessions.begin() as session:
        kept = await lookup.get(session, loop.project, loop.name)
        if kept.route_intent == intent:
            kept.route_intent, kept.updated_at = None, utcnow()
            await decide(session, Outbox, made)
            asked = await session.get(Rollback, (loop.id, intent.key))
            if asked is not None:
                asked.refused = words


def _decision(loop: Loop, intent: RouteIntent, outcome: str, reason: str) -> Decision:
    version, by_hand = intent.version, intent.kind == "rollback"
    subject = f"{loop.name}/{version}" + (f" {intent.key.rpartition('/')[2]}" if by_hand else "")
    return decision(
        project=loop.project,
        loop=loop.name,
        kind=intent.kind,
        subject=subject,
        outcome=outcome,
        event_time=intent.moment,
        author=intent.author,
        reason=f"Back from version {intent.left} to version {version}: {reason}."[:2000],
        evidence={"from": intent.left, "to": version, "weights": {str(version): 1.0}, **intent.evidence},
    )
