"""The pages of an audit: everything verified beside the page, four questions with their answers, and an archive."""

import asyncio
import re
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from millrace.evidence import FRAMEWORKS
from millrace_console.asking import Asked
from millrace_console.auditing import answers, looking
from millrace_console.nested import flat
from millrace_console.people.permits import CurrentPerson, Fields, act, look
from millrace_console.places import ProjectIn, frame
from millrace_console.rendering import page
from millrace_console.services import CurrentServices, Services
from millrace_console.sessions import Person
from millrace_console.works import Work
from millrace_contracts.names import PATTERN, PlainText
from millrace_core.errors import BadInput, NotFound

router = APIRouter(include_in_schema=False)
LoopGiven = Annotated[str, Query(pattern=PATTERN, description="The loop.")]
LoopMaybe = Annotated[str, Query(pattern=f"{PATTERN}|^$", description="The loop; empty: any.")]
When = Annotated[str, Query(max_length=40)]
PATIENCE = 60.0
"""Seconds that looking for a request may take."""
DECIDED = 60
GIVEN: dict[str, object] = {"loop": "", "at": "", "known": "", "version": "", "id": ""}
"""What the fields of the questions hold before anything was asked."""


@router.get("/p/{project}/audit", dependencies=[look()])
async def audit(
    request: Request, project: ProjectIn, person: CurrentPerson, services: CurrentServices
) -> Response:
    """How the look over everything stands, and the questions that can be asked."""
    around = await _around(Asked(services.settings.answer_seconds), services, person, project)
    return page(request, "audit.html", around)


@router.post("/p/{project}/audit/verify", dependencies=[act()])
async def verify(
    project: ProjectIn, person: CurrentPerson, services: CurrentServices, fields: Fields
) -> Response:
    """Begin to look over everything."""
    return await _begun(services, person, project, fields, "")


@router.post("/p/{project}/audit/export", dependencies=[act()])
async def export(
    project: ProjectIn, person: CurrentPerson, services: CurrentServices, fields: Fields
) -> Response:
    """Begin to look over everything, and to make an archive of a loop."""
    loop = fields.get("loop", "").strip()
    if not re.fullmatch(PATTERN, loop):
        raise BadInput("Name the loop of which the archive is to be made.")
    return await _begun(services, person, project, fields, loop)


@router.post("/p/{project}/audit/stop", dependencies=[act()])
async def stop(project: ProjectIn, person: CurrentPerson, services: CurrentServices) -> Response:
    """End the look, and forget what came of it."""
    services.works.stop(person.csrf)
    return RedirectResponse(f"/p/{project}/audit", 303)


@router.get("/p/{project}/audit/files/{name}", dependencies=[look()])
async def file(
    project: ProjectIn,
    name: Annotated[str, Path(pattern=r"^(archive|verification)$")],
    person: CurrentPerson,
    services: CurrentServices,
) -> Response:
    """What came of the look as a file: the archive, or the verification as JSON."""
    work = services.works.of(person.csrf)
    if work is None or work.project != project:
        raise NotFound("Nothing was looked over in this session. Begin on the page of the audit.")
    if name == "archive" and work.archive is not None:
        return _saved(work.archive, f"{work.loop}-audit.zip")
    if name == "verification" and work.report is not None:
        return _saved(work.report.model_dump_json(indent=1).encode(), "verification.json")
    raise NotFound("There is no such file of this look; it goes on, or came to nothing.")


@router.get("/p/{project}/audit/champion", dependencies=[look()])
async def champion(
    request: Request,
    project: ProjectIn,
    person: CurrentPerson,
    services: CurrentServices,
    loop: LoopGiven,
    at: When = "",
    known: When = "",
) -> Response:
    """Which version was champion at an instant, who moved it there, and why."""
    asked = Asked(services.settings.answer_seconds)
    question = answers.champion(
        asked, person.clients, project, loop, answers.instant(at, "At"), answers.instant(known, "Known")
    )
    found, around = await asyncio.gather(question, _around(asked, services, person, project))
    given = GIVEN | {"loop": loop, "at": at, "known": known}
    return page(request, "audit.html", around | {"champion": found, "given": given})


@router.get("/p/{project}/audit/lineage", dependencies=[look()])
async def lineage(
    request: Request,
    project: ProjectIn,
    person: CurrentPerson,
    services: CurrentServices,
    loop: LoopGiven,
    version: Annotated[int, Query(ge=1, lt=2**31)],
) -> Response:
    """From a version back to the raw data, code and environment that made it, and on to what was decided about it."""
    asked, registry = Asked(services.settings.answer_seconds), person.clients.registry
    found, release, around = await asyncio.gather(
        asked.must("registry", registry.lineage(loop, version, project=project)),
        asked.must("registry", registry.version(loop, version, project=project)),
        _around(asked, services, person, project),
    )
    shown = {
        "lineage": found,
        "release": release,
        "environment": flat(release.environment),
        "decisions": found.decisions[:DECIDED],
        "given": GIVEN | {"loop": loop, "version": version},
    }
    return page(request, "audit.html", around | shown)


@router.get("/p/{project}/audit/request", dependencies=[look()])
async def audited(
    request: Request,
    project: ProjectIn,
    person: CurrentPerson,
    services: CurrentServices,
    id: Annotated[str, Query(min_length=1, max_length=200, pattern=PlainText)],
    loop: LoopMaybe = "",
    row: Annotated[int, Query(ge=0, lt=2**31, description="The row that is explained.")] = 0,
) -> Response:
    """What happened to one request: its rows and answers, what gave them and why, and the labels with who told them."""
    asked = Asked(PATIENCE)
    found, around = await asyncio.gather(
        answers.request(asked, person.clients, project, loop, id.strip()),
        _around(asked, services, person, project),
    )
    why = None
    if found is not None:
        why = await answers.explained(
            Asked(services.settings.answer_seconds), person.clients, project, found, row
        )
    shown = {"found": found, "explained": why, "looked": True, "given": GIVEN | {"loop": loop, "id": id}}
    return page(request, "audit.html", around | shown)


async def _around(asked: Asked, services: Services, person: Person, project: str) -> dict[str, object]:
    """What every page of the audit shows: how the look stands; no answer yet."""
    around = await frame(person, asked, project, "audit")
    work = services.works.of(person.csrf)
    around |= {"frameworks": FRAMEWORKS.values()}
    nothing: dict[str, object] = {
        "champion": None,
        "lineage": None,
        "found": None,
        "explained": None,
        "looked": False,
        "given": GIVEN,
    }
    return around | nothing | {"work": work if work is not None and work.project == project else None}


async def _begun(services: Services, person: Person, project: str, fields: Fields, loop: str) -> Response:
    asked, clients = Asked(services.settings.answer_seconds), person.clients
    chosen = tuple(name for name in FRAMEWORKS if loop and fields.get(f"for-{name}"))
    work = await looking.prepared(
        asked, clients, project, fields.get("heads", ""), fields.get("key", ""), loop, chosen
    )

    def do(mine: Work) -> None:
        looking.done(clients, mine)

    services.works.begin(person.csrf, work, do)
    return RedirectResponse(f"/p/{project}/audit", 303)


def _saved(data: bytes, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type="application/octet-stream", headers=headers)
