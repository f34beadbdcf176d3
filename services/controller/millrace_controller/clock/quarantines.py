"""Where refused data waits, asked once for all loops; what waits of one dataset is asked only when that has changed."""

from datetime import timedelta

from millrace.transport.errors import ApiError
from millrace_contracts.datasets import QuarantineRead
from millrace_controller.services import QuarantineListing, Services
from millrace_controller.tables import Loop
from millrace_core.database import utcnow

LOOK_SECONDS = 1.0
"""A look is believed for so long, unless the loop was woken since."""
MENDED = ("file", "source")
"""Kinds of deliveries that are mended where they come from, and then come again under their name."""


async def waiting(services: Services, loop: Loop) -> list[QuarantineRead]:
    """Refused deliveries of the loop's dataset that wait for a person, oldest first."""
    place = (loop.project, loop.spec.data.dataset)
    marks, known = await _marks(services, loop), services.memory.waiting
    mark = marks.get(place)
    if mark is None:
        known.pop(place, None)
        return []
    told = known.get(
        place
    )  # a push wakes the loop: what it brought may lie there already, with another report
    if told is None or told.mark != mark or (loop.woken_at is not None and loop.woken_at >= told.at):
        told = known[place] = QuarantineListing(mark, utcnow(), await _waiting(services, loop))
    return told.refused


async def _marks(services: Services, loop: Loop) -> dict[tuple[str, str], tuple[int, ...]]:
    """What is known of every dataset in which something waits; nothing of the others."""
    marks = services.memory.marks
    async with marks.lock:
        now = utcnow()
        fresh = marks.looked is not None and timedelta() <= now - marks.looked < timedelta(
            seconds=LOOK_SECONDS
        )
        woken = marks.looked is None or (loop.woken_at is not None and loop.woken_at >= marks.looked)
        if not fresh or woken:
            found = await services.clients.registry.standing_quarantines()
            marks.looked = now
            marks.of = {(one.project, one.dataset): (one.waiting, one.newest, one.latest) for one in found}
        return marks.of


async def _waiting(services: Services, loop: Loop) -> list[QuarantineRead]:
    registry, dataset = services.clients.registry, loop.spec.data.dataset
    try:
        refused = await registry.quarantined(dataset, state="waiting", project=loop.project)
    except ApiError as error:
        if error.status != 404:
            raise
        return []
    since = min((item.created_at for item in refused if _place(item) is not None), default=None)
    if since is None:
        return refused
    taken = await registry.dataset_versions(dataset, since=since, project=loop.project)
    good = [((one.source.kind, one.source.source, one.source.name), one.created_at) for one in taken]
    return [
        item
        for item in refused
        if not any(place == _place(item) and at > item.created_at for place, at in good)
    ]


def _place(item: QuarantineRead) -> tuple[str, str | None, str] | None:
    """What a good delivery of the same name takes the place of: a file, or what a source has under that name."""
    kind, name = str(item.source.get("kind")), str(item.source.get("name") or "")
    return (kind, item.source.get("source"), name) if kind in MENDED and name else None
