"""Keeps every loop going: one level-triggered pass a loop, never two at a time for the same one."""

import asyncio

import httpx

from millrace.transport.errors import ApiError, Busy
from millrace_contracts.endpoints import EndpointRead
from millrace_contracts.loop_runs import Traffic
from millrace_controller.admission import queue
from millrace_controller.approvals import controller as approvals
from millrace_controller.approvals import metrics
from millrace_controller.approvals import queries as approval_queries
from millrace_controller.clock import day, queries, refused, unreachable
from millrace_controller.clock.turns import Turns
from millrace_controller.leases import tenure
from millrace_controller.lookup.queries import DELETED
from millrace_controller.loops.quarantine import quarantined, with_quarantined
from millrace_controller.notices import announcing, blocked
from millrace_controller.production import champion, places, replicas
from millrace_controller.runs import approval, ending, tending, waiting
from millrace_controller.runs import queries as runs
from millrace_controller.runs.states import BUSY, State, moves
from millrace_controller.services import Services
from millrace_controller.tables import Loop, Outbox, Run
from millrace_controller.wayback import route
from millrace_core.database import utcnow
from millrace_core.errors import MillraceError
from millrace_core.log import log
from millrace_core.outbox import decide
from millrace_core.reconcile import run_forever

EVERY = 5.0
WAIT = 20
LOOK_SECONDS = 0.2
"""A replay looks so often at a rollout that waits for no event time."""
LINE_SECONDS = 1.0
"""The loops wait so long for a look at the queue."""
TOGETHER = 128
"""Closed days of a loop that are dealt with in one transaction, where none of them calls for anything."""
AT_A_TIME = 8
"""Loops that are looked after side by side: each look asks the database, which has few connections to give."""


async def read_feed(services: Services) -> None:
    """Background task: long-poll monitoring for closed days and put them into the inboxes."""

    async def once() -> None:
        async with services.sessions.begin() as session:
            after = (await queries.feed(session)).seq
        feed = await services.clients.monitoring.feed(after, WAIT)
        if feed.items:
            async with services.sessions.begin() as session:
                await queries.receive(session, feed.items)
            services.changes.work.set()

    await run_forever("closings", once, every=0.0, backoff_max=5.0)


class Keeper:
    """One task a loop; a loop that is woken while its task runs is looked at once more."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.again: set[int] = set()
        self.turns = Turns()
        self.places = asyncio.Semaphore(AT_A_TIME)
        self.line: asyncio.Task[None] | None = None

    async def once(self) -> None:
        await self._serve()
        async with self.services.readers() as session:
            urgencies = await queries.urgencies(session)
            waits = await approval_queries.since(session)
        metrics.seen(waits, utcnow())
        for loop_id in self.turns.take(urgencies):
            if loop_id in self.tasks:
                self.again.add(loop_id)
            else:
                self.tasks[loop_id] = asyncio.create_task(self._keep(loop_id))

    async def _serve(self) -> None:
        """Look at the queue; while training keeps it waiting, loops are looked after all the same."""
        if self.line is None or self.line.done():
            self.line = asyncio.create_task(queue.serve(self.services))
        await asyncio.wait({self.line}, timeout=LINE_SECONDS)

    async def _keep(self, loop_id: int) -> None:
        try:
            while True:
                self.again.discard(loop_id)
                async with self.places:
                    await one_pass(self.services, loop_id)
                if loop_id not in self.again:
                    return
        finally:
            del self.tasks[loop_id]

    async def stop(self) -> None:
        tasks = [*self.tasks.values(), *([self.line] if self.line else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def keep_loops(services: Services) -> None:
    """Background task: a pass over every loop whenever something happened, and every few seconds."""
    keeper = Keeper(services)
    try:
        await run_forever("loops", keeper.once, every=EVERY, wake=services.changes.work)
    finally:
        await keeper.stop()


async def one_pass(services: Services, loop_id: int) -> None:
    """Do everything that can be done for one loop now; what is in the way is said in its message."""
    message, kept = "", False
    try:
        while await step(services, loop_id):
            services.changes.ring()
        await replicas.note(services, loop_id)
        message, kept = await refused.told(services, loop_id), True
    except tenure.Deposed as over:
        log.warning("a loop is left to the new leader", loop=loop_id, reason=str(over))
        return
    except ApiError as error:
        message = f"{error.url.split('?')[0].rpartition('/v1')[2]}: {error}"
        log.warning("a loop cannot go on", loop=loop_id, error=message)
    except (httpx.TransportError, Busy) as error:
        message = unreachable.words(error, services.settings)
        log.warning("a loop cannot go on", loop=loop_id, error=message)
    except MillraceError as error:
        message = error.detail
        log.warning("a loop cannot go on", loop=loop_id, error=message)
    except Exception as error:
        message = f"{type(error).__name__}; the controller's log has the details"
        log.exception("a loop cannot go on", loop=loop_id)
    await _tell(services, loop_id, message, kept)
    services.changes.ring()


async def _tell(services: Services, loop_id: int, message: str, looked: bool) -> None:
    """Say what is in the way; data that was refused stays said until it was *looked* at again."""
    async with services.readers() as session:
        known = await session.get(Loop, loop_id)
    if known is not None:
        before = known.message.replace(quarantined(known.message), "")
        await blocked.told(services, loop_id, "" if looked else message, before)
    if known is not None and not looked:
        message = with_quarantined(message, known.message)
    message = message[:1000]
    if known is not None and known.message != message:
        async with services.sessions.begin() as session:
            await queries.set_message(session, loop_id, message)


async def step(services: Services, loop_id: int) -> bool:
    """The next thing to do for a loop; False when it has to wait."""
    async with services.readers() as session:
        await tenure.check(session)
        loop = await session.get(Loop, loop_id)
        if loop is None or loop.state == DELETED:
            return False
        flight = await runs.in_flight(session, loop_id)
        closings = await queries.waiting(session, loop_id, TOGETHER)
    if loop.mode == "backtest" and services.settings.replays_apart and not loop.runs:
        return await _forget(services, loop)
    if loop.state == "deleting":
        return await _delete(services, loop, flight)
    await _prepared(services, loop, flight)
    if loop.route_intent is not None:
        await route.turn(services, loop)
        return True
    if flight is not None and flight.state in BUSY:
        return await tending.tend(services, loop, flight)
    if flight is not None and await _past_clock(services, loop, flight):
        return True
    if closings:
        await day.take(services, loop, flight, closings)
        return True
    return flight is None and await day.without_day(services, loop)


async def _prepared(services: Services, loop: Loop, flight: Run | None) -> None:
    """What a generation needs of the other services; a champion's monitor learns a new policy at once."""
    known = services.memory.prepared
    told = ("told", loop.id, loop.generation)
    if told not in known and await announcing.announce(services, loop):
        known.add(told)
    made, watched = ("made", loop.id, loop.generation), ("watched", loop.id, loop.generation)
    if made not in known:
        await places.prepare(services, loop)
        known.add(made)
    if watched not in known and loop.champion is not None and loop.route_intent is None and flight is None:
        await champion.watch(services, loop, loop.champion, loop.archive, loop.champion_since)
        known.add(watched)


async def _past_clock(services: Services, loop: Loop, flight: Run) -> bool:
    """Whether a run went on that the clock does not wait for."""
    if flight.state == State.AWAITING_APPROVAL:
        return await approvals.tend(services, loop, flight)
    return await _ended_early(services, loop, flight)


async def _ended_early(services: Services, loop: Loop, flight: Run) -> bool:
    """Whether the rollout ended without waiting for event time: nothing to wait for, or a hard fault."""
    endpoint = await services.clients.serving.endpoint(loop.name, project=loop.project)
    await _note(services, flight, endpoint)
    over = await ending.finish(services, loop, flight, endpoint, loop.settled_through or flight.opened_at)
    if not over and loop.mode == "backtest" and moves(flight.state, flight.traffic):
        asyncio.get_running_loop().call_later(LOOK_SECONDS, services.changes.work.set)
    return over


async def _note(services: Services, flight: Run, endpoint: EndpointRead) -> None:
    """Remember how much traffic the candidate gets, and what its pods wait for, for who asks how the loop stands."""
    rollout = endpoint.rollout
    if rollout is None or rollout.id != flight.rollout:
        return
    traffic = Traffic(
        state=rollout.state,
        step=rollout.step,
        steps=len(rollout.plan.canary) + (rollout.plan.mirror is not None),
        weight=sum(item.weight for item in endpoint.revisions if item.version == flight.version) / 100,
    )
    waits = waiting.of_endpoint(endpoint)
    if (traffic, waits) != (flight.traffic, flight.waiting):
        async with services.sessions.begin() as session:
            await runs.note_rollout(session, flight, traffic, waits)


async def _forget(services: Services, loop: Loop) -> bool:
    """A hidden loop lives on its replay's own platform: here it is a document, and has nothing at other services.

    One that has runs here was begun by an earlier version, and goes as any other loop does.
    """
    if loop.state == "deleting":
        async with services.sessions.begin() as session:
            await queries.remove(session, loop.id)
    return False


async def _delete(services: Services, loop: Loop, flight: Run | None) -> bool:
    """End what runs and take the endpoint away; versions, data and decisions stay."""
    runs_on = await tending.stop(services, loop, flight) if flight is not None else None
    words = f"the loop is deleted; {runs_on}" if runs_on else "the loop is deleted"
    await places.cancel_jobs(services, loop)
    await refused.over(services, loop)
    await blocked.over(services, loop)
    await places.leave(services, loop)
    async with services.sessions.begin() as session:
        mine = await runs.in_flight(session, loop.id)
        if mine is not None:
            await runs.move(session, mine, State.FAILED, message=words, **approval.withdrawn(mine))
            await decide(session, Outbox, ending.closed(loop, mine, words, mine.opened_at))
        await queries.remove(session, loop.id)
    services.memory.prepared -= {item for item in services.memory.prepared if item[1] == loop.id}
    return False
