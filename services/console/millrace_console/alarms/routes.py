"""The page of alarms: grouped by what it is about, open ones first."""

import asyncio
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from millrace_console.asking import Asked
from millrace_console.people.permits import CurrentPerson, look
from millrace_console.places import AlarmIn, ProjectIn, frame
from millrace_console.rendering import page
from millrace_console.services import CurrentServices
from millrace_contracts.alarms import AlarmRead, AlarmState
from millrace_contracts.messages import ChannelRead
from millrace_contracts.names import PATTERN

router = APIRouter(include_in_schema=False, dependencies=[look()])
MOST = 500
SPANS = {"4h": "4 hours", "1d": "a day", "3d": "3 days", "7d": "a week", "30d": "30 days", "90d": "90 days"}
"""How long a silence may be chosen to last."""
Shown = Literal["standing", "all"]


@router.get("/p/{project}/alarms")
async def every(
    request: Request,
    project: ProjectIn,
    person: CurrentPerson,
    services: CurrentServices,
    loop: Annotated[str, Query(pattern=f"{PATTERN}|^$")] = "",
    show: Shown = "standing",
) -> Response:
    """Alarms of the project, or of one loop; those that are over too, if asked for."""
    asked = Asked(services.settings.answer_seconds)
    states: tuple[AlarmState | None, ...] = ("open", "acknowledged") if show == "standing" else (None,)
    questions = [
        asked.must("monitoring", person.clients.monitoring.alarms(loop or None, state, project=project))
        for state in states
    ]
    nobody: list[ChannelRead] = []
    telling = asked.of(
        "monitoring", person.clients.monitoring.channels(loop or None, project=project), nobody
    )
    around = await frame(person, asked, project, "alarms", loop)
    parts, channels = await asyncio.gather(asyncio.gather(*questions), telling)
    found = [item for part in parts for item in part]
    kept = sorted(found, key=lambda item: (item.state == "closed", item.endpoint, item.kind))[:MOST]
    now = datetime.now(UTC)
    shown = {
        "groups": _grouped(kept),
        "asked": {"loop": loop, "show": show},
        "more": len(found) - len(kept),
        "channels": channels,
        "silent": lambda item: item.silenced_until is not None and item.silenced_until > now,
    }
    return page(request, "alarms.html", around | shown)


@router.get("/p/{project}/alarms/{alarm}/silence")
async def ask_silence(
    request: Request, project: ProjectIn, alarm: AlarmIn, person: CurrentPerson, services: CurrentServices
) -> Response:
    """Ask until when nobody is told of an alarm, and why."""
    asked = Asked(services.settings.answer_seconds)
    found, around = await asyncio.gather(
        asked.must("monitoring", person.clients.monitoring.alarm(alarm, project=project)),
        frame(person, asked, project, "alarms"),
    )
    return page(request, "silence.html", around | {"it": found, "spans": SPANS})


def _grouped(alarms: list[AlarmRead]) -> list[tuple[str, list[AlarmRead]]]:
    """By loop, those with something open first."""
    ordered = sorted(alarms, key=lambda item: item.endpoint)
    groups = [(name, list(mine)) for name, mine in groupby(ordered, key=lambda item: item.endpoint)]
    return sorted(groups, key=lambda group: all(item.state == "closed" for item in group[1]))
