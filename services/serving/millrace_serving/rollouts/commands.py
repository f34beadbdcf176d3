"""What people and the controller order a rollout to do, under its endpoint's lock and told to the gateway."""

from millrace_serving.revisions import queries as endpoints
from millrace_serving.rollouts import queries
from millrace_serving.rollouts.transitions import Findings, Transitions, abort_within
from millrace_serving.tables import Rollout


async def mode(moves: Transitions, project: str, name: str) -> str:
    """Whether the endpoint has traffic (`live`). Raises: NotFound."""
    async with moves.read() as session:
        return (await endpoints.get(session, project, name)).mode


async def abort(
    moves: Transitions, project: str, name: str, number: int, reason: str, author: str
) -> Rollout:
    """End a rollout on somebody's word. Raises: NotFound; Conflict if it is over."""
    async with moves.lock(project, name), moves.change(await mode(moves, project, name)) as session:
        endpoint = await endpoints.get(session, project, name)
        rollout = await queries.get(session, endpoint, number)
        moment = endpoint.event_time or rollout.event_time
        words = f"Aborted: {reason}"
        return await abort_within(session, endpoint, number, words, moment, Findings(), author)
