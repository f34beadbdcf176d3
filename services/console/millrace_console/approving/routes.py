"""The page of approvals: what passed its gates and waits for people, what ends first on top."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import Response

from millrace_console.asking import Asked
from millrace_console.people.permits import CurrentPerson, look
from millrace_console.places import ProjectIn, frame
from millrace_console.rendering import page
from millrace_console.services import CurrentServices

router = APIRouter(include_in_schema=False, dependencies=[look()])
MOST = 200


@router.get("/p/{project}/approvals")
async def every(
    request: Request, project: ProjectIn, person: CurrentPerson, services: CurrentServices
) -> Response:
    """What waits in the project; it is approved or rejected on the page of its run, beside the evidence."""
    asked = Asked(services.settings.answer_seconds)
    found, around = await asyncio.gather(
        asked.must("controller", person.clients.controller.approvals(project=project)),
        frame(person, asked, project, "approvals"),
    )
    ordered = sorted(found, key=lambda item: item.until)
    shown = {"approvals": ordered[:MOST], "more": len(ordered[MOST:])}
    return page(request, "approvals.html", around | shown)
