"""A loop from a file: its columns are looked at, a draft is shown with its contract, edited, and applied."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from millrace.documents import BadDocument, read
from millrace.transport.errors import ApiError
from millrace_console.asking import Asked
from millrace_console.declaring import drafts
from millrace_console.people.permits import CurrentPerson, Fields, act, look
from millrace_console.places import JobIn, ProjectIn, frame
from millrace_console.rendering import page
from millrace_console.services import CurrentServices
from millrace_console.sessions import Person
from millrace_contracts.jobs import JobRead
from millrace_contracts.loop import ModelLoop
from millrace_contracts.rows import InferSpec
from millrace_core.errors import BadInput, Conflict

router = APIRouter(include_in_schema=False)
PATIENCE = 60.0
"""Seconds that applying may take."""


@router.get("/p/{project}/new", dependencies=[look()])
async def begin(
    request: Request, project: ProjectIn, person: CurrentPerson, services: CurrentServices
) -> Response:
    """Choose a file."""
    asked = Asked(services.settings.answer_seconds)
    return page(request, "new.html", await frame(person, asked, project, "loops"))


@router.get("/p/{project}/drafts/{job}", dependencies=[look()])
async def draft(
    request: Request, project: ProjectIn, job: JobIn, person: CurrentPerson, services: CurrentServices
) -> Response:
    """What was found in the file: choose what to predict, or edit the drafted loop."""
    asked = Asked(services.settings.answer_seconds)
    found, around = await asyncio.gather(
        _job(asked, person, project, job), frame(person, asked, project, "loops")
    )
    return page(request, "draft.html", around | drafts.shown(found))


@router.post("/p/{project}/drafts/{job}", dependencies=[act()])
async def choose(
    project: ProjectIn, job: JobIn, person: CurrentPerson, services: CurrentServices, fields: Fields
) -> Response:
    """Look at the file again, now with what is to be predicted."""
    asked = Asked(services.settings.answer_seconds)
    found = await _job(asked, person, project, job)
    name = fields.get("loop", "").strip()
    await _unused(asked, person, project, name)
    question = {
        "target": fields.get("target") or None, "event_time": fields.get("time") or None, "loop": name,
        "timezone": fields.get("timezone", "").strip() or "UTC", "task": fields.get("task") or None,
    }  # fmt: skip
    kept = {key: found.spec[key] for key in ("digest", "format", "name") if key in found.spec}
    sample = InferSpec.model_validate(kept | question)
    if sample.target is None:
        raise BadInput("Choose the column that is to be predicted; go back, and take one of the list.")
    again = await asked.must("training", person.clients.training.infer(sample, project=project))
    return RedirectResponse(f"/p/{project}/drafts/{again.id}", 303)


@router.post("/p/{project}/drafts/{job}/apply", dependencies=[act()])
async def apply(
    request: Request,
    project: ProjectIn,
    job: JobIn,
    person: CurrentPerson,
    services: CurrentServices,
    fields: Fields,
) -> Response:
    """Declare the loop as the form has it, and deliver the file to it."""
    asked = Asked(PATIENCE)
    found = await _job(asked, person, project, job)
    loop, contract = fields.get("loop_text", ""), fields.get("contract_text", "")
    try:
        document = read(loop, contract, drafts.name_of(found))
    except BadDocument as error:
        around = await frame(person, asked, project, "loops")
        words = {
            "loop_text": loop,
            "contract_text": contract,
            "mistakes": [str(item) for item in error.mistakes],
        }
        return page(request, "draft.html", around | drafts.shown(found) | words, 422)
    return RedirectResponse(await _applied(asked, person, project, found, document), 303)


async def _applied(asked: Asked, person: Person, project: str, job: JobRead, document: ModelLoop) -> str:
    """The page of the delivery that begins the loop. Raises: Conflict for a name that is taken."""
    await _unused(asked, person, project, document.metadata.name)
    clients = person.clients
    stored = await asked.must("controller", clients.controller.apply(document, project=project))
    delivery = drafts.delivery(clients, project, stored, job)
    begun = await asked.must("training", delivery)
    return f"/p/{project}/loops/{stored.name}/deliveries/{begun.id}"


async def _job(asked: Asked, person: Person, project: str, job: str) -> JobRead:
    """The look at a file. Raises: BadInput for another job."""
    found = await asked.must("training", person.clients.training.job(job, project=project))
    if found.kind != "infer":
        raise BadInput("That job looked at no file; upload one.")
    return found


async def _unused(asked: Asked, person: Person, project: str, loop: str) -> None:
    """Raises: Conflict for the name of a loop that there is, BadInput for none."""
    if not drafts.NAME.fullmatch(loop):
        raise BadInput(
            "A loop's name has small letters, digits and dashes, like penguins; go back, and write one."
        )
    try:
        await asked.must("controller", person.clients.controller.loop(loop, project=project))
    except ApiError as error:
        if error.status == 404:
            return
        raise
    raise Conflict(
        f"There is a loop {loop} already; go back and choose another name, or upload the file on its page."
    )
