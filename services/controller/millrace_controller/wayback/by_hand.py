"""The way back that a person asks for: under its key it is one, however often it is asked for."""

import uuid
from dataclasses import dataclass
from hashlib import sha256

from millrace_contracts.loops import RollbackWrite
from millrace_controller.lookup import queries as lookup
from millrace_controller.production import intending
from millrace_controller.runs.queries import in_flight
from millrace_controller.services import Services
from millrace_controller.tables import Loop, Rollback, Run
from millrace_controller.triggers.rules import GoBack
from millrace_controller.wayback import queries, route
from millrace_core.database import AsyncSession
from millrace_core.errors import Conflict


@dataclass(frozen=True)
class Order:
    """What a rollback comes to: the loop whose route is to change, or the rollout that is to be aborted."""

    loop: Loop
    abort: int | None = None


async def roll_back(services: Services, project: str, loop: str, body: RollbackWrite, author: str) -> None:
    """Go back as *body* says.

    Raises: NotFound; Conflict if there is nothing to go back to, serving refuses, or the key was another rollback's.
    """
    async with services.sessions.begin() as session:
        order = await _order(session, await lookup.get(session, project, loop), body, author)
    if order.abort is not None:
        await services.clients.serving.abort_rollout(loop, order.abort, body.reason, project=project)
    elif order.loop.route_intent is not None:
        await route.turn(services, order.loop)


async def _order(session: AsyncSession, loop: Loop, body: RollbackWrite, author: str) -> Order:
    """What is to be done now; nothing if the same rollback was done before."""
    key = key_of(loop.name, body.key or uuid.uuid4().hex)
    earlier = await session.get(Rollback, (loop.id, key))
    flight = await in_flight(session, loop.id)
    if earlier is not None:
        return _again(loop, flight, earlier, body)
    version = _target(loop, body.to)
    rollout = flight.rollout if flight is not None and version == loop.champion else None
    await queries.add(session, loop, Rollback(key=key, asked=body.to, version=version, rollout=rollout))
    if version == loop.champion:
        return Order(loop, rollout)
    await intending.intend(
        session, loop, GoBack(version, body.reason, {}), "rollback", author, loop.settled_through, key
    )
    return Order(loop)


def key_of(loop: str, asked: str) -> str:
    """Under what a rollback is known that a person asked for with a key of their own."""
    return f"{loop}/hand-{sha256(asked.encode()).hexdigest()[:16]}"


def _again(loop: Loop, flight: Run | None, earlier: Rollback, body: RollbackWrite) -> Order:
    """What is left to be done of a rollback that was asked for *earlier*."""
    if earlier.asked != body.to:
        raise Conflict(f"The key was used for a rollback to version {earlier.version}.")
    if earlier.refused:
        raise Conflict(earlier.refused)
    lasting = flight is not None and earlier.rollout is not None and flight.rollout == earlier.rollout
    return Order(loop, earlier.rollout if lasting else None)


def _target(loop: Loop, to: int | None) -> int:
    """The version to go back to. Raises: Conflict if there is none, or the loop is being deleted."""
    if loop.state == "deleting":
        raise Conflict(f"{loop.name} is being deleted.")
    version = to if to is not None else (loop.archive[-1] if loop.archive else None)
    if version is None or (version not in loop.archive and version != loop.champion):
        named = "no archived version" if version is None else f"no archived version {version}"
        known = ", ".join(map(str, loop.archive)) or "none"
        raise Conflict(f"There is {named} to go back to (archived: {known}).")
    return version
