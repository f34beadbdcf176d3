"""The overview: who is well, who wants a person, and why; filtered, sorted and paged by the controller."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from millrace_console.asking import Asked
from millrace_console.drawing.sparkline import sparkline
from millrace_console.people.permits import CurrentPerson, look
from millrace_console.places import ProjectIn, frame, projects
from millrace_console.rendering import page
from millrace_console.services import CurrentServices
from millrace_contracts.names import PlainText
from millrace_contracts.overviews import HEALTHS, DecisionGlance, EndpointGlance, Health, LoopSort

router = APIRouter(include_in_schema=False, dependencies=[look()])
SIZE = 50
WORDS: dict[Health, str] = {
    "blocked": "blocked",
    "alarm": "alarm",
    "working": "working",
    "waiting": "no champion yet",
    "paused": "paused",
    "good": "well",
}
"""How a page calls them."""
COLUMNS: tuple[tuple[LoopSort | None, str], ...] = (
    ("health", "Health"), ("name", "Loop"), ("champion", "Champion"), (None, "In the way"), (None, "Last decision"),
    (None, "Rows, 7 days"), (None, "Error now"), (None, "28 days"), ("run", "Newest run"),
)  # fmt: skip


@router.get("/")
async def home(request: Request, person: CurrentPerson, services: CurrentServices) -> Response:
    """To the loops of the first project that somebody may see."""
    known = await projects(person, Asked(services.settings.answer_seconds))
    chosen = "default" if "default" in known else known[0]
    return RedirectResponse(f"/p/{chosen}/loops", 303)


@router.get("/p")
async def choose(project: Annotated[str, Query(max_length=63)] = "default") -> Response:
    """Where the choice of a project leads without a script."""
    clean = "".join(letter for letter in project if letter.isascii() and (letter.isalnum() or letter == "-"))
    return RedirectResponse(f"/p/{clean or 'default'}/loops", 303)


@router.get("/p/{project}/loops")
async def overview(
    request: Request,
    project: ProjectIn,
    person: CurrentPerson,
    services: CurrentServices,
    search: Annotated[str, Query(max_length=63, pattern=PlainText)] = "",
    health: Health | None = None,
    sort: LoopSort = "health",
    down: bool = False,
    number: Annotated[int, Query(alias="page", ge=1, le=10_000)] = 1,
) -> Response:
    """One page of loops."""
    asked = Asked(services.settings.answer_seconds)
    clients = person.clients
    question = clients.controller.overview(search, health, sort, down, number, SIZE, project=project)
    found, around = await asyncio.gather(
        asked.must("controller", question), frame(person, asked, project, "loops")
    )
    names = [item.name for item in found.items]
    endpoints, decisions = await _beside(asked, person, project, names)
    glances = {item.endpoint: item for item in endpoints}
    pictures = {name: sparkline(item.losses, item.baseline) for name, item in glances.items()}
    shown = {
        "found": found, "glances": glances, "pictures": pictures, "last": {item.loop: item for item in decisions},
        "columns": COLUMNS, "healths": HEALTHS, "words": WORDS,
        "asked": {"search": search, "health": health or "", "sort": sort, "down": "true" if down else ""},
    }  # fmt: skip
    return page(request, "overview.html", around | shown)


async def _beside(
    asked: Asked, person: CurrentPerson, project: str, names: list[str]
) -> tuple[list[EndpointGlance], list[DecisionGlance]]:
    """What monitoring and the registry know of these loops."""
    if not names:
        return [], []
    watched: list[EndpointGlance] = []
    decided: list[DecisionGlance] = []
    return await asyncio.gather(
        asked.of("monitoring", person.clients.monitoring.glance(names, project=project), watched),
        asked.of("registry", person.clients.registry.latest_decisions(names, project=project), decided),
    )
