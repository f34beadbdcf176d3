"""The page of one loop."""

import asyncio
import shlex
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import yaml
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from millrace_console.asking import Asked
from millrace_console.declared import spec_of
from millrace_console.drawing.heat import heat, weeks
from millrace_console.drawing.intervals import intervals
from millrace_console.drawing.shares import shares
from millrace_console.drawing.story import NAMES, sign, story
from millrace_console.loops import told
from millrace_console.loops.coming import coming
from millrace_console.loops.facts import gather, worst
from millrace_console.people.permits import CurrentPerson, look
from millrace_console.places import LoopIn, ProjectIn, frame
from millrace_console.rendering import page
from millrace_console.services import CurrentServices
from millrace_contracts.durations import begin
from millrace_contracts.loops import LoopOwner

router = APIRouter(include_in_schema=False, dependencies=[look()])
ERRORS = {
    "regression": "mean squared error a day, and over 7 days",
    "binary": "mean log loss a day, and over 7 days",
    "multiclass": "mean log loss a day, and over 7 days",
}
SPANS = {"all": None, "year": 366, "quarter": 92, "month": 31}
RUNS, LISTED = 30, 100


@router.get("/p/{project}/loops/{loop}")
async def one(
    request: Request,
    project: ProjectIn,
    loop: LoopIn,
    person: CurrentPerson,
    services: CurrentServices,
    span: Annotated[str, Query(pattern="^(all|year|quarter|month)$")] = "year",
    upto: Annotated[int | None, Query(ge=1, lt=2**31, description="The newest run that is listed.")] = None,
) -> Response:
    """Its story, its gates, its traffic, its runs, and what comes next."""
    asked = Asked(services.settings.answer_seconds)
    found = await asked.must("controller", person.clients.controller.loop(loop, project=project))
    around, facts = await asyncio.gather(
        frame(person, asked, project, "loops", loop),
        gather(asked, person.clients, project, loop, found.settled_through, SPANS[span]),
    )
    spec = spec_of(found)
    zone = ZoneInfo(spec.data.timezone if spec else "UTC")
    base, days, task = f"/p/{project}", facts.days, spec.task if spec else ""
    marks = told.marks(facts.decisions, facts.alarms, zone, base)
    near, moved = timedelta(days=7), facts.moved()
    seen = [mark for mark in marks if days and days[0].day - near <= mark.day <= days[-1].day + near]
    runs = [run for run in reversed(facts.runs) if upto is None or run.number <= upto]
    weeks_of = facts.estimates.windows if facts.estimates else []
    end = found.settled_through or (begin(days[-1].day, zone.key) if days else datetime.now(zone))
    shown = {
        "it": found,
        "spec": spec,
        "coming": coming(found),
        "picture": story(days, seen, ERRORS.get(task, "mean loss a day"), weeks_of),
        "expected": facts.estimates if weeks_of else None,
        "marks": marks[::-1][:LISTED],
        "names": NAMES,
        "sign": sign,
        "gates": intervals(told.intervals(facts.decisions, zone, base)),
        "traffic": shares(told.shares(facts.decisions), end),
        "runs": runs[:RUNS],
        "older": runs[RUNS].number if len(runs) > RUNS else None,
        "upto": upto,
        "endpoint": facts.endpoint,
        "days": days,
        "drift": worst(moved),
        "moved": moved,
        "heat": heat(weeks(facts.drift)),
        "quality": told.quality(facts.last()),
        "slices": told.slices(facts.last()),
        "alarms": [item for item in facts.alarms if item.state != "closed"],
        "span": span,
        "spans": SPANS,
    }
    return page(request, "loop.html", around | shown)


@router.get("/p/{project}/loops/{loop}/declared")
async def declared(
    request: Request, project: ProjectIn, loop: LoopIn, person: CurrentPerson, services: CurrentServices
) -> Response:
    """The document that declares it, and where that is changed: by a file, or in the cluster's resource."""
    asked = Asked(services.settings.answer_seconds)
    found, around = await asyncio.gather(
        asked.must("controller", person.clients.controller.loop(loop, project=project)),
        frame(person, asked, project, "loops", loop),
    )
    shown = {
        "it": found,
        "document": yaml.safe_dump(found.document, sort_keys=False, allow_unicode=True, width=110),
        "commands": [] if found.owner is None else commands(found.owner),
    }
    return page(request, "declared.html", around | shown)


def commands(owner: LoopOwner) -> list[tuple[str, str]]:
    """What each of kubectl's commands does with the resource, and the command."""
    there = f"modelloop -n {shlex.quote(owner.namespace)} {shlex.quote(owner.name)}"
    patch = shlex.quote('{"spec":{"suspend":true}}')
    return [
        ("Look at it", f"kubectl get {there} -o yaml"),
        ("Change it", f"kubectl edit {there}"),
        ("Pause it", f"kubectl patch {there} --type merge -p {patch}"),
    ]
