"""Actions: a page that asks, and a form that does it once; the author is whoever is signed in."""

import asyncio
import secrets
from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from millrace_console.acting import doing
from millrace_console.acting.doing import ACTIONS, Act
from millrace_console.asking import Asked
from millrace_console.people.permits import CurrentPerson, Fields, act, look
from millrace_console.places import AlarmIn, EntryIn, LoopIn, ProjectIn, frame
from millrace_console.refusals import report
from millrace_console.rendering import page
from millrace_console.services import CurrentServices
from millrace_contracts import durations
from millrace_contracts.datasets import QuarantineRead
from millrace_contracts.loops import LoopRead
from millrace_core.errors import BadInput, Conflict

router = APIRouter(include_in_schema=False)
OWNED: tuple[Act, ...] = ("pause", "resume")
"""What a cluster's resource says of the loop that it declares; there it is changed."""
Settle = Literal["accept", "drop"]


@router.get("/p/{project}/loops/{loop}/do/{what}", dependencies=[look()])
async def ask(
    request: Request,
    project: ProjectIn,
    loop: LoopIn,
    what: Act,
    person: CurrentPerson,
    services: CurrentServices,
) -> Response:
    """Ask whether it is meant, and say what it comes to."""
    asked = Asked(services.settings.answer_seconds)
    found, around = await asyncio.gather(
        asked.must("controller", person.clients.controller.loop(loop, project=project)),
        frame(person, asked, project, "loops", loop),
    )
    _may(found, what)
    shown = {"it": found, "what": what, "action": ACTIONS[what], "key": secrets.token_hex(16)}
    return page(request, "confirm.html", around | shown)


@router.post("/p/{project}/loops/{loop}/do/{what}", dependencies=[act()])
async def do(
    project: ProjectIn,
    loop: LoopIn,
    what: Act,
    person: CurrentPerson,
    services: CurrentServices,
    fields: Fields,
) -> Response:
    """Do it. The key of the form makes a second click the same action."""
    asked = Asked(services.settings.answer_seconds)
    found = await asked.must("controller", person.clients.controller.loop(loop, project=project))
    _may(found, what)
    slow = Asked(doing.PATIENCE)
    await slow.must("controller", doing.do(person.clients, project, loop, what, fields))
    return RedirectResponse(f"/p/{project}/loops/{loop}", 303)


def _may(loop: LoopRead, what: Act) -> None:
    """Raises: Conflict for what a cluster's resource decides."""
    if loop.owner is not None and what in OWNED:
        owner = f"{loop.owner.kind} {loop.owner.namespace}/{loop.owner.name}"
        raise Conflict(f"{loop.name} is declared by the {owner} of the cluster; set spec.suspend there.")


@router.get("/p/{project}/quarantine/{entry}/do/{what}", dependencies=[look()])
async def ask_settle(
    request: Request,
    project: ProjectIn,
    entry: EntryIn,
    what: Settle,
    person: CurrentPerson,
    services: CurrentServices,
) -> Response:
    """Show what was refused and why, and ask whether it is taken after all, or dropped."""
    asked = Asked(services.settings.answer_seconds)
    refused, around = await asyncio.gather(
        asked.must("registry", person.clients.registry.refused(entry, project=project)),
        frame(person, asked, project, "loops"),
    )
    return page(request, "settle.html", around | _shown(refused, what))


@router.post("/p/{project}/quarantine/{entry}/do/{what}", dependencies=[act()])
async def settle(
    request: Request,
    project: ProjectIn,
    entry: EntryIn,
    what: Settle,
    person: CurrentPerson,
    services: CurrentServices,
    fields: Fields,
) -> Response:
    """Take a refused delivery after all, with a contract that is widened for it, or drop it."""
    asked = Asked(services.settings.answer_seconds)
    reason = _reason(fields)
    if what == "drop":
        await asked.must("registry", doing.drop(person.clients, project, entry, reason))
        done = ["It is dropped; its bytes stay until retention takes them."]
    else:
        done = await doing.accept(person.clients, project, entry, reason, fields.get("widen") == "yes")
    refused = await asked.must("registry", person.clients.registry.refused(entry, project=project))
    around = await frame(person, asked, project, "loops")
    return page(request, "settle.html", around | _shown(refused, what, done))


def _shown(refused: QuarantineRead, what: Settle, done: list[str] | None = None) -> dict[str, object]:
    """What the page says of a refused delivery, and of what was *done* with it."""
    return {"it": refused, "what": what, "why": report(refused).explained(), "done": done}


def _reason(fields: Fields) -> str:
    return fields.get("reason", "").strip()[:500]


@router.post("/p/{project}/alarms/{alarm}/acknowledge", dependencies=[act()])
async def acknowledge(
    project: ProjectIn,
    alarm: AlarmIn,
    person: CurrentPerson,
    services: CurrentServices,
) -> Response:
    """Say that an alarm was seen."""
    asked = Asked(services.settings.answer_seconds)
    await asked.must("monitoring", person.clients.monitoring.acknowledge(alarm, project=project))
    return RedirectResponse(f"/p/{project}/alarms#{alarm}", 303)


@router.post("/p/{project}/alarms/{alarm}/silence", dependencies=[act()])
async def silence(
    project: ProjectIn, alarm: AlarmIn, person: CurrentPerson, services: CurrentServices, fields: Fields
) -> Response:
    """Tell people nothing of an alarm for a while; its loop acts all the same."""
    asked = Asked(services.settings.answer_seconds)
    try:
        until = datetime.now(UTC) + durations.parse(fields.get("for", ""))
    except ValueError as error:
        raise BadInput(f"How long? {error}. Go back, and choose one of the list.") from error
    question = person.clients.monitoring.silence(alarm, until, _reason(fields), project=project)
    await asked.must("monitoring", question)
    return RedirectResponse(f"/p/{project}/alarms#{alarm}", 303)


@router.post("/p/{project}/alarms/{alarm}/unsilence", dependencies=[act()])
async def unsilence(
    project: ProjectIn, alarm: AlarmIn, person: CurrentPerson, services: CurrentServices
) -> Response:
    """Tell people of it again."""
    asked = Asked(services.settings.answer_seconds)
    await asked.must("monitoring", person.clients.monitoring.unsilence(alarm, project=project))
    return RedirectResponse(f"/p/{project}/alarms#{alarm}", 303)
