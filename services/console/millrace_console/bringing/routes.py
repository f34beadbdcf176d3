"""Files from a browser: stored as they come, then looked at for a new loop, or delivered to one that there is."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from millrace.aio import AsyncMillrace
from millrace.transport.requests import Call
from millrace_console.asking import Asked
from millrace_console.delivering import deliver, format_named
from millrace_console.multipart import Parts
from millrace_console.people.permits import CurrentParts, CurrentPerson, look, send
from millrace_console.places import JobIn, LoopIn, ProjectIn, frame
from millrace_console.rendering import page
from millrace_console.services import CurrentServices
from millrace_contracts.artifacts import ArtifactRead
from millrace_contracts.deliveries import FileTitle
from millrace_contracts.jobs import JobState
from millrace_contracts.names import PATTERN
from millrace_contracts.rows import InferSpec, IngestResult
from millrace_core.errors import BadInput

router = APIRouter(include_in_schema=False)
PREFIX = "/upload/"
PATIENCE = 600.0
"""Seconds that a file may take."""
Title: TypeAdapter[str] = TypeAdapter(FileTitle)


class Led(BaseModel):
    """Where a file led."""

    to: str = Field(description="The page that tells more.")


@router.post(PREFIX + "{project}", dependencies=[send()], response_model=Led)
async def upload(
    request: Request,
    project: ProjectIn,
    person: CurrentPerson,
    parts: CurrentParts,
    name: Annotated[
        FileTitle, Query(description="What the file is called, where the body is the file.")
    ] = "",
    loop: Annotated[str, Query(pattern=f"{PATTERN}|^$", description="Deliver it to this loop.")] = "",
) -> Led | Response:
    """Store a file as it comes, as the body or out of a form; without a loop it is looked at for a new one."""
    asked, clients = Asked(PATIENCE), person.clients
    named = name if parts is None else _title(parts)
    format = format_named(named)
    if request.headers.get("content-length") == "0":
        raise BadInput(f"{named} is empty; choose a file with rows.")
    found = await asked.must("controller", clients.controller.loop(loop, project=project)) if loop else None
    stored = await asked.must(
        "registry", _stored(clients, project, request.stream() if parts is None else parts.file())
    )
    if found is not None:
        job = await asked.must("training", deliver(clients, project, found, stored.digest, named))
        to = f"/p/{project}/loops/{loop}/deliveries/{job.id}"
    else:
        sample = InferSpec(digest=stored.digest, format=format, name=named)
        job = await asked.must("training", clients.training.infer(sample, project=project))
        to = f"/p/{project}/drafts/{job.id}"
    return Led(to=to) if parts is None else RedirectResponse(to, 303)


def _title(parts: Parts) -> str:
    """What the file of a form is called. Raises: BadInput where none was chosen, or by a name that none can have."""
    if not parts.name:
        raise BadInput("No file was chosen; go back, and choose one.")
    try:
        return Title.validate_python(parts.name)
    except ValidationError as error:
        raise BadInput(
            "The file's name is too long, or has signs that no name can have; call it otherwise."
        ) from error


async def _stored(clients: AsyncMillrace, project: str, content: AsyncIterator[bytes]) -> ArtifactRead:
    call = Call(
        "POST", "/v1/artifacts", content=content, headers={"content-type": "application/octet-stream"},
        project=project, timeout=PATIENCE, retry=False,
    )  # fmt: skip
    return await clients.registry.api.answer(ArtifactRead, call)


@router.get("/p/{project}/loops/{loop}/deliveries/{job}", dependencies=[look()])
async def delivery(
    request: Request,
    project: ProjectIn,
    loop: LoopIn,
    job: JobIn,
    person: CurrentPerson,
    services: CurrentServices,
) -> Response:
    """What became of a file: taken, refused and why, or still being checked."""
    asked = Asked(services.settings.answer_seconds)
    found, around = await asyncio.gather(
        asked.must("training", person.clients.training.job(job, project=project)),
        frame(person, asked, project, "loops", loop),
    )
    done = found.state == JobState.SUCCEEDED and found.kind == "ingest"
    result = IngestResult.model_validate(found.result) if done else None
    source = found.spec.get("source")
    name = str(source.get("name", "a file")) if isinstance(source, dict) else "a file"
    shown = {"it": found, "name": name, "result": result, "why": result.report.explained() if result else []}
    return page(request, "delivery.html", around | shown)
