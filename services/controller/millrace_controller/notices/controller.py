"""Keeps with each loop how telling people of it goes, so that its status shows what cannot be delivered."""

from millrace_controller.notices import queries
from millrace_controller.services import Services
from millrace_core.reconcile import run_forever

EVERY = 15.0


async def keep_notices(services: Services) -> None:
    """Background task."""
    await run_forever("notices", lambda: look(services), every=EVERY)


async def look(services: Services) -> None:
    """Ask monitoring, and write down what has changed."""
    found = await services.clients.monitoring.standing_subscriptions()
    standing = {(item.project, item.loop): item for item in found}
    async with services.readers() as session:
        known = await queries.known(session)
    changed = {id: standing.get(place) for id, place, kept in known if standing.get(place) != kept}
    if changed:
        async with services.sessions.begin() as session:
            await queries.keep(session, changed)
        services.changes.ring()
