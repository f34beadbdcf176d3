"""What people and the controller order an endpoint to do, each under its lock and told to the gateway."""

from millrace_serving.endpoints import changes
from millrace_serving.endpoints.schemas import Retain, Rollback
from millrace_serving.revisions import queries as endpoints
from millrace_serving.rollouts import queries
from millrace_serving.rollouts.controller import Rollouts
from millrace_serving.rollouts.transitions import Findings, abort_within
from millrace_serving.tables import Rollout


async def _mode(rollouts: Rollouts, project: str, name: str) -> str:
    async with rollouts.read() as session:
        return (await endpoints.get(session, project, name)).mode


async def abort(
    rollouts: Rollouts, project: str, name: str, number: int, reason: str, author: str
) -> Rollout:
    """End a rollout on somebody's word. Raises: NotFound; Conflict if it is over."""
    async with rollouts.lock(project, name), rollouts.change(await _mode(rollouts, project, name)) as session:
        endpoint = await endpoints.get(session, project, name)
        known = await queries.get(session, endpoint, number)
        moment = endpoint.event_time or known.event_time
        words = f"Aborted: {reason}"
        return await abort_within(session, endpoint, number, words, moment, Findings(), author)


async def rollback(rollouts: Rollouts, project: str, name: str, body: Rollback, author: str) -> None:
    """Route everything to a loaded revision; a rollout in flight is aborted by it. Idempotent by key."""
    async with rollouts.lock(project, name), rollouts.change(await _mode(rollouts, project, name)) as session:
        endpoint = await endpoints.get(session, project, name)
        number = await changes.rollback(session, endpoint, body, author)
        if number is not None:
            words = f"Aborted by a rollback: {body.reason}"
            await abort_within(session, endpoint, number, words, body.event_time, Findings(), author)


async def retain(rollouts: Rollouts, project: str, name: str, body: Retain) -> None:
    """Retire what neither serves nor is named; Triton unloads it in its next pass, after the routes changed."""
    async with rollouts.lock(project, name), rollouts.change(await _mode(rollouts, project, name)) as session:
        await changes.retain(session, await endpoints.get(session, project, name), body)
    _unload(rollouts)


async def delete(rollouts: Rollouts, project: str, name: str, author: str) -> None:
    """Abort what is in flight and retire every revision."""
    async with rollouts.lock(project, name), rollouts.change(await _mode(rollouts, project, name)) as session:
        endpoint = await endpoints.get(session, project, name)
        flying = await queries.in_flight(session, endpoint)
        if flying is not None:
            words = "The endpoint is deleted."
            await abort_within(session, endpoint, flying.number, words, None, Findings(), author)
        await changes.delete(session, endpoint)
    _unload(rollouts)


def _unload(rollouts: Rollouts) -> None:
    if rollouts.plane is not None:
        rollouts.plane.wake.set()
