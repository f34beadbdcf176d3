"""Labelling: one prediction after the other, its row beside what was answered, by keyboard or without a script."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from millrace.transport.errors import ApiError
from millrace_console.asking import Asked
from millrace_console.people.permits import CurrentPerson, Fields, act, look
from millrace_console.places import LoopIn, ProjectIn, frame
from millrace_console.rendering import page
from millrace_console.services import CurrentServices
from millrace_console.sessions import Person
from millrace_contracts.bodies import Page
from millrace_contracts.explanations import RowExplanation
from millrace_contracts.reviews import Agreement, ReviewNext, ReviewRead, ReviewSummary
from millrace_core.errors import BadInput

router = APIRouter(include_in_schema=False)
LISTED, MOST = 20, 8
FEW = 9
"""So many classes have a button and a key each; of more one chooses from a list."""
REASONS = {
    "sampled": "drawn by chance, so that quality is measured on all kinds of rows",
    "low": "of low confidence",
    "useful": "a label teaches most here: near a tie, or unlike what training saw",
}
NOTHING = ReviewNext(entry=None, left=0)
EMPTY = ReviewSummary(
    counts=[], people=[], agreement=Agreement(entries=0, same=None, alpha=None, kappa=None), late=0
)
EntryNumber = Annotated[int, Path(ge=1, lt=2**63)]
Said = Annotated[
    int | None, Query(ge=1, lt=2**63, description="The entry that was just labelled or skipped.")
]


@router.get("/p/{project}/loops/{loop}/review", dependencies=[look()])
async def following(
    request: Request,
    project: ProjectIn,
    loop: LoopIn,
    person: CurrentPerson,
    services: CurrentServices,
    done: Said = None,
    before: Annotated[str, Query(max_length=512)] = "",
) -> Response:
    """The next entry for whoever is signed in, and how the queue stands."""
    asked = Asked(services.settings.answer_seconds)
    found, may = await _next(asked, person, project, loop)
    more: dict[str, object] = {"left": found.left, "may": may, "done": done, "before": before}
    return await _page(request, asked, person, project, loop, found.entry, more)


@router.get("/p/{project}/loops/{loop}/review/{number}", dependencies=[look()])
async def one(
    request: Request,
    project: ProjectIn,
    loop: LoopIn,
    number: EntryNumber,
    person: CurrentPerson,
    services: CurrentServices,
) -> Response:
    """One entry, to look at what was said, or to say otherwise."""
    asked = Asked(services.settings.answer_seconds)
    entry = await asked.must("monitoring", person.clients.monitoring.review(loop, number, project=project))
    return await _page(
        request, asked, person, project, loop, entry, {"left": None, "may": True, "done": None, "before": ""}
    )


@router.post("/p/{project}/loops/{loop}/review/{number}/{what}", dependencies=[act()])
async def say(
    project: ProjectIn,
    loop: LoopIn,
    number: EntryNumber,
    what: Literal["label", "skip"],
    person: CurrentPerson,
    services: CurrentServices,
    fields: Fields,
) -> Response:
    """Label an entry, or say that one cannot tell; the next one follows."""
    asked, monitoring = Asked(services.settings.answer_seconds), person.clients.monitoring
    note, value = fields.get("note", "").strip()[:500], fields.get("value", "").strip()
    if what == "label" and not value:
        raise BadInput("The form says no label; choose a class, or write a number.")
    if what == "label":
        question = monitoring.label_review(loop, number, value, note, project=project)
    else:
        question = monitoring.skip_review(loop, number, note, project=project)
    await asked.must("monitoring", question)
    return RedirectResponse(f"/p/{project}/loops/{loop}/review?done={number}", 303)


async def _next(asked: Asked, person: Person, project: str, loop: str) -> tuple[ReviewNext, bool]:
    """What is next, and whether this person may label at all."""
    try:
        question = person.clients.monitoring.next_review(loop, project=project)
        return await asked.of("monitoring", question, NOTHING), True
    except ApiError as error:
        if error.status != 403:
            raise
        return NOTHING, False


async def _page(
    request: Request,
    asked: Asked,
    person: Person,
    project: str,
    loop: str,
    entry: ReviewRead | None,
    more: dict[str, object],
) -> Response:
    monitoring = person.clients.monitoring
    around, summary, newest, why = await asyncio.gather(
        frame(person, asked, project, "loops", loop),
        asked.of("monitoring", monitoring.review_summary(loop, project=project), EMPTY),
        asked.of(
            "monitoring",
            monitoring.reviews_page(loop, str(more["before"]) or None, LISTED, project=project),
            Page[ReviewRead](items=[], next=None),
        ),
        _why(asked, person, project, loop, entry),
    )
    shown = {
        "it": entry,
        "reasons": REASONS,
        "few": FEW,
        "summary": summary,
        "newest": newest.items,
        "next": newest.next,
        "answered": _answered(entry),
        "why": why,
        "most": MOST,
    }
    return page(request, "review.html", around | shown | more)


async def _why(
    asked: Asked, person: Person, project: str, loop: str, entry: ReviewRead | None
) -> RowExplanation | None:
    """What each input contributed to the answer; None where nobody can tell, which is no reason not to label."""
    if entry is None:
        return None
    try:
        question = person.clients.monitoring.review_explanation(loop, entry.number, project=project)
        found = await asked.of("monitoring", question, None)
    except ApiError:
        return None
    return None if found is None else found.rows[0]


def _answered(entry: ReviewRead | None) -> list[tuple[str, float | None, bool]]:
    """What was answered: each class with its probability and whether it was named, the likeliest first; or a number."""
    if entry is None:
        return []
    if not entry.choices:
        return [("answer", entry.answer.get("value"), True)]
    given: dict[str, float] = entry.answer.get("probabilities") or {}
    ordered = sorted(given.items(), key=lambda item: -item[1])[:FEW]
    return [(name, value, name == entry.answer.get("class")) for name, value in ordered]
