"""A file becomes a delivery of a loop, as `millrace data push` does it, and the loop is woken when it is taken."""

import asyncio
from pathlib import PurePosixPath

import httpx

from millrace.aio import AsyncMillrace
from millrace.attempts import IN_VAIN
from millrace.client import JobFailed
from millrace.delivery import ingest_spec, key_of
from millrace.transport.errors import ApiError
from millrace_contracts.deliveries import ArtifactSource
from millrace_contracts.formats import UnknownFormat, format_of
from millrace_contracts.jobs import JobRead
from millrace_contracts.loop import ModelLoop
from millrace_contracts.loops import LoopRead
from millrace_contracts.names import DataFormat
from millrace_core.errors import BadInput
from millrace_core.log import log

MOST_ATTEMPTS = 20
"""Times that the same file is tried again after jobs that came to nothing."""


def format_named(name: str) -> DataFormat:
    """What a file's ending says that it is. Raises: BadInput."""
    try:
        return format_of(PurePosixPath(name))  # type: ignore[arg-type]
    except UnknownFormat as error:
        raise BadInput(str(error)) from error


async def deliver(clients: AsyncMillrace, project: str, loop: LoopRead, digest: str, name: str) -> JobRead:
    """The job that holds a stored file to the loop's contract; the same file again is the same job.

    Raises: ApiError; BadInput for an ending that is not known.
    """
    spec = ModelLoop.stored(loop.document).spec
    source = ArtifactSource(kind="artifact", digest=digest, name=name, format=format_named(name))
    asked, key = ingest_spec(spec, source), key_of(project, loop, digest)
    job = await clients.training.submit(asked, key, loop=loop.name, project=project)
    for attempt in range(2, MOST_ATTEMPTS):
        if job.state not in IN_VAIN:
            break
        job = await clients.training.submit(asked, f"{key}/{attempt}", loop=loop.name, project=project)
    task = asyncio.create_task(_then_wake(clients, project, loop.name, job.id))
    _WAITING.add(task)
    task.add_done_callback(_WAITING.discard)
    return job


async def _then_wake(clients: AsyncMillrace, project: str, loop: str, job: str) -> None:
    """The loop looks at what was taken at once, also if nobody keeps the page open; it would look by itself, later."""
    try:
        await clients.training.wait(job, project=project)
        await clients.controller.wake(loop, project=project)
    except (ApiError, JobFailed, httpx.HTTPError, RuntimeError) as error:
        log.info("nobody wakes the loop after a delivery", loop=loop, error=type(error).__name__)


_WAITING: set[asyncio.Task[None]] = set()
"""Deliveries that are being looked at."""
