"""Loops over HTTP."""

import time
from collections.abc import AsyncGenerator
from datetime import datetime

import orjson
from fastapi import APIRouter, BackgroundTasks, Request, Response
from pydantic import AwareDatetime
from sse_starlette.sse import EventSourceResponse

from millrace_contracts.adopting import AdoptWrite
from millrace_contracts.loop import ModelLoop
from millrace_contracts.loop_runs import LoopRunRead
from millrace_contracts.loops import LoopRead, RetrainWrite, RollbackWrite
from millrace_controller.lookup import queries as lookup
from millrace_controller.loops import adopting, commands, queries
from millrace_controller.loops.options import fit, surroundings
from millrace_controller.loops.weakening import weakens
from millrace_controller.runs import opening
from millrace_controller.runs.queries import in_flight
from millrace_controller.services import CurrentServices, Services
from millrace_controller.tables import Run
from millrace_controller.triggers.rules import Retrain
from millrace_controller.waits import Wait
from millrace_controller.wayback import by_hand
from millrace_core.auth import Actor, CurrentActor, permit
from millrace_core.database import AsyncSession, Session, utcnow
from millrace_core.errors import BadInput, Conflict, FieldError, Forbidden
from millrace_core.held import answered, held
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, decode, paginate

router = APIRouter(prefix="/v1/loops", tags=["loops"])
APPROVE = "controller.approvals.write"
READ, WRITE = permit("controller.loops.read"), permit("controller.loops.write")


async def _read(services: Services, project: str, name: str) -> LoopRead:
    around = await surroundings(services)
    async with services.readers() as session:
        return await queries.read(session, await lookup.get(session, project, name), around)


@router.put("/{loop}", response_model=LoopRead, dependencies=[WRITE])
async def put_loop(
    loop: Name,
    body: ModelLoop,
    session: Session,
    project: Project,
    actor: CurrentActor,
    services: CurrentServices,
    after_commit: BackgroundTasks,
) -> LoopRead:
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
    fit(document, services.settings)
    await _may_weaken(services, session, document, actor)
    declared = await commands.declare(session, document, actor.author, declared_by=actor.known)
    after_commit.add_task(services.changes.tell)
    return await queries.read(session, declared, await surroundings(services))


async def _may_weaken(services: Services, session: AsyncSession, document: ModelLoop, actor: Actor) -> None:
    """Raises: Forbidden for a document that asks for less approval, unless an approver declares it."""
    project, name = document.metadata.project, document.metadata.name
    why = weakens(await lookup.find(session, project, name), document)
    if why is None:
        return
    try:
        await services.tokens.rights.acting(actor, APPROVE, project)
    except Forbidden as error:
        raise Forbidden(f"{why}: an approver has to declare that. {error.detail}") from error


@router.get("", response_model=Page[LoopRead], dependencies=[READ])
async def list_loops(
    session: Session, project: Project, services: CurrentServices, limit: Limit = 100, cursor: Cursor = None
) -> dict[str, object]:
    """The project's loops by name."""
    keys = decode(cursor, str)
    rows = await queries.page(session, project, str(keys[0]) if keys else None, limit)
    page, around = paginate(rows, limit, lambda row: (row.name,)), await surroundings(services)
    return page | {"items": [await queries.read(session, row, around) for row in page["items"]]}


@router.get("/{loop}", response_model=LoopRead, dependencies=[READ])
async def get_loop(
    loop: Name,
    request: Request,
    services: CurrentServices,
    project: Project,
    settled_through: AwareDatetime | None = None,
    wait: Wait = 0,
) -> LoopRead:
    """One loop; with `settled_through` and `wait`, as soon as it is at rest at that event time."""

    def done(declared: LoopRead) -> bool:
        return settled_through is None or _at_rest(declared, settled_through)

    return await answered(request, services.changes.until(lambda: _read(services, project, loop), done, wait))


def _at_rest(loop: LoopRead, through: datetime) -> bool:
    return loop.settled and loop.settled_through is not None and loop.settled_through >= through


@router.delete("/{loop}", response_model=LoopRead, status_code=202, dependencies=[WRITE])
async def delete_loop(
    loop: Name,
    session: Session,
    project: Project,
    actor: CurrentActor,
    services: CurrentServices,
    after_commit: BackgroundTasks,
) -> LoopRead:
    """End a loop and take its endpoint away; its data, versions and decisions stay."""
    declared = await lookup.get(session, project, loop)
    if declared.owner is not None:
        raise Conflict(
            f"{loop} is declared by {commands.told(declared.owner)}; delete that, and it goes too."
        )
    await commands.end(session, declared, actor.author)
    after_commit.add_task(services.changes.tell)
    return await queries.read(session, declared, await surroundings(services))


@router.post("/{loop}:wake", status_code=204, dependencies=[WRITE], response_class=Response)
async def wake_loop(loop: Name, session: Session, project: Project, services: CurrentServices) -> Response:
    """Look at once whether there is something to do."""
    (await lookup.get(session, project, loop)).woken_at = utcnow()
    services.changes.work.set()
    return Response(status_code=204)


@router.post("/{loop}:pause", response_model=LoopRead, dependencies=[WRITE])
async def pause_loop(
    loop: Name,
    session: Session,
    project: Project,
    actor: CurrentActor,
    services: CurrentServices,
    after_commit: BackgroundTasks,
) -> LoopRead:
    """Open no more runs and do not go back by itself; a run in flight goes on."""
    after_commit.add_task(services.changes.tell)
    return await _move(services, session, project, loop, "paused", actor.author)


@router.post("/{loop}:resume", response_model=LoopRead, dependencies=[WRITE])
async def resume_loop(
    loop: Name,
    session: Session,
    project: Project,
    actor: CurrentActor,
    services: CurrentServices,
    after_commit: BackgroundTasks,
) -> LoopRead:
    """Go on after a pause."""
    after_commit.add_task(services.changes.tell)
    return await _move(services, session, project, loop, "active", actor.author)


async def _move(
    services: Services, session: AsyncSession, project: str, name: str, state: str, author: str
) -> LoopRead:
    declared = await lookup.get(session, project, name)
    await commands.move(session, declared, state, author)
    return await queries.read(session, declared, await surroundings(services))


@router.post("/{loop}:retrain", response_model=LoopRunRead, status_code=201, dependencies=[WRITE])
async def retrain(
    loop: Name, body: RetrainWrite, services: CurrentServices, project: Project, actor: CurrentActor
) -> Run:
    """Open a run by hand; 409 while one is in flight."""
    async with services.readers() as session:
        declared = await lookup.get(session, project, loop)
        flight = await in_flight(session, declared.id)
    window = body.key or f"after-run-{declared.runs if flight is None else declared.runs - 1}"
    asked = Retrain("hand", window, f"{actor.name} asked for it", full_search=body.search)
    return await opening.by_hand(services, project, loop, asked, actor)


@router.post("/{loop}:adopt", response_model=LoopRunRead, status_code=201, dependencies=[WRITE])
async def adopt(
    loop: Name, body: AdoptWrite, services: CurrentServices, project: Project, actor: CurrentActor
) -> Run:
    """Open a run whose candidate is an ONNX model that MLflow's client registered; it meets the loop's gates."""
    async with services.readers() as session:
        declared = await lookup.get(session, project, loop)
    return await opening.by_hand(
        services, project, loop, await adopting.asked(services, declared, body, actor.name), actor
    )


@router.post("/{loop}:rollback", response_model=LoopRead, dependencies=[WRITE])
async def roll_back(
    loop: Name, body: RollbackWrite, services: CurrentServices, project: Project, actor: CurrentActor
) -> LoopRead:
    """Send all traffic back to an archived version, now; a rollout in flight is aborted by it.

    The same key again is the same rollback: it ends as it ended, or as it is about to.
    """
    await by_hand.roll_back(services, project, loop, body, actor.author)
    services.changes.tell()
    return await _read(services, project, loop)


@router.get("/{loop}/events", dependencies=[READ], response_class=EventSourceResponse)
async def follow(
    loop: Name, request: Request, services: CurrentServices, project: Project
) -> EventSourceResponse:
    """The loop as it changes, as server-sent events `loop`; the stream ends when the caller leaves.

    Who loses the right to read it hears `error` within five seconds, and no more.
    """
    await _read(services, project, loop)
    return EventSourceResponse(held(request, _changes(request, services, project, loop)))


async def _changes(
    request: Request, services: Services, project: str, loop: str
) -> AsyncGenerator[dict[str, str], None]:
    last = b""
    while not await request.is_disconnected():
        change = services.changes.listen()
        now = await _read(services, project, loop)
        data = orjson.dumps(now.model_dump(mode="json", exclude={"document"}))
        if data != last:
            last = data
            yield {"event": "loop", "data": data.decode()}
        await services.changes.wait(change, time.monotonic() + 1.0)
