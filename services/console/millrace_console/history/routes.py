"""Pages of what happened: runs, versions of a model, decisions."""

import asyncio
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response, StreamingResponse

from millrace import cards, explanation
from millrace.aio.cards import gather
from millrace_console.asking import Asked
from millrace_console.drawing import effects, fit
from millrace_console.drawing.bars import bars
from millrace_console.drawing.front import front
from millrace_console.history import evaluations, runs, versions
from millrace_console.nested import flat
from millrace_console.people.permits import CurrentPerson, look
from millrace_console.places import LoopIn, NumberIn, ProjectIn, frame
from millrace_console.rendering import page
from millrace_console.services import CurrentServices
from millrace_contracts.decisions import DecisionRead, Kind
from millrace_contracts.names import PATTERN
from millrace_core.errors import BadInput, NotFound

router = APIRouter(include_in_schema=False, dependencies=[look()])
LISTED, OTHERS = 50, 500
"""Decisions on a page, and those of a loop among which causes and what followed are looked for."""
LOOKS = "loss that is added when a column is shuffled"
KINDS = tuple(Kind.__args__)  # type: ignore[attr-defined]
LoopAsked = Annotated[str, Query(pattern=f"{PATTERN}|^$")]


@router.get("/p/{project}/loops/{loop}/runs/{number}")
async def run(
    request: Request,
    project: ProjectIn,
    loop: LoopIn,
    number: NumberIn,
    person: CurrentPerson,
    services: CurrentServices,
) -> Response:
    """One run: its steps, its trials, its gates, and why it ended so."""
    asked = Asked(services.settings.answer_seconds)
    clients = person.clients
    found = await asked.must("controller", clients.controller.run(loop, number, project=project))
    around, work, voting, decisions = await asyncio.gather(
        frame(person, asked, project, "loops", loop),
        runs.work(asked, clients, project, found),
        runs.voting(asked, clients, project, loop, found),
        asked.of(
            "registry",
            clients.registry.decisions(loop, run=number, newest=LISTED, project=project),
            list[DecisionRead](),
        ),
    )
    shown = {
        "it": found,
        "steps": runs.steps(found, work),
        "leaders": runs.leaders(work),
        "jobs": work.jobs,
        "voting": voting,
        "decisions": decisions[::-1],
        "live": found.ended_at is None and found.state != "awaiting-approval",
        "link": _web((found.pipeline or {}).get("link")),
    }
    return page(request, "run.html", around | shown)


@router.get("/p/{project}/loops/{loop}/versions")
async def model_versions(
    request: Request, project: ProjectIn, loop: LoopIn, person: CurrentPerson, services: CurrentServices
) -> Response:
    """All versions of a loop's model, the newest first, and which of them was champion when."""
    asked = Asked(services.settings.answer_seconds)
    around, found = await asyncio.gather(
        frame(person, asked, project, "loops", loop), versions.every(asked, person.clients, project, loop)
    )
    return page(request, "versions.html", around | found)


@router.get("/p/{project}/loops/{loop}/versions/{number}")
async def model_version(
    request: Request,
    project: ProjectIn,
    loop: LoopIn,
    number: NumberIn,
    person: CurrentPerson,
    services: CurrentServices,
) -> Response:
    """The card of one version: what it is, how good, made of what, in which forms, and when it answered."""
    asked = Asked(services.settings.answer_seconds)
    clients = person.clients
    found, lineage, around = await asyncio.gather(
        asked.must("registry", clients.registry.version(loop, number, project=project)),
        asked.must("registry", clients.registry.lineage(loop, number, project=project)),
        frame(person, asked, project, "loops", loop),
    )
    judged, serving = await asyncio.gather(
        evaluations.of(asked, clients, project, found), versions.serving(asked, clients, project, found)
    )
    shown = {
        "it": found,
        "serving": serving,
        "curves": [(item.title, fit.calibration(item)) for item in judged.fit.calibration] if judged else [],
        "errors": fit.errors(judged.fit.errors) if judged else None,
        "lineage": lineage,
        "metrics": flat(found.metrics),
        "environment": flat(found.environment),
        "params": flat(lineage.run.params if lineage.run else {}),
        "front": front(found.front),
        "judged": judged,
        "moved": [(item.column, effects.effect(item)) for item in judged.effects] if judged else [],
        "looks": bars([(item.column, item.loss_added) for item in judged.importance], LOOKS)
        if judged
        else None,
    }
    return page(request, "version.html", around | shown)


@router.get("/p/{project}/loops/{loop}/versions/{number}/card")
async def card(
    project: ProjectIn, loop: LoopIn, number: NumberIn, person: CurrentPerson, services: CurrentServices
) -> Response:
    """The model card of a version: a file to keep, never shown as a page of this console."""
    asked = Asked(services.settings.answer_seconds)
    told = await asked.must("registry", gather(person.clients, loop, number, project=project))
    text = await asyncio.to_thread(cards.html, told)
    named = f'attachment; filename="{loop}-{number}-card.html"'
    return Response(text, media_type="application/octet-stream", headers={"content-disposition": named})


@router.get("/p/{project}/loops/{loop}/versions/{number}/report")
async def report(
    project: ProjectIn, loop: LoopIn, number: NumberIn, person: CurrentPerson, services: CurrentServices
) -> Response:
    """The page of a version's evaluation, with its pictures: a file to keep, never shown as a page of this console."""
    asked, registry = Asked(services.settings.answer_seconds), person.clients.registry
    found = await asked.must("registry", registry.version(loop, number, project=project))
    judged = await evaluations.of(asked, person.clients, project, found)
    if judged is None or judged.report is None:
        raise NotFound(f"There is no report of version {number} of {loop}.")
    await asked.must("registry", registry.check_artifact(judged.report, project=project))
    named = f'attachment; filename="{loop}-{number}-evaluation.html"'
    return StreamingResponse(
        registry.artifact_chunks(judged.report, project=project),
        media_type="application/octet-stream",
        headers={"content-disposition": named},
    )


@router.get("/p/{project}/decisions")
async def decisions(
    request: Request,
    project: ProjectIn,
    person: CurrentPerson,
    services: CurrentServices,
    loop: LoopAsked = "",
    kind: Annotated[str, Query(max_length=40)] = "",
    before: Annotated[str, Query(max_length=512)] = "",
) -> Response:
    """Decisions, the newest first."""
    if kind and kind not in KINDS:
        raise BadInput(f"There is no kind of decision called {kind!r}.")
    asked = Asked(services.settings.answer_seconds)
    question = person.clients.registry.decisions_page(
        loop or None, kind or None, before or None, LISTED, project=project
    )
    found, around = await asyncio.gather(
        asked.must("registry", question), frame(person, asked, project, "decisions", loop)
    )
    shown = {"found": found, "kinds": KINDS, "asked": {"loop": loop, "kind": kind}, "before": before}
    return page(request, "decisions.html", around | shown)


@router.get("/p/{project}/decisions/{decision}")
async def decision(
    request: Request,
    project: ProjectIn,
    decision: Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$")],
    person: CurrentPerson,
    services: CurrentServices,
) -> Response:
    """One decision in plain words, with its evidence, what led to it and what followed."""
    asked = Asked(services.settings.answer_seconds)
    registry = person.clients.registry
    found = await asked.must("registry", registry.decision(decision, project=project))
    nothing = list[DecisionRead]()
    question = registry.decisions(found.loop or None, newest=OTHERS, project=project)
    others, around = await asyncio.gather(
        asked.of("registry", question, nothing), frame(person, asked, project, "decisions", found.loop)
    )
    shown = {
        "it": found,
        "told": explanation.explain(found, others)[2:],
        "evidence": _written(found.evidence),
        "measured": _written(found.measured),
    }
    return page(request, "decision.html", around | shown)


def _web(link: object) -> str:
    """An address that a browser may be led to; empty for anything else."""
    return link if isinstance(link, str) and link.startswith(("https://", "http://")) else ""


def _written(document: dict[str, object]) -> str:
    """JSON for people; empty for nothing."""
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() if document else ""
