"""A run's stream of events, the page of a job, and what it printed as a file."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from sse_starlette import EventSourceResponse

from millrace.aio import AsyncMillrace
from millrace_console.asking import Asked
from millrace_console.jobs import lines
from millrace_console.jobs.live import Seen, Stream
from millrace_console.people.permits import CurrentPerson, look
from millrace_console.places import JobIn, LoopIn, NumberIn, ProjectIn, frame
from millrace_console.rendering import page
from millrace_console.services import CurrentServices
from millrace_contracts.jobs import LogPiece

router = APIRouter(include_in_schema=False, dependencies=[look()])
SeenId = Annotated[str, Query(max_length=60, description="Id of the last event that was seen.")]
TAIL, PIECE = 2**15, 2**20


@router.get("/p/{project}/loops/{loop}/runs/{number}/events", response_class=EventSourceResponse)
async def events(
    project: ProjectIn,
    loop: LoopIn,
    number: NumberIn,
    person: CurrentPerson,
    services: CurrentServices,
    after: SeenId = "",
    last_event_id: Annotated[str, Header(max_length=60)] = "",
) -> EventSourceResponse:
    """What happens to a run, as it happens; `Last-Event-ID` takes it up behind what was seen."""
    asked = Asked(services.settings.answer_seconds)
    await asked.must("controller", person.clients.controller.run(loop, number, project=project))
    stream = Stream(person.clients, project, loop, number, lambda: services.people.holds(person))
    return EventSourceResponse(stream.events(Seen.read(last_event_id or after)), ping=15)


@router.get("/p/{project}/jobs/{job}")
async def one(
    request: Request, project: ProjectIn, job: JobIn, person: CurrentPerson, services: CurrentServices
) -> Response:
    """A job: what it was asked, what it said, and the end of what it printed."""
    asked, clients = Asked(services.settings.answer_seconds), person.clients
    found = await asked.must("training", clients.training.job(job, project=project))
    nothing = LogPiece(text="", start=0, next=0, size=0)
    said, printed, around = await asyncio.gather(
        asked.of("training", lines.so_far(clients, project, job), list[lines.Line]()),
        asked.of("training", clients.training.log(job, most=TAIL, project=project), nothing),
        frame(person, asked, project, "loops", found.loop or ""),
    )
    return page(request, "job.html", around | {"it": found, "said": said, "printed": printed})


@router.get("/p/{project}/jobs/{job}/log")
async def log(project: ProjectIn, job: JobIn, person: CurrentPerson, services: CurrentServices) -> Response:
    """All that a job printed: a file to keep, never a page to show."""
    asked = Asked(services.settings.answer_seconds)
    first = await asked.must("training", person.clients.training.log(job, 0, PIECE, project=project))
    return StreamingResponse(
        _pieces(person.clients, project, job, first),
        media_type="application/octet-stream",
        headers={"content-disposition": f'attachment; filename="job-{job[:8]}.log"'},
    )


async def _pieces(clients: AsyncMillrace, project: str, job: str, piece: LogPiece) -> AsyncIterator[bytes]:
    while piece.text:
        yield piece.text.encode()
        piece = await clients.training.log(job, piece.next, PIECE, project=project)
