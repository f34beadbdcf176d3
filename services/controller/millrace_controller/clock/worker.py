"""Keeps every loop going: one level-triggered pass a loop, never two at a time for the same one."""

import asyncio
from typing import Any

from fastapi import FastAPI

from millrace.client.transport import ApiError
from millrace_controller.clock import day, production
from millrace_controller.loops import queries as loops
from millrace_controller.pipelines import runner
from millrace_controller.runs import opening
from millrace_controller.runs import queries as runs
from millrace_controller.runs.opening import Trigger
from millrace_controller.runs.states import BUSY, State
from millrace_controller.tables import Loop, Run
from millrace_core.log import log
from millrace_core.reconcile import run_forever

EVERY = 5.0
WAIT = 20
LIMIT = 500


async def read_feed(app: FastAPI) -> None:
    """Background task: long-poll monitoring for closed days and put them into the inboxes."""

    async def once() -> None:
        async with app.state.sessions.begin() as session:
            after = (await loops.feed(session)).seq
        answer = await app.state.apis.monitoring.get("/v1/closings", after=after, wait=WAIT, limit=LIMIT)
        items = answer["items"]
        if items:
            async with app.state.sessions.begin() as session:
                await loops.receive(session, items)
            app.state.wake.set()

    await run_forever("closings", once, every=0.0, backoff_max=5.0)


async def keep_loops(app: FastAPI) -> None:
    """Background task: a pass over every loop whenever something happened, and every few seconds."""
    tasks: dict[int, asyncio.Task[None]] = {}

    async def once() -> None:
        async with app.state.readers() as session:
            ids = await loops.every(session)
        for loop_id in ids:
            if loop_id not in tasks or tasks[loop_id].done():
                tasks[loop_id] = asyncio.create_task(_pass(app, loop_id))

    try:
        await run_forever("loops", once, every=EVERY, wake=app.state.wake)
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


async def _pass(app: FastAPI, loop_id: int) -> None:
    """Do everything that can be done for one loop now."""
    message = ""
    try:
        while await step(app, loop_id):
            app.state.changed.set()
    except ApiError as error:
        message = f"{error.url.split('?')[0].rsplit('/v1', 1)[-1]}: {error}"
        log.warning("a loop cannot go on", loop=loop_id, error=message)
    except Exception as error:
        message = f"{type(error).__name__}; the controller's log has the details"
        log.exception("a loop cannot go on", loop=loop_id)
    async with app.state.readers() as session:
        known = await session.get(Loop, loop_id)
    if known is not None and known.message != message:
        async with app.state.sessions.begin() as session:
            await loops.set_message(session, loop_id, message[:1000])
    app.state.changed.set()


async def step(app: FastAPI, loop_id: int) -> bool:
    """The next thing to do for a loop; False when it has to wait."""
    async with app.state.readers() as session:
        loop = await session.get(Loop, loop_id)
        if loop is None:
            return False
        flight = await runs.in_flight(session, loop_id)
        closing = await loops.next_closing(session, loop_id)
    if loop.state == "deleting":
        return await _delete(app, loop, flight)
    await _prepared(app, loop)
    if flight is not None and State(flight.state) in BUSY:
        return await runner.tend(app, loop, flight)
    if flight is not None and await _ended_early(app, loop, flight):
        return True
    if closing is not None:
        await day.take(app, loop, flight, closing)
        return True
    return flight is None and await _first(app, loop)


async def _prepared(app: FastAPI, loop: Loop) -> None:
    known: set[tuple[int, int]] = app.state.prepared
    if (loop.id, loop.generation) not in known:
        await production.prepare(app, loop)
        known.add((loop.id, loop.generation))


async def _ended_early(app: FastAPI, loop: Loop, flight: Run) -> bool:
    """Whether the rollout ended without waiting for event time: nothing to wait for, or a hard fault."""
    endpoint: dict[str, Any] = await app.state.apis.serving.get(
        f"/v1/endpoints/{loop.name}", project=loop.project
    )
    return await day.finish(app, loop, flight, endpoint, loop.settled_through or flight.opened_at)


async def _first(app: FastAPI, loop: Loop) -> bool:
    """Open a run for a new generation, or for data that came while there is no champion."""
    if loop.state != "active":
        return False
    known = await opening.facts(app, loop)
    if known is None:
        return False
    version = known.dataset["number"]
    if loop.champion is None:
        trigger = Trigger(
            "data", f"version-{version}", f"there is no champion, and data version {version} is there"
        )
    elif loop.generation > 1:
        reason = f"the spec has changed (generation {loop.generation})"
        trigger = Trigger("spec", "spec", reason, full_search=True)
    else:
        return await _pushed(app, loop, known)
    async with app.state.sessions.begin() as session:
        loop = await loops.get(session, loop.project, loop.name)
        before = loop.runs
        await opening.open_run(app, session, loop, trigger, known, None)
        return loop.runs > before


async def _pushed(app: FastAPI, loop: Loop, known: opening.Facts) -> bool:
    """Open a run for pushed rows in a loop without event time; with event time the days decide."""
    spec = loop.document["spec"]
    wanted = spec["triggers"].get("newData")
    if spec["data"].get("eventTime") or wanted is None or known.dataset["source"]["kind"] == "feedback":
        return False
    fresh = known.dataset["rows"] - loop.seen_rows
    if fresh < wanted["rows"]:
        return False
    reason = f"{fresh} new rows were pushed"
    trigger = Trigger("data", f"version-{known.dataset['number']}", reason, evidence={"new_rows": fresh})
    async with app.state.sessions.begin() as session:
        loop = await loops.get(session, loop.project, loop.name)
        await opening.open_run(app, session, loop, trigger, known, None)
    return True


async def _delete(app: FastAPI, loop: Loop, flight: Run | None) -> bool:
    """End what runs, take the endpoint away, and forget the loop; its versions and decisions stay."""
    if flight is not None:
        await runner.stop(app, flight)
    for service, path in (
        ("serving", f"/v1/endpoints/{loop.name}"),
        ("monitoring", f"/v1/monitors/{loop.name}"),
    ):
        try:
            await getattr(app.state.apis, service).delete(path, project=loop.project)
        except ApiError as error:
            if error.status not in (404, 405):
                raise
    async with app.state.sessions.begin() as session:
        await loops.remove(session, loop.id)
    return False
