"""What the triggers call for, once: by a closed day, to which the rollout is brought first, or without one."""

from millrace_contracts.closings import ClosedDay
from millrace_controller.clock import queries, waiting
from millrace_controller.lookup import queries as lookup
from millrace_controller.production import champion
from millrace_controller.runs import news, opening
from millrace_controller.runs import queries as runs
from millrace_controller.runs.ending import finish
from millrace_controller.runs.opening import Facts
from millrace_controller.runs.states import State
from millrace_controller.services import Services
from millrace_controller.tables import Inbox, Loop, Run
from millrace_controller.triggers import rules
from millrace_controller.triggers.rules import GoBack, LoopFacts, Retrain
from millrace_controller.wayback import route
from millrace_core.database import AsyncSession, utcnow


async def take(services: Services, loop: Loop, flight: Run | None, closing: Inbox) -> None:
    """Deal with one closed day.

    What it calls for is written in one transaction with the mark that the day is done; everything outside that
    transaction may be repeated after a crash.
    """
    serving, day = services.clients.serving, closing.item
    endpoint = await serving.advance(loop.name, closing.through, project=loop.project)
    if flight is not None:
        await finish(services, loop, flight, endpoint, closing.through)
    await champion.follow(services, loop, endpoint, closing.through)
    known = await opening.facts(services, loop)
    pushed = await _pushed(services, loop, known, day)
    async with services.sessions.begin() as session:
        loop = await lookup.get(session, loop.project, loop.name)
        news.count(loop, day)
        last = await runs.newest(session, loop)
        facts = _facts(loop, await runs.in_flight(session, loop.id), known, pushed, last)
        if known is not None:
            await _act(session, loop, facts, known, closing)
        await queries.done(session, closing)
        loop.settled_through, loop.causes = closing.through, day.standing
        loop.updated_at = utcnow()


async def _act(session: AsyncSession, loop: Loop, facts: LoopFacts, known: Facts, closing: Inbox) -> None:
    spec, day, through = loop.spec, closing.item, closing.through
    action = rules.decide(spec, facts, day)
    await waiting.note(session, loop, facts, action, through)
    if loop.opened_at is None and facts.champion is not None and action is None and not facts.busy:
        loop.opened_at = (
            through  # without event time nobody knows when the first run was: it counts from its first day
        )
    if isinstance(action, GoBack):
        key = f"{loop.name}/closing-{closing.seq}"
        await route.intend(session, loop, action, "switch-back", opening.CONTROLLER, through, key)
    if isinstance(action, Retrain):
        await opening.open_run(session, loop, action, known, through)


async def without_day(services: Services, loop: Loop) -> bool:
    """Open the run that no closed day opens, if there is one to open; the loop has no run in flight."""
    known = await opening.facts(services, loop) if loop.state == "active" else None
    if known is None:
        return False
    facts = _facts(loop, None, known, await _pushed(services, loop, known, None), None)
    action = rules.decide(loop.spec, facts, None)
    if not isinstance(action, Retrain):
        return False
    async with services.sessions.begin() as session:
        loop = await lookup.get(session, loop.project, loop.name)
        before = loop.runs
        await opening.open_run(session, loop, action, known, opening.clock(loop))
        return loop.runs > before


async def _pushed(services: Services, loop: Loop, known: Facts | None, day: ClosedDay | None) -> int:
    """Rows pushed since the last run, where the rules ask for them."""
    if known is None or not rules.counts_rows(loop.spec, day):
        return 0
    return await opening.pushed_rows(services, loop, known.dataset)


def _facts(loop: Loop, flight: Run | None, known: Facts | None, pushed: int, last: Run | None) -> LoopFacts:
    return LoopFacts(
        champion=loop.champion,
        opened_at=loop.opened_at,
        rest_until=loop.rest_until,
        busy=flight is not None or loop.route_intent is not None,
        waits=flight is not None and flight.state == State.AWAITING_APPROVAL and loop.route_intent is None,
        new_rows=pushed,
        active=loop.state == "active",
        changed=loop.generation if loop.generation > loop.opened_generation else None,
        data=0 if known is None else known.dataset.number,
        same_as=None if known is None else news.same_as(loop, last, known.dataset),
        passed_at=loop.passed_at,
    )
