"""Jobs over HTTP: submit, list, wait, watch, cancel."""

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from sse_starlette import EventSourceResponse

from millrace_contracts.jobs import JobNew, JobRead, LogPiece, TrialRead
from millrace_core.auth import permit
from millrace_core.database import Session, utcnow
from millrace_core.errors import BadInput, FieldError
from millrace_core.held import answered, held
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, decode, paginate
from millrace_training.jobs import queries, specs, watching
from millrace_training.jobs.schemas import JobId
from millrace_training.jobs.states import TERMINAL, State
from millrace_training.jobs.submitting import submit
from millrace_training.runtime import printed, trials
from millrace_training.runtime.events import starts_line
from millrace_training.services import CurrentServices, Services
from millrace_training.tables import Job

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
READ, WRITE = permit("training.jobs.read"), permit("training.jobs.write")
Wait = Annotated[float, Query(ge=0, le=60, description="Seconds to wait for the job's end.")]
POLL_SECONDS = 1.0


@router.post("", status_code=201, response_model=JobRead, dependencies=[WRITE])
async def submit_job(services: CurrentServices, response: Response, project: Project, new: JobNew) -> Job:
    """Submit a job; the same key again answers 200 with the job it already is."""
    specs.check(new.kind, new.spec)
    return await submit(services, response, project, new)


@router.get("", response_model=Page[JobRead], dependencies=[READ])
async def jobs(
    project: Project,
    session: Session,
    state: State | None = None,
    loop: Name | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """Jobs, newest first."""
    rows = await queries.page(session, project, state, loop, limit, cursor)
    return paginate(rows, limit, lambda row: (row.number,))


@router.get("/{id}", response_model=JobRead, dependencies=[READ])
async def job(
    request: Request, services: CurrentServices, project: Project, id: JobId, wait: Wait = 0
) -> Job:
    """One job; with `wait`, as soon as it is over or the time is up."""
    return await answered(request, _ended(services, project, id, wait))


async def _ended(services: Services, project: str, id: str, wait: float) -> Job:
    deadline = time.monotonic() + wait
    while True:
        async with services.readers() as session:
            current = await queries.get(session, project, id)
        left = deadline - time.monotonic()
        if current.state in TERMINAL or left <= 0:
            return current
        await services.changes.wait(min(left, POLL_SECONDS))


@router.get("/{id}/events", response_class=EventSourceResponse, dependencies=[READ])
async def events(
    request: Request,
    services: CurrentServices,
    project: Project,
    id: JobId,
    session: Session,
    last_event_id: Annotated[int, Header(ge=0, lt=2**63)] = 0,
) -> EventSourceResponse:
    """Server-sent events: progress, trial, log, and end with the job; Last-Event-ID takes a stream up again.

    Who loses the right to read it hears `error` within five seconds, and no more.
    """
    await queries.get(session, project, id)
    folder = services.folder(id)
    if not await asyncio.to_thread(starts_line, folder.events, last_event_id):
        mend = FieldError(
            "header.last-event-id", "no event has this id", "send the id of the last event seen"
        )
        raise BadInput("The stream cannot be taken up there.", [mend])
    stream = watching.stream(services, project, id, last_event_id)
    return EventSourceResponse(held(request, stream), ping=15)


@router.get("/{id}/log", response_model=LogPiece, dependencies=[READ])
async def log(
    services: CurrentServices,
    project: Project,
    id: JobId,
    session: Session,
    after: Annotated[int | None, Query(ge=0, lt=2**63, description="A byte; left out: the end.")] = None,
    most: Annotated[int, Query(ge=1, le=2**20, description="Bytes of the piece.")] = 2**16,
) -> LogPiece:
    """What the job's process printed, or its pod in a cluster: a piece behind a byte, or the last one."""
    await queries.get(session, project, id)
    return await asyncio.to_thread(printed.piece, services.folder(id).log, after, most)


@router.get("/{id}/trials", response_model=Page[TrialRead], dependencies=[READ])
async def job_trials(
    services: CurrentServices,
    project: Project,
    id: JobId,
    session: Session,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Any:
    """The trials of the job's studies, by study and number, whether finished or running."""
    await queries.get(session, project, id)
    after = decode(cursor, str, int)
    kept = await asyncio.to_thread(trials.read, services.folder(id).trials)
    rows = [item for item in kept if after is None or (item.study, item.number) > after]
    return paginate(rows[: limit + 1], limit, lambda row: (row.study, row.number))


@router.post("/{id}:cancel", response_model=JobRead, dependencies=[WRITE])
async def cancel(services: CurrentServices, project: Project, id: JobId) -> Job:
    """Stop a job: at once if it waits, within seconds if it runs; one that has ended stays as it is."""
    async with services.sessions.begin() as session:
        await queries.cancel(session, await queries.get(session, project, id), utcnow())
        session.expire_all()
        current = await queries.get(session, project, id)
    services.wakeup.nudge()
    return current
