"""Loops over HTTP."""

import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, BackgroundTasks, FastAPI, Query, Request, Response
from pydantic import AwareDatetime
from sse_starlette.sse import EventSourceResponse

from millrace.loop import ModelLoop
from millrace_controller.bell import tell
from millrace_controller.clock import by_hand
from millrace_controller.loops import commands, queries
from millrace_controller.loops.options import surroundings
from millrace_controller.loops.schemas import LoopRead, RetrainWrite, RollbackWrite
from millrace_controller.runs import opening
from millrace_controller.runs.queries import in_flight
from millrace_controller.runs.schemas import RunRead
from millrace_core.auth import CurrentActor, permit
from millrace_core.database import AsyncSession, Session, utcnow
from millrace_core.errors import BadInput, Conflict, FieldError
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, decode, paginate

router = APIRouter(prefix="/v1/loops", tags=["loops"])
READ, WRITE = permit("controller.loops.read"), permit("controller.loops.write")
Wait = Annotated[float, Query(ge=0, le=60, description="Seconds to wait for it.")]


async def _read(app: FastAPI, project: str, name: str) -> dict[str, Any]:
    around = await surroundings(app)
    async with app.state.readers() as session:
        return await queries.read(session, await queries.get(session, project, name), around)


@router.put("/{loop}", response_model=LoopRead, dependencies=[WRITE])
async def put_loop(
    loop: Name,
    body: ModelLoop,
    session: Session,
    project: Project,
    actor: CurrentActor,
    request: Request,
    after_commit: BackgroundTasks,
) -> dict[str, Any]:
    """Declare a loop. The same document again changes nothing; another spec is a new generation."""
    if body.metadata.name != loop:
        errors = [
            FieldError("metadata.name", f"is {body.metadata.name!r}, the path says {loop!r}", "use one name")
        ]
        raise BadInput("The document's name is not the one in the path.", errors)
    meant = body.metadata.project if "project" in body.metadata.model_fields_set else project
    if meant not in (project, "default"):
        errors = [
            FieldError("metadata.project", f"is {meant!r}, the request says {project!r}", "use one project")
        ]
        raise BadInput("The document's project is not the one of the request.", errors)
    document = body.model_copy(update={"metadata": body.metadata.model_copy(update={"project": project})})
    found = await commands.declare(session, document, f"user:{actor.name}")
    after_commit.add_task(tell, request.app)
    return await queries.read(session, found, await surroundings(request.app))


@router.get("", response_model=Page[LoopRead], dependencies=[READ])
async def list_loops(
    session: Session, project: Project, request: Request, limit: Limit = 100, cursor: Cursor = None
) -> dict[str, Any]:
    """The project's loops by name."""
    keys = decode(cursor, str)
    rows = await queries.page(session, project, str(keys[0]) if keys else None, limit)
    page, around = paginate(rows, limit, lambda row: (row.name,)), await surroundings(request.app)
    return page | {"items": [await queries.read(session, row, around) for row in page["items"]]}


@router.get("/{loop}", response_model=LoopRead, dependencies=[READ])
async def get_loop(
    loop: Name,
    request: Request,
    project: Project,
    settled_through: AwareDatetime | None = None,
    wait: Wait = 0,
) -> dict[str, Any]:
    """One loop; with `settled_through` and `wait`, as soon as it is at rest at that event time."""
    deadline, bell = time.monotonic() + wait, request.app.state.bell
    while True:
        heard = bell.listen()
        found = await _read(request.app, project, loop)
        if settled_through is None or _at_rest(found, settled_through) or time.monotonic() >= deadline:
            return found
        await bell.wait(heard, deadline)


def _at_rest(found: dict[str, Any], through: datetime) -> bool:
    return found["settled"] and found["settled_through"] is not None and found["settled_through"] >= through


@router.delete("/{loop}", response_model=LoopRead, status_code=202, dependencies=[WRITE])
async def delete_loop(
    loop: Name,
    session: Session,
    project: Project,
    actor: CurrentActor,
    request: Request,
    after_commit: BackgroundTasks,
) -> dict[str, Any]:
    """End a loop and take its endpoint away; its data, versions and decisions stay."""
    found = await queries.get(session, project, loop)
    if found.owner is not None:
        raise Conflict(f"{loop} is declared by {commands.told(found.owner)}; delete that, and it goes too.")
    await commands.end(session, found, f"user:{actor.name}")
    after_commit.add_task(tell, request.app)
    return await queries.read(session, found, await surroundings(request.app))


@router.post("/{loop}:wake", status_code=204, dependencies=[WRITE], response_class=Response)
async def wake_loop(loop: Name, session: Session, project: Project, request: Request) -> Response:
    """Look at once whether there is something to do."""
    (await queries.get(session, project, loop)).woken_at = utcnow()
    request.app.state.wake.set()
    return Response(status_code=204)


@router.post("/{loop}:pause", response_model=LoopRead, dependencies=[WRITE])
async def pause_loop(
    loop: Name,
    session: Session,
    project: Project,
    actor: CurrentActor,
    request: Request,
    after_commit: BackgroundTasks,
) -> dict[str, Any]:
    """Open no more runs and do not go back by itself; a run in flight goes on."""
    after_commit.add_task(tell, request.app)
    return await _move(request.app, session, project, loop, "paused", actor.name)


@router.post("/{loop}:resume", response_model=LoopRead, dependencies=[WRITE])
async def resume_loop(
    loop: Name,
    session: Session,
    project: Project,
    actor: CurrentActor,
    request: Request,
    after_commit: BackgroundTasks,
) -> dict[str, Any]:
    """Go on after a pause."""
    after_commit.add_task(tell, request.app)
    return await _move(request.app, session, project, loop, "active", actor.name)


async def _move(
    app: FastAPI, session: AsyncSession, project: str, name: str, state: str, actor: str
) -> dict[str, Any]:
    found = await queries.get(session, project, name)
    await commands.move(session, found, state, f"user:{actor}")
    return await queries.read(session, found, await surroundings(app))


@router.post("/{loop}:retrain", response_model=RunRead, status_code=201, dependencies=[WRITE])
async def retrain(
    loop: Name, body: RetrainWrite, request: Request, project: Project, actor: CurrentActor
) -> Any:
    """Open a run by hand; 409 while one is in flight."""
    async with request.app.state.readers() as session:
        found = await queries.get(session, project, loop)
        flight = await in_flight(session, found.id)
    window = body.key or f"after-run-{found.runs if flight is None else found.runs - 1}"
    trigger = opening.Trigger(
        "hand", window, f"{actor.name} asked for it", author=f"user:{actor.name}", full_search=body.search
    )
    return await opening.by_hand(request.app, project, loop, trigger)


@router.post("/{loop}:rollback", response_model=LoopRead, dependencies=[WRITE])
async def roll_back(
    loop: Name, body: RollbackWrite, request: Request, project: Project, actor: CurrentActor
) -> dict[str, Any]:
    """Send all traffic back to an archived version, now; a rollout in flight is aborted by it.

    The same key again is the same rollback: it ends as it ended, or as it is about to.
    """
    app = request.app
    await by_hand.roll_back(app, project, loop, body, f"user:{actor.name}")
    await tell(app)
    return await _read(app, project, loop)


@router.get("/{loop}/events", dependencies=[READ], response_class=EventSourceResponse)
async def follow(loop: Name, request: Request, project: Project) -> EventSourceResponse:
    """The loop as it changes, as server-sent events `loop`; the stream ends when the caller leaves."""
    await _read(request.app, project, loop)
    return EventSourceResponse(_changes(request, project, loop))


async def _changes(request: Request, project: str, loop: str) -> AsyncIterator[dict[str, str]]:
    last, bell = b"", request.app.state.bell
    while not await request.is_disconnected():
        heard = bell.listen()
        found = LoopRead.model_validate(await _read(request.app, project, loop), from_attributes=True)
        data = orjson.dumps(found.model_dump(mode="json", exclude={"document"}))
        if data != last:
            last = data
            yield {"event": "loop", "data": data.decode()}
        await bell.wait(heard, time.monotonic() + 1.0)
