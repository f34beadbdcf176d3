"""The folder of a job that runs elsewhere, over HTTP: what its pod reads once, and writes as it goes."""

import asyncio
from pathlib import Path as FilePath

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse

from millrace_core.auth import permit
from millrace_core.errors import BadInput, NotFound
from millrace_training.launch import limits
from millrace_training.runtime import pieces
from millrace_training.runtime.folder import JobFolder
from millrace_training.runtime.workspace import Piece, Told, WorkspaceRead
from millrace_training.tables import Job
from millrace_training.workspace import attempts, files
from millrace_training.workspace.attempts import FromAttempt, Sender
from millrace_training.workspace.schemas import DocumentName, Offset, PieceName, StreamName

router = APIRouter(prefix="/v1/jobs/{id}/workspace", tags=["workspace"], dependencies=[Depends(attempts.own)])
READ, WRITE = permit("training.workspace.read"), permit("training.workspace.write")
HANDED_IN = ("result", "error", "setback")


def _streams(folder: JobFolder) -> dict[StreamName, FilePath]:
    return {"events": folder.events, "log": folder.log}


@router.get("", response_model=WorkspaceRead, dependencies=[READ])
async def workspace(sender: FromAttempt) -> WorkspaceRead:
    """What the attempt begins with; 409 for any attempt but the current."""
    job = await sender.job()
    return await asyncio.to_thread(_left, sender, job)


def _left(sender: Sender, job: Job) -> WorkspaceRead:
    """What earlier attempts left, and what this one is to do."""
    folder = sender.folder
    folder.make()
    kept = [Piece(name=path.name, size=path.stat().st_size) for path in pieces.finished(folder.scratch)]
    sizes = {name: path.stat().st_size if path.exists() else 0 for name, path in _streams(folder).items()}
    assignment = limits.granted(job, sender.services.settings, job.attempts)
    return WorkspaceRead(spec=assignment, sizes=sizes, pieces=kept)


@router.get("/pieces/{name}", response_class=FileResponse, dependencies=[READ])
async def piece(sender: FromAttempt, name: PieceName) -> FileResponse:
    """A file of a finished piece of work."""
    await sender.job()
    path = sender.folder.scratch / name
    if not path.is_file():
        raise NotFound(f"There is no piece {name}.")
    return FileResponse(path, media_type="application/octet-stream")


@router.put("/pieces/{name}", response_model=Told, dependencies=[WRITE])
async def keep_piece(request: Request, sender: FromAttempt, name: PieceName) -> Told:
    """Keep a file of a finished piece of work for the next attempt."""
    await sender.job()
    sender.folder.make()
    staged = await files.stage(sender.folder, request.stream())
    try:
        async with sender.held() as job:
            staged.replace(sender.folder.scratch / name)
            return _told(job)
    finally:
        staged.unlink(missing_ok=True)


@router.put("/streams/{name}", response_model=Told, dependencies=[WRITE])
async def append(request: Request, sender: FromAttempt, name: StreamName, offset: Offset) -> Told:
    """Append to the job's events (whole lines) or its log; sending the same bytes again changes nothing."""
    content = await files.body(request.stream())
    if name == "events" and not content.endswith(b"\n"):
        raise BadInput("Events are sent as whole lines.")
    async with sender.held() as job:
        size = await asyncio.to_thread(files.append, _streams(sender.folder)[name], offset, content)
    sender.services.changes.tell()
    return _told(job, size)


@router.put("/trials", response_model=Told, dependencies=[WRITE])
async def keep_trials(request: Request, sender: FromAttempt) -> Told:
    """Keep trials; one that is known stays as it is."""
    sent = files.trials(await files.body(request.stream()))
    async with sender.held() as job:
        await asyncio.to_thread(files.keep_trials, sender.folder, sent)
    return _told(job)


@router.put("/{name}", response_model=Told, dependencies=[WRITE])
async def keep_document(request: Request, sender: FromAttempt, name: DocumentName) -> Told:
    """Keep the job's progress, usage, result, error or setback."""
    document = files.document(name, await files.body(request.stream()))
    async with sender.held() as job:
        await asyncio.to_thread(sender.folder.write, name, document, name in HANDED_IN)
    if name in HANDED_IN:
        sender.services.wakeup.nudge()
    return _told(job)


def _told(job: Job, size: int | None = None) -> Told:
    return Told(cancel=job.cancel_at is not None, size=size)
