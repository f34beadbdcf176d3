"""Streams over HTTP: batches of rows under the sender's key, how a stream stands, and a delivery of it now."""

import asyncio
from functools import partial
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Header, Request

from millrace.transport.errors import ApiError
from millrace_contracts.streams import BatchKey, StreamedBatch, StreamRead
from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.errors import NotFound, Unavailable
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, paginate
from millrace_training.services import CurrentServices, Services
from millrace_training.streams import batches, queries
from millrace_training.streams.batches import Batch
from millrace_training.streams.queries import Kept, Sent
from millrace_training.tables import Stream

router = APIRouter(prefix="/v1/streams", tags=["streams"])
READ, WRITE = permit("training.jobs.read"), permit("training.data.write")
IdempotencyKey = Annotated[
    BatchKey, Header(description="The sender's name for the batch: the same key again is the same batch.")
]
SMALL = 2**16
"""Bytes that are read and packed in about a millisecond."""
CONTROLLER_SECONDS = 5.0
"""How long a stream's first batch waits for the controller."""
LINES = {
    "requestBody": {
        "required": True,
        "content": {"application/x-ndjson": {"schema": {"type": "string", "description": "A row a line."}}},
    }
}


@router.post(
    "/{loop}/rows", status_code=202, response_model=StreamedBatch, dependencies=[WRITE], openapi_extra=LINES
)
async def stream_rows(
    services: CurrentServices, request: Request, project: Project, loop: Name, idempotency_key: IdempotencyKey
) -> Kept:
    """Rows as JSON lines, kept when this answers; they become part of a delivery, which is held to the contract.

    429 with Retry-After while too many rows wait to be delivered: nothing of the batch was kept.
    """
    sent = Sent(project, loop, idempotency_key, await _read(await request.body()))
    try:
        return await _keep(services, sent)
    except NotFound:
        await _open(services, project, loop)
        return await _keep(services, sent)


async def _keep(services: Services, sent: Sent) -> Kept:
    kept: Kept = await services.spool.keep(
        sent, partial(queries.keep, most_bytes=services.settings.stream_bytes)
    )
    return kept


async def _read(body: bytes) -> Batch:
    """A small body costs less here than in a thread."""
    return batches.read(body) if len(body) < SMALL else await asyncio.to_thread(batches.read, body)


@router.get("", response_model=Page[StreamRead], dependencies=[READ])
async def list_streams(
    services: CurrentServices, session: Session, project: Project, limit: Limit = 100, cursor: Cursor = None
) -> Any:
    """The project's streams by loop."""
    rows = await queries.page(session, project, limit, cursor)
    page = paginate(rows, limit, lambda row: (row.loop,))
    return page | {"items": [_shown(services, row) for row in page["items"]]}


@router.get("/{loop}", response_model=StreamRead, dependencies=[READ])
async def get_stream(services: CurrentServices, session: Session, project: Project, loop: Name) -> StreamRead:
    """How the stream of a loop stands. 404 before its first batch."""
    return _shown(services, await queries.get(session, project, loop))


@router.post("/{loop}:deliver", status_code=202, response_model=StreamRead, dependencies=[WRITE])
async def deliver(services: CurrentServices, session: Session, project: Project, loop: Name) -> StreamRead:
    """Deliver what is here by now as soon as possible; asked again it is the same wish."""
    stream = await queries.hold(session, (await queries.get(session, project, loop)).id)
    stream.wanted_number = stream.last_number
    services.streamed.set()
    return _shown(services, stream)


async def _open(services: Services, project: str, loop: str) -> None:
    """Make the stream of a loop, if the controller knows the loop."""
    await _check_loop(services, project, loop)
    async with services.sessions.begin() as session:
        await queries.make(session, project, loop)


async def _check_loop(services: Services, project: str, loop: str) -> None:
    unknown = "The controller cannot say now whether there is such a loop; try again."
    try:
        async with asyncio.timeout(CONTROLLER_SECONDS):
            await services.clients.controller.loop(loop, project=project)
    except ApiError as error:
        if error.status == 404:
            raise NotFound(f"There is no loop {loop}; declare it, then stream to it.") from error
        raise Unavailable(unknown) from error
    except (TimeoutError, httpx.TransportError) as error:
        raise Unavailable(unknown) from error


def _shown(services: Services, stream: Stream) -> StreamRead:
    state = "waiting" if stream.chosen_number is None else "delivering"
    return StreamRead(
        state="failing" if stream.failures else state,
        limit_bytes=services.settings.stream_bytes,
        job=stream.job or stream.last_job,
        **{name: getattr(stream, name) for name in SAME},
    )


SAME = StreamRead.model_fields.keys() - {"state", "limit_bytes", "job"}
"""What is shown as it is kept."""
