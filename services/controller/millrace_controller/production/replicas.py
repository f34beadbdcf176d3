"""How many pods answer for a champion that is scaled by load: as serving sees it, kept for the loop's status."""

from millrace.transport.errors import ApiError
from millrace_contracts.endpoints import EndpointRead
from millrace_contracts.serving import Replicas
from millrace_controller.services import Services
from millrace_controller.tables import Loop


def of_endpoint(endpoint: EndpointRead) -> Replicas | None:
    """The pods of the revision with the traffic; None where its load does not decide how many."""
    stable = next((item for item in endpoint.revisions if item.number == endpoint.stable), None)
    return None if stable is None or stable.pods is None else stable.pods.replicas


async def note(services: Services, loop_id: int) -> None:
    """Ask serving, and write down what changed. Raises: ApiError, TransportError."""
    async with services.readers() as session:
        loop = await session.get(Loop, loop_id)
    if loop is None or loop.state != "active" or loop.champion is None or not scales(loop):
        return
    try:
        found = of_endpoint(await services.clients.serving.endpoint(loop.name, project=loop.project))
    except ApiError as error:
        if error.status != 404:
            raise
        found = None
    if found == loop.replicas:
        return
    async with services.sessions.begin() as session:
        stored = await session.get(Loop, loop_id)
        if stored is not None:
            stored.replicas = found
    services.changes.ring()


def scales(loop: Loop) -> bool:
    """Whether the loop declares that its load decides how many pods there are; in a backtest nothing does."""
    return loop.mode == "live" and bool((loop.document["spec"].get("serving") or {}).get("autoscaling"))
