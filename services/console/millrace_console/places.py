"""Where a page stands: the project and the loop in its address, and the projects that somebody may choose from."""

import time
from typing import Annotated

from fastapi import Path

from millrace_console.asking import Asked
from millrace_console.sessions import Person
from millrace_contracts.artifacts import ProjectRead
from millrace_contracts.names import PATTERN

ProjectIn = Annotated[str, Path(pattern=PATTERN, description="The project.")]
LoopIn = Annotated[str, Path(pattern=PATTERN, description="The loop.")]
NumberIn = Annotated[int, Path(ge=1, lt=2**31)]
EntryIn = Annotated[int, Path(ge=1, lt=2**31, description="The number of a refused delivery.")]
AlarmIn = Annotated[str, Path(pattern=r"^[0-9A-Za-z-]{1,36}$", description="An alarm.")]
JobIn = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="A job.")]
FRESH = 30.0
"""Seconds for which the list of projects is not asked again."""


async def projects(person: Person, asked: Asked) -> tuple[str, ...]:
    """The projects in which somebody has a role, by name; `default` if there are none yet."""
    if time.monotonic() - person.asked > FRESH:
        nothing: list[ProjectRead] = []
        found = await asked.of("registry", person.clients.registry.projects(), nothing)
        if found or not person.projects:
            person.projects = tuple(sorted({item.name for item in found})) or ("default",)
        person.asked = time.monotonic()
    return person.projects


async def frame(
    person: Person, asked: Asked, project: str, section: str, loop: str = ""
) -> dict[str, object]:
    """What every page of a project shows around its own content."""
    known = await projects(person, asked)
    return {
        "project": project,
        "projects": known if project in known else (*known, project),
        "section": section,
        "loop_name": loop,
        "missing": asked.missing,
    }
