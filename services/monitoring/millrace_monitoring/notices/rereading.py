"""Reads again what was set aside: a newer version may understand it, and what was mended is told late, never lost."""

from pydantic import ValidationError

from millrace.transport.errors import ApiError
from millrace_contracts.decisions import DecisionRead
from millrace_core.reconcile import run_forever
from millrace_monitoring.aside import feed, queries
from millrace_monitoring.aside.queries import Broken
from millrace_monitoring.metrics import SET_ASIDE
from millrace_monitoring.notices import reading
from millrace_monitoring.services import Services

SECONDS = 3600.0
LATER = 200
"""Decisions of a loop that are looked at for the end of what is told late."""


async def read_forever(services: Services) -> None:
    """Background task."""
    await run_forever("what is set aside", lambda: read_again(services), every=SECONDS)


async def read_again(services: Services) -> int:
    """Tell what can be told now; returns how many decisions stay set aside."""
    async with services.readers() as session:
        waiting = [item.number for item in await queries.waiting(session)]
    left = sum([not await _again(services, number) for number in waiting])
    SET_ASIDE.set(left)
    return left


async def _again(services: Services, number: int) -> bool:
    try:
        one, later = await _read(services, number)
    except (ValidationError, ApiError) as error:
        if not feed.unreadable(error):
            raise
        return await _stays(services, Broken(number, feed.why(error)))
    if one is None:
        return await _stays(services, Broken(number, "the registry has no decision of this number any more"))
    async with services.sessions.begin() as session:
        if not await queries.take_back(session, number):
            return True
        told = await reading.take(session, services, one)
        for decision in later if told else ():
            await reading.take(session, services, decision, ends_only=True)
    return told


async def _stays(services: Services, broken: Broken) -> bool:
    async with services.sessions.begin() as session:
        await queries.put(session, [broken])
    return False


async def _read(services: Services, number: int) -> tuple[DecisionRead | None, list[DecisionRead]]:
    """The decision, and what came after it in its loop: what is told late may be over already."""
    registry = services.clients.registry
    page = await registry.decision_feed(number - 1, 1)
    one = next((item for item in page.items if item.number == number), None)
    if one is None or not one.loop:
        return one, []
    newest = await registry.decisions(one.loop, newest=LATER, project=one.project)
    return one, sorted((item for item in newest if item.number > number), key=lambda item: item.number)
