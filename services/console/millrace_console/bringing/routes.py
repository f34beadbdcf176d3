"""Files from a browser: stored as they come, then looked at for a new loop, or delivered to one that there is."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from millrace.transport.requests import Call
from millrace_console.asking import Asked
from millrace_console.delivering import deliver, format_named
from millrace_console.people.permits import CurrentPerson, look, send
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


class Led(BaseModel):
    """Where a file led."""

    to: str = Field(description="The page that tells more.")


@router.post(PREFIX + "{project}", dependencies=[send()])
async def upload(
    request: Request,
    project: ProjectIn,
    person: CurrentPerson,
    name: Annotated[FileTitle, Query(description="What the file is called.")],
    loop: Annotated[str, Query(pattern=f"{PATTERN}|^$", description="Deliver it to this loop.")] = "",
) -> Led:
    """Store the request's body as it comes; without a loop it is looked at for a new one."""
    asked, clients = Asked(PATIENCE), person.clients
    format = format_named(name)
    if request.headers.get("content-length") == "0":
        raise BadInput(f"{name} is empty; choose a file with rows.")
    found = await asked.must("controller", clients.controller.loop(loop, project=project)) if loop else None
    call = Call(
        "POST", "/v1/artifacts", content=request.stream(), headers={"content-type": "application/octet-stream"},
        project=project, timeout=PATIENCE, retry=False,
    )  # fmt: skip
    stored = await asked.must("registry", clients.registry.api.answer(ArtifactRead, call))
    if found is not None:
        job = await asked.must("training", deliver(clients, project, found, stored.digest, name))
        return Led(to=f"/p/{project}/loops/{loop}/deliveries/{job.id}")
    sample = InferSpec(digest=stored.digest, format=format, name=name)
    job = await asked.must("training", clients.training.infer(sample, project=project))
    return Led(to=f"/p/{project}/drafts/{job.id}")


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
