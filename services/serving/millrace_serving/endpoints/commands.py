"""What people and the controller order an endpoint to do, each under its lock and told to the gateway."""

from millrace_contracts.endpoints import EndpointRollback, Retain
from millrace_core.errors import Unavailable
from millrace_serving.endpoints import changes
from millrace_serving.revisions import queries as endpoints
from millrace_serving.revisions.wire import wanted
from millrace_serving.rollouts import queries
from millrace_serving.rollouts.commands import mode
from millrace_serving.rollouts.transitions import Findings, Transitions, abort_within
from millrace_serving.triton.loading import NotYet


async def rollback(moves: Transitions, project: str, name: str, body: EndpointRollback, author: str) -> None:
    """Route everything to a revision that answers; a rollout in flight is aborted by it. Idempotent by key.

    Raises: Unavailable while no pod answers for it: until one does, what serves goes on.
    """
    async with moves.lock(project, name):
        await _warm(moves, project, name, body)
        async with moves.change(await mode(moves, project, name)) as session:
            endpoint = await endpoints.get(session, project, name)
            number = await changes.rollback(session, endpoint, body, author)
            if number is not None:
                words = f"Aborted by a rollback: {body.reason}"
                await abort_within(session, endpoint, number, words, body.event_time, Findings(), author)


async def _warm(moves: Transitions, project: str, name: str, body: EndpointRollback) -> None:
    async with moves.read() as session:
        endpoint = await endpoints.get(session, project, name)
        target = await changes.goes_to(session, endpoint, body)
        if target is None or endpoint.mode != "live":
            return
        item = wanted(endpoint, target)
    try:
        await moves.services.running().warm(item)
    except NotYet as error:
        raise Unavailable(f"Version {target.version} does not answer yet: {error}; ask again.") from error


async def retain(moves: Transitions, project: str, name: str, body: Retain) -> None:
    """Retire what neither serves nor is named; Triton unloads it in its next pass, after the routes changed."""
    async with moves.lock(project, name), moves.change(await mode(moves, project, name)) as session:
        await changes.retain(session, await endpoints.get(session, project, name), body)
    _unload(moves)


async def delete(moves: Transitions, project: str, name: str, author: str) -> None:
    """Abort what is in flight and retire every revision."""
    async with moves.lock(project, name), moves.change(await mode(moves, project, name)) as session:
        endpoint = await endpoints.get(session, project, name)
        flying = await queries.in_flight(session, endpoint)
        if flying is not None:
            words = "The endpoint is deleted."
            await abort_within(session, endpoint, flying.number, words, None, Findings(), author)
        await changes.delete(session, endpoint)
    _unload(moves)


def _unload(moves: Transitions) -> None:
    if moves.services.plane is not None:
        moves.services.plane.wake.set()
