"""What waits for people: the page of all of it, and the question before one approves or rejects."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from millrace_console.acting.doing import PATIENCE
from millrace_console.asking import Asked
from millrace_console.people.permits import CurrentPerson, Fields, act, look
from millrace_console.places import LoopIn, NumberIn, ProjectIn, frame
from millrace_console.rendering import page
from millrace_console.services import CurrentServices
from millrace_contracts.approvals import ApprovalRead
from millrace_contracts.names import Digest
from millrace_core.errors import Conflict, Forbidden

router = APIRouter(include_in_schema=False)
MOST = 200
Vote = Literal["approve", "reject"]
VOTE = "/p/{project}/loops/{loop}/runs/{number}/do/{what}"


@dataclass(frozen=True)
class Question:
    """What is asked before somebody says yes or no, and what it comes to."""

    title: str
    words: str
    button: str
    kind: Literal["primary", "danger"]


@router.get("/p/{project}/approvals", dependencies=[look()])
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


@router.get(VOTE, dependencies=[look()])
async def ask(
    request: Request,
    project: ProjectIn,
    loop: LoopIn,
    number: NumberIn,
    what: Vote,
    person: CurrentPerson,
    services: CurrentServices,
    digest: Annotated[Digest | None, Query(description="What the page of the run showed.")] = None,
) -> Response:
    """Ask whether it is meant: what is approved, by its digest, and what a yes or a no comes to."""
    asked = Asked(services.settings.answer_seconds)
    found, around = await asyncio.gather(
        asked.must("controller", person.clients.controller.approval(loop, number, project=project)),
        frame(person, asked, project, "loops", loop),
    )
    _could(found, what, digest or found.digest)
    return page(request, "vote.html", around | {"it": found, "question": question(found, what), "what": what})


@router.post(VOTE, dependencies=[act()])
async def vote(
    project: ProjectIn,
    loop: LoopIn,
    number: NumberIn,
    what: Vote,
    person: CurrentPerson,
    services: CurrentServices,
    fields: Fields,
) -> Response:
    """Approve or reject what the page showed: the form carries the digest of exactly that."""
    asked, controller = Asked(PATIENCE), person.clients.controller
    digest, reason = fields.get("digest", "")[:80], fields.get("reason", "").strip()[:500]
    if what == "approve":
        said = controller.approve(loop, number, digest, reason, project=project)
    else:
        said = controller.reject(loop, number, digest, reason, project=project)
    await asked.must("controller", said)
    return RedirectResponse(f"/p/{project}/loops/{loop}/runs/{number}#approval", 303)


def _could(found: ApprovalRead, what: Vote, digest: str) -> None:
    """Raises: Forbidden for who would be refused; Conflict if it is not what they looked at."""
    why = found.approve_refused if what == "approve" else found.reject_refused
    if why:
        raise Forbidden(why)
    if found.digest != digest:
        raise Conflict(
            f"What you looked at is {digest}, and run {found.run} of {found.loop} waits for the approval of "
            f"{found.digest} now; look at that first."
        )


def question(found: ApprovalRead, what: Vote) -> Question:
    """What is asked of *found*, in words."""
    version = found.bound.version
    if what == "reject":
        return Question(
            f"Reject version {version}?",
            "The run ends, and the version does not go into production. "
            f"{_answers(found)} goes on as it is. Your reason is recorded.",
            "Reject it",
            "danger",
        )
    missing = found.of - len(found.given) - 1
    comes = (
        "With yours there are enough approvals: its rollout begins at once."
        if missing <= 0
        else f"After yours {missing} more {'is' if missing == 1 else 'are'} missing before its rollout begins."
    )
    words = f"{comes} You approve exactly what has the digest below, for which you looked at its run."
    return Question(f"Approve version {version}?", words, f"Approve version {version}", "primary")


def _answers(found: ApprovalRead) -> str:
    champion = found.bound.champion
    return "The loop" if champion is None else f"Version {champion}"
