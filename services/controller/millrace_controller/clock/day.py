"""What the triggers call for, once: by a closed day, to which the rollout is brought first, or without one."""

from collections.abc import Sequence

from millrace_contracts.closings import ClosedDay
from millrace_controller.clock import queries
from millrace_controller.clock.waiting import note
from millrace_controller.lookup import queries as lookup
from millrace_controller.production import champion, intending
from millrace_controller.runs import news, opening
from millrace_controller.runs import queries as runs
from millrace_controller.runs.ending import finish
from millrace_controller.runs.opening import Facts
from millrace_controller.runs.states import State
from millrace_controller.services import Services
from millrace_controller.tables import Inbox, Loop, Run
from millrace_controller.triggers import rules
from millrace_controller.triggers.rules import FailedRun, GoBack, LoopFacts, Retrain
from millrace_core.database import AsyncSession, utcnow


async def take(services: Services, loop: Loop, flight: Run | None, waiting: Sequence[Inbox]) -> None:
    """Deal with the oldest closed day; while no run is in flight, with all up to the first that calls for something.

    Of a replay whose run is being rolled out, with all on which the rollout stays in its step.

    What it calls for is written in one transaction with the mark that the days are done; everything outside that
    transaction may be repeated after a crash.
    """
    known = await opening.facts(services, loop) if flight is None else None
    pushed = await _pushed(services, loop, known, waiting[0].item)
    if flight is None:
        together = await quiet(services, loop, known, pushed, waiting)
    else:
        together = max(1, await _resting(services, loop, flight, waiting))
    closings = waiting[:together]
    through = closings[-1].through
    endpoint = await services.clients.serving.advance(loop.name, through, project=loop.project)
    if flight is not None:
        await finish(services, loop, flight, endpoint, through)
    await champion.follow(services, loop, endpoint, through)
    if flight is not None:
        known = await opening.facts(services, loop)
        pushed = await _pushed(services, loop, known, waiting[0].item)
    async with services.sessions.begin() as session:
        loop = await lookup.locked(session, loop.project, loop.name)
        done = await _decide(session, loop, known, pushed, closings)
        await queries.done(session, closings[:done])
        loop.settled_through, loop.causes = closings[done - 1].through, closings[done - 1].item.standing
        loop.updated_at = utcnow()


async def quiet(
    services: Services, loop: Loop, known: Facts | None, pushed: int, days: Sequence[Inbox]
) -> int:
    """How many of these closed days one may deal with together: up to and including the first that calls for anything.

    The days are decided on as always, and that is taken back.
    """
    if len(days) < 2:
        return len(days)
    async with services.sessions() as session:
        loop = await lookup.get(session, loop.project, loop.name)
        done = await _decide(session, loop, known, pushed, days)
        await session.rollback()
    return done


async def _resting(services: Services, loop: Loop, flight: Run, days: Sequence[Inbox]) -> int:
    """How many of these closed days a replay's rollout stays in its step for: until it moves, the rules call for
    nothing, and nobody's requests reach the candidate. A live one may be aborted on any day."""
    if loop.mode != "backtest" or flight.state != State.ROLLING_OUT:
        return 0
    endpoint = await services.clients.serving.endpoint(loop.name, project=loop.project)
    rollout = endpoint.rollout
    if rollout is None or rollout.id != flight.rollout:
        return 0
    moves = (n for n, day in enumerate(days) if not rollout.rests_at(day.through, endpoint.timezone))
    return next(moves, len(days))


async def ahead(services: Services, project: str, name: str, days: Sequence[ClosedDay]) -> int:
    """How many days that a replay has judged ahead may close together; none while the loop is not at rest.

    While its run is being rolled out: those of the present step, with the one on which the rollout moves on.
    """
    async with services.readers() as session:
        loop = await lookup.get(session, project, name)
        flight, waiting = await runs.in_flight(session, loop.id), await queries.waiting(session, loop.id, 1)
    if loop.route_intent is not None or waiting or loop.state != "active":
        return 0
    closings = [Inbox(seq=0, loop_id=loop.id, through=day.through, item=day, done=False) for day in days]
    if flight is not None:
        resting = await _resting(services, loop, flight, closings)
        return min(resting + 1, len(days)) if resting else 0
    known = await opening.facts(services, loop)
    pushed = await _pushed(services, loop, known, days[0]) if days else 0
    return await quiet(services, loop, known, pushed, closings)


async def _decide(
    session: AsyncSession, loop: Loop, known: Facts | None, pushed: int, days: Sequence[Inbox]
) -> int:
    """Decide on closed days in order, until one calls for something; how many those are."""
    last, flight = await runs.newest(session, loop), await runs.in_flight(session, loop.id)
    failed = await runs.failed(session, last)
    for number, closing in enumerate(days, 1):
        news.count(loop, closing.item)
        facts = _facts(loop, flight, known, pushed, last, failed)
        acted = known is not None and await _act(session, loop, facts, known, closing)
        if acted:
            return number
    return len(days)


async def _act(session: AsyncSession, loop: Loop, facts: LoopFacts, known: Facts, closing: Inbox) -> bool:
    """Write down what a closed day calls for; whether that is a run or a way back."""
    spec, day, through = loop.spec, closing.item, closing.through
    action = rules.decide(spec, facts, day)
    await note(session, loop, facts, action, through)
    if loop.opened_at is None and facts.champion is not None and action is None and not facts.busy:
        loop.opened_at = (
            through  # without event time nobody knows when the first run was: it counts from its first day
        )
    if isinstance(action, GoBack):
        key = f"{loop.name}/closing-{closing.seq}"
        await intending.intend(session, loop, action, "switch-back", opening.CONTROLLER, through, key)
    if isinstance(action, Retrain):
        await opening.open_run(session, loop, action, known, through)
    return isinstance(action, GoBack | Retrain)


async def without_day(services: Services, loop: Loop) -> bool:
    """Open the run that no closed day opens, if there is one to open; the loop has no run in flight."""
    known = await opening.facts(services, loop) if loop.state == "active" else None
    if known is None:
        return False
    facts = _facts(loop, None, known, await _pushed(services, loop, known, None), None, None)
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


def _facts(
    loop: Loop,
    flight: Run | None,
    known: Facts | None,
    pushed: int,
    last: Run | None,
    failed: FailedRun | None,
) -> LoopFacts:
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
        failed=failed,
    )
