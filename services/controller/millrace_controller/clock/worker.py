"""Keeps every loop going: one level-triggered pass a loop, never two at a time for the same one."""

import asyncio
from typing import Any

from fastapi import FastAPI

from millrace.client.transport import ApiError
from millrace_controller.clock import back, day, production
from millrace_controller.clock.turns import Turns
from millrace_controller.leases import fence
from millrace_controller.loops import queries as loops
from millrace_controller.pipelines import runner, waits
from millrace_controller.runs import opening
from millrace_controller.runs import queries as runs
from millrace_controller.runs.opening import Trigger
from millrace_controller.runs.states import BUSY, State
from millrace_controller.tables import Loop, Outbox, Run
from millrace_core.errors import MillraceError
from millrace_core.log import log
from millrace_core.outbox import decide
from millrace_core.reconcile import run_forever

EVERY = 5.0
WAIT = 20


async def read_feed(app: FastAPI) -> None:
    """Background task: long-poll monitoring for closed days and put them into the inboxes."""

    async def once() -> None:
        async with app.state.sessions.begin() as session:
            after = (await loops.feed(session)).seq
        answer = await app.state.apis.monitoring.get("/v1/closings", after=after, wait=WAIT)
        if answer["items"]:
            async with app.state.sessions.begin() as session:
                await loops.receive(session, answer["items"])
            app.state.wake.set()

    await run_forever("closings", once, every=0.0, backoff_max=5.0)


class Keeper:
    """One task a loop; a loop that is woken while its task runs is looked at once more."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.again: set[int] = set()
        self.turns = Turns()

    async def once(self) -> None:
        async with self.app.state.readers() as session:
            signs = await loops.signs(session)
        for loop_id in self.turns.take(signs):
            if loop_id in self.tasks:
                self.again.add(loop_id)
            else:
                self.tasks[loop_id] = asyncio.create_task(self._keep(loop_id))

    async def _keep(self, loop_id: int) -> None:
        try:
            while True:
                self.again.discard(loop_id)
                await one_pass(self.app, loop_id)
                if loop_id not in self.again:
                    return
        finally:
            del self.tasks[loop_id]

    async def stop(self) -> None:
        tasks = list(self.tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def keep_loops(app: FastAPI) -> None:
    """Background task: a pass over every loop whenever something happened, and every few seconds."""
    keeper = Keeper(app)
    try:
        await run_forever("loops", keeper.once, every=EVERY, wake=app.state.wake)
    finally:
        await keeper.stop()


async def one_pass(app: FastAPI, loop_id: int) -> None:
    """Do everything that can be done for one loop now; what is in the way is said in its message."""
    message = ""
    try:
        while await step(app, loop_id):
            app.state.bell.ring()
    except fence.Deposed as over:
        log.warning("a loop is left to the new leader", loop=loop_id, reason=str(over))
        return
    except ApiError as error:
        message = f"{error.url.split('?')[0].rpartition('/v1')[2]}: {error}"
        log.warning("a loop cannot go on", loop=loop_id, error=message)
    except MillraceError as error:
        message = error.detail
        log.warning("a loop cannot go on", loop=loop_id, error=message)
    except Exception as error:
        message = f"{type(error).__name__}; the controller's log has the details"
        log.exception("a loop cannot go on", loop=loop_id)
    await _tell(app, loop_id, message[:1000])
    app.state.bell.ring()


async def _tell(app: FastAPI, loop_id: int, message: str) -> None:
    async with app.state.readers() as session:
        known = await session.get(Loop, loop_id)
    if known is not None and known.message != message:
        async with app.state.sessions.begin() as session:
            await loops.set_message(session, loop_id, message)


async def step(app: FastAPI, loop_id: int) -> bool:
    """The next thing to do for a loop; False when it has to wait."""
    async with app.state.readers() as session:
        await fence.check(session)
        loop = await session.get(Loop, loop_id)
        if loop is None or loop.state == loops.DELETED:
            return False
        flight = await runs.in_flight(session, loop_id)
        closing = await loops.next_closing(session, loop_id)
    if loop.state == "deleting":
        return await _delete(app, loop, flight)
    await _prepared(app, loop, flight)
    if loop.heading is not None:
        await back.turn(app, loop)
        return True
    if flight is not None and State(flight.state) in BUSY:
        return await runner.tend(app, loop, flight)
    if flight is not None and await _ended_early(app, loop, flight):
        return True
    if closing is not None:
        await day.take(app, loop, flight, closing)
        return True
    return flight is None and await _first(app, loop)


async def _prepared(app: FastAPI, loop: Loop, flight: Run | None) -> None:
    """What a generation needs of the other services; a champion's monitor learns a new policy at once."""
    known: set[tuple[str, int, int]] = app.state.prepared
    made, watched = ("made", loop.id, loop.generation), ("watched", loop.id, loop.generation)
    if made not in known:
        await production.prepare(app, loop)
        known.add(made)
    if watched not in known and loop.champion is not None and loop.heading is None and flight is None:
        await production.watch(app, loop, loop.champion, loop.archive, loop.champion_since)
        known.add(watched)


async def _ended_early(app: FastAPI, loop: Loop, flight: Run) -> bool:
    """Whether the rollout ended without waiting for event time: nothing to wait for, or a hard fault."""
    endpoint = await app.state.apis.serving.get(f"/v1/endpoints/{loop.name}", project=loop.project)
    await _note(app, flight, endpoint)
    return await day.finish(app, loop, flight, endpoint, loop.settled_through or flight.opened_at)


async def _note(app: FastAPI, flight: Run, endpoint: dict[str, Any]) -> None:
    """Remember how much traffic the candidate gets, and what its pods wait for, for who asks how the loop stands."""
    rollout = endpoint.get("rollout") or {}
    if rollout.get("id") != flight.rollout:
        return
    plan = rollout.get("plan") or {}
    shares = [item.get("weight", 0) for item in endpoint["revisions"] if item["version"] == flight.version]
    traffic = {
        "state": rollout["state"],
        "step": rollout.get("step"),
        "steps": len(plan.get("canary") or []) + (plan.get("mirror") is not None),
        "weight": sum(shares) / 100,
    }
    waiting = waits.of_endpoint(endpoint)
    if (traffic, waiting) != (flight.traffic, flight.waiting):
        async with app.state.sessions.begin() as session:
            await runs.note_rollout(session, flight, traffic, waiting)


async def _first(app: FastAPI, loop: Loop) -> bool:
    """Open a run that no closed day opens: for first data, a new generation, or rows pushed without event time."""
    known = await opening.facts(app, loop) if loop.state == "active" else None
    if known is None:
        return False
    version = known.dataset["number"]
    if loop.champion is None:
        reason = f"there is no champion, and data version {version} is there"
        trigger = Trigger("data", f"version-{version}", reason)
    elif loop.generation > loop.opened_generation:
        reason = f"the spec has changed (generation {loop.generation})"
        trigger = Trigger("spec", "spec", reason, full_search=True)
    else:
        pushed = await _pushed(app, loop, known)
        if pushed is None:
            return False
        trigger = pushed
    async with app.state.sessions.begin() as session:
        loop = await loops.get(session, loop.project, loop.name)
        before = loop.runs
        await opening.open_run(session, loop, trigger, known, opening.clock(loop))
        return loop.runs > before


async def _pushed(app: FastAPI, loop: Loop, known: opening.Facts) -> Trigger | None:
    """Why pushed rows open a run in a loop without event time; with event time the days decide."""
    spec = loop.document["spec"]
    wanted = spec["triggers"].get("newData")
    if spec["data"].get("eventTime") or wanted is None:
        return None
    fresh = await opening.pushed_rows(app, loop, known)
    if fresh < wanted["rows"]:
        return None
    number = known.dataset["number"]
    return Trigger("data", f"version-{number}", f"{fresh} new rows were pushed", evidence={"new_rows": fresh})


async def _delete(app: FastAPI, loop: Loop, flight: Run | None) -> bool:
    """End what runs and take the endpoint away; versions, data and decisions stay."""
    if flight is not None:
        await runner.stop(app, loop, flight)
    await production.cancel_jobs(app, loop)
    await production.leave(app, loop)
    async with app.state.sessions.begin() as session:
        mine = await runs.in_flight(session, loop.id)
        if mine is not None:
            await runs.move(session, mine, State.FAILED, message="the loop is deleted")
            await decide(session, Outbox, day.closed(loop, mine, "the loop is deleted", mine.opened_at))
        await loops.remove(session, loop.id)
    app.state.prepared = {item for item in app.state.prepared if item[1] != loop.id}
    return False
