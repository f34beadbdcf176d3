"""What lies in quarantine is said by the loop whose data it is: nobody looks for a file that was refused."""

from millrace.transport.errors import ApiError
from millrace_contracts.datasets import QuarantineRead
from millrace_contracts.rows import DeliveryReport
from millrace_controller.lookup.queries import DELETED
from millrace_controller.loops.status import QUARANTINED
from millrace_controller.services import Services
from millrace_controller.tables import Loop


async def told(services: Services, loop_id: int) -> str:
    """A sentence about the refused deliveries of a loop's dataset that wait for a person; empty if there are none."""
    async with services.readers() as session:
        loop = await session.get(Loop, loop_id)
    if loop is None or loop.state in (DELETED, "deleting"):
        return ""
    dataset = loop.spec.data.dataset
    try:
        waiting = await services.clients.registry.quarantined(dataset, state="waiting", project=loop.project)
    except ApiError as error:
        if error.status != 404:
            raise
        return ""
    return _sentence(waiting) if waiting else ""


def _sentence(waiting: list[QuarantineRead]) -> str:
    newest = waiting[-1]
    why = "; ".join(line.observed for line in DeliveryReport.model_validate(newest.report).failed[:2])
    count = "1 delivery" if len(waiting) == 1 else f"{len(waiting)} deliveries"
    name = newest.source.get("name") or f"entry {newest.id}"
    return (
        f"{QUARANTINED}: {count}, the newest {name} ({why}). "
        f"See 'millrace data quarantine show {newest.id}'; then accept or drop it."
    )
