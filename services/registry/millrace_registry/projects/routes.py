"""Projects over HTTP, and what the caller is in them."""

import asyncio
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Query

from millrace_contracts.artifacts import ProjectRead, ProjectWrite
from millrace_contracts.people import ProjectRolesRead, WhoRead
from millrace_core.auth import Actor, CurrentActor, permit
from millrace_core.database import Session, utcnow
from millrace_core.names import Name
from millrace_core.names import Project as Asked
from millrace_core.pages import Cursor, Limit, Page, page
from millrace_registry.cursors import after_name
from millrace_registry.projects import queries
from millrace_registry.services import CurrentServices, Services
from millrace_registry.tables import Project
from millrace_registry.tokens import given
from millrace_registry.tokens.making import offered

router = APIRouter(prefix="/v1", tags=["projects"])
MOST = 1000
"""Projects that are gone through for one person."""


@router.put("/projects/{name}", response_model=ProjectRead, dependencies=[permit("registry.projects.write")])
async def put_project(name: Name, body: ProjectWrite, session: Session) -> Project:
    """Make a project, or change its description."""
    project = await queries.ensure(session, name, body.description)
    project.description = body.description
    return project


@router.get("/projects", response_model=Page[ProjectRead], dependencies=[permit("registry.projects.read")])
async def list_projects(
    session: Session,
    services: CurrentServices,
    actor: CurrentActor,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[ProjectRead]:
    """The projects in which the caller has a role, by name; a page may hold fewer than asked for."""
    rows = await queries.page(session, after_name(cursor), limit)
    found = page(rows, limit, lambda row: (row.name,), ProjectRead.model_validate)
    mine = {item.project for item in await roles(services, actor, [item.name for item in found.items])}
    return found.model_copy(update={"items": [item for item in found.items if item.name in mine]})


@router.get("/whoami", response_model=WhoRead, dependencies=[permit("registry.whoami.read")])
async def whoami(
    session: Session,
    services: CurrentServices,
    actor: CurrentActor,
    project: Asked,
    namespace: Annotated[
        Name | None, Query(description="In place of a project, the namespace of one.")
    ] = None,
) -> WhoRead:
    """Whom the token names, and their roles by project: of those that are known, and of the one that is asked about."""
    asked = services.tokens.issuers.spaces.project(namespace) if namespace else project
    known = [row.name for row in await queries.page(session, None, MOST)]
    named = sorted({*known, asked, *(where for where, _ in actor.given)})
    mine = await roles(services, actor, named)
    await given.note(session, actor, utcnow())
    return WhoRead(
        name=actor.name,
        identifier=actor.identifier or None,
        role=actor.role or None,
        project=asked,
        projects=mine,
        grants=offered(actor),
    )


async def roles(services: Services, actor: Actor, names: Iterable[str]) -> list[ProjectRolesRead]:
    """What *actor* is in each of these projects; those in which they are nothing are left out.

    A part of Millrace, whose role is no person's, is shown them all.
    """
    rights = services.tokens.rights
    found = await asyncio.gather(*(rights.roles(actor, name) for name in names))
    shown = [ProjectRolesRead.model_validate({"project": name, "roles": roles})
             for name, roles in zip(names, found, strict=True)]  # fmt: skip
    return [item for item in shown if item.roles or actor.is_a_part]
