"""The folder of a job that runs elsewhere, over HTTP: what its pod reads once, and writes as it goes."""

import asyncio
from pathlib import Path as FilePath

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse

from millrace_core.auth import permit
from millrace_core.errors import BadInput, NotFound
from millrace_core.names import Project
from millrace_training.jobs import queries
from millrace_training.jobs.controller import JobController
from millrace_training.jobs.schemas import JobId
from millrace_training.launch import limits
from millrace_training.runtime import pieces
from millrace_training.runtime.folder import JobFolder
from millrace_training.runtime.workspace import Piece, Told, WorkspaceRead
from millrace_training.tables import Job
from millrace_training.workspace import fence, files
from millrace_training.workspace.schemas import Attempt, DocumentName, Offset, PieceName, StreamName

router = APIRouter(prefix="/v1/jobs/{id}/workspace", tags=["workspace"], dependencies=[Depends(fence.own)])
READ, WRITE = permit("training.workspace.read"), permit("training.workspace.write")
HANDED_IN = ("result", "error", "setback")


def _jobs(request: Request) -> JobController:
    found: JobController = request.app.state.jobs
    return found


def _streams(folder: JobFolder) -> dict[StreamName, FilePath]:
    return {"events": folder.events, "log": folder.log}


@router.get("", response_model=WorkspaceRead, dependencies=[READ])
async def workspace(request: Request, project: Project, id: JobId, attempt: Attempt) -> WorkspaceRead:
    """What the attempt begins with; 409 for any attempt but the current."""
    job, folder = await _current(request, project, id, attempt)
    return await asyncio.to_thread(_found, request, job, folder)


def _found(request: Request, job: Job, folder: JobFolder) -> WorkspaceRead:
    kept = [Piece(name=path.name, size=path.stat().st_size) for path in pieces.finished(folder.scratch)]
    sizes = {name: path.stat().st_size if path.exists() else 0 for name, path in _streams(folder).items()}
    spec = limits.granted(job, request.app.state.settings, job.attempts)
    return WorkspaceRead(spec=spec, sizes=sizes, pieces=kept)


async def _current(request: Request, project: str, id: str, attempt: int) -> tuple[Job, JobFolder]:
    async with request.app.state.readers() as session:
        job = await queries.get(session, project, id)
    fence.check(job, attempt)
    folder = _jobs(request).folder(id)
    folder.make()
    return job, folder


@router.get("/pieces/{name}", response_class=FileResponse, dependencies=[READ])
async def piece(
    request: Request, project: Project, id: JobId, name: PieceName, attempt: Attempt
) -> FileResponse:
    """A file of a finished piece of work."""
    _, folder = await _current(request, project, id, attempt)
    path = folder.scratch / name
    if not path.is_file():
        raise NotFound(f"There is no piece {name}.")
    return FileResponse(path, media_type="application/octet-stream")


@router.put("/pieces/{name}", response_model=Told, dependencies=[WRITE])
async def keep_piece(
    request: Request, project: Project, id: JobId, name: PieceName, attempt: Attempt
) -> Told:
    """Keep a file of a finished piece of work for the next attempt."""
    _, folder = await _current(request, project, id, attempt)
    staged = await files.stage(folder, request.stream())
    try:
        async with fence.held(request.app.state, project, id, attempt) as job:
            staged.replace(folder.scratch / name)
            return _told(job)
    finally:
        staged.unlink(missing_ok=True)


@router.put("/streams/{name}", response_model=Told, dependencies=[WRITE])
async def append(
    request: Request, project: Project, id: JobId, name: StreamName, attempt: Attempt, offset: Offset
) -> Told:
    """Append to the job's events (whole lines) or its log; sending the same bytes again changes nothing."""
    content = await files.body(request.stream())
    if name == "events" and not content.endswith(b"\n"):
        raise BadInput("Events are sent as whole lines.")
    folder = _jobs(request).folder(id)
    async with fence.held(request.app.state, project, id, attempt) as job:
        folder.make()
        size = await asyncio.to_thread(files.append, _streams(folder)[name], offset, content)
    _jobs(request).changes.tell()
    return _told(job, size)


@router.put("/trials", response_model=Told, dependencies=[WRITE])
async def keep_trials(request: Request, project: Project, id: JobId, attempt: Attempt) -> Told:
    """Keep trials; one that is known stays as it is."""
    found = files.trials(await files.body(request.stream()))
    folder = _jobs(request).folder(id)
    async with fence.held(request.app.state, project, id, attempt) as job:
        folder.make()
        await asyncio.to_thread(files.keep_trials, folder, found)
    return _told(job)


@router.put("/{name}", response_model=Told, dependencies=[WRITE])
async def keep_document(
    request: Request, project: Project, id: JobId, name: DocumentName, attempt: Attempt
) -> Told:
    """Keep the job's progress, usage, result, error or setback."""
    made = files.document(name, await files.body(request.stream()))
    folder = _jobs(request).folder(id)
    async with fence.held(request.app.state, project, id, attempt) as job:
        folder.make()
        await asyncio.to_thread(folder.write, name, made, name in HANDED_IN)
    if name in HANDED_IN:
        _jobs(request).nudge()
    return _told(job)


def _told(job: Job, size: int | None = None) -> Told:
    return Told(cancel=job.cancel_at is not None, size=size)
