"""Models, versions and aliases over HTTP."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from millrace_core.auth import CurrentActor, permit
from millrace_core.database import Session
from millrace_core.errors import BadInput
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, decode, paginate
from millrace_registry.artifacts.queries import require
from millrace_registry.models import aliases, queries, release
from millrace_registry.models.schemas import (
    AliasMoveRead,
    AliasRead,
    AliasWrite,
    ModelRead,
    ModelWrite,
    VersionRead,
    VersionWrite,
)
from millrace_registry.tables import AliasMove, Model

router = APIRouter(prefix="/v1/models", tags=["models"])
READ, WRITE = permit("registry.models.read"), permit("registry.models.write")


@router.put("/{model}", response_model=ModelRead, dependencies=[WRITE])
async def put_model(model: Name, body: ModelWrite, session: Session, project: Project) -> Model:
    """Make a model, or change its description."""
    return await queries.put(session, project, model, body.description)


@router.get("", response_model=Page[ModelRead], dependencies=[READ])
async def list_models(
    session: Session, project: Project, limit: Limit = 100, cursor: Cursor = None
) -> dict[str, Any]:
    """The project's models by name."""
    keys = decode(cursor, str)
    rows = await queries.page(session, project, str(keys[0]) if keys else None, limit)
    return paginate(rows, limit, lambda row: (row.name,))


@router.get("/{model}", response_model=ModelRead, dependencies=[READ])
async def get_model(model: Name, session: Session, project: Project) -> Model:
    """One model."""
    return await queries.get(session, project, model)


@router.post("/{model}/versions", response_model=VersionRead, status_code=201, dependencies=[WRITE])
async def add_version(
    model: Name, body: VersionWrite, request: Request, project: Project, response: Response
) -> dict[str, Any]:
    """Register a release unit. Its graphs are parsed in a limited child process; hostile ones are refused."""
    async with request.app.state.readers() as session:
        found = await queries.get(session, project, model)
        same = await queries.known(session, found, body)
        await require(session, project, body.files.values())
    if same is not None:
        response.status_code = 200
        return queries.read(found, same)
    await release.check(request.app.state.store, request.app.state.inspecting, body)
    async with request.app.state.sessions.begin() as session:
        found = await queries.get(session, project, model)
        same = await queries.known(session, found, body)
        return queries.read(found, same or await queries.add_version(session, project, found, body))


@router.get("/{model}/versions", response_model=Page[VersionRead], dependencies=[READ])
async def list_versions(
    model: Name, session: Session, project: Project, limit: Limit = 100, cursor: Cursor = None
) -> dict[str, Any]:
    """All versions, oldest first."""
    found = await queries.get(session, project, model)
    keys = decode(cursor, int)
    rows = await queries.versions(session, found, int(keys[0]) if keys else 0, limit)
    page = paginate(rows, limit, lambda row: (row.number,))
    return page | {"items": [queries.read(found, row) for row in page["items"]]}


@router.get("/{model}/versions/{number}", response_model=VersionRead, dependencies=[READ])
async def get_version(model: Name, number: int, session: Session, project: Project) -> dict[str, Any]:
    """One version."""
    found = await queries.get(session, project, model)
    return queries.read(found, await queries.version(session, found, number))


@router.put("/{model}/aliases/{alias}", response_model=AliasRead, dependencies=[WRITE])
async def move_alias(
    model: Name, alias: Name, body: AliasWrite, session: Session, project: Project, actor: CurrentActor
) -> dict[str, Any]:
    """Move an alias by compare-and-set: 409 with the current version if it is not where the caller believes."""
    found = await queries.get(session, project, model)
    moved = await aliases.move(session, found, alias, body, actor.name)
    return {"name": moved.name, "version": moved.version}


@router.get("/{model}/aliases", response_model=list[AliasRead], dependencies=[READ])
async def list_aliases(model: Name, session: Session, project: Project) -> list[dict[str, Any]]:
    """All aliases of a model."""
    found = await queries.get(session, project, model)
    return [{"name": item.name, "version": item.version} for item in await aliases.every(session, found)]


@router.get("/{model}/aliases/{alias}", response_model=AliasRead, dependencies=[READ])
async def get_alias(
    model: Name,
    alias: Name,
    session: Session,
    project: Project,
    at: Annotated[datetime | None, Query(description="Event time; left out: now.")] = None,
) -> dict[str, Any]:
    """Where an alias points, or pointed at an instant: "what was champion on 3 May?"."""
    if at is not None and at.tzinfo is None:
        raise BadInput("The instant has no time zone; write it like 2013-05-03T00:00:00Z.")
    found = await queries.get(session, project, model)
    return {"name": alias, "version": await aliases.at(session, found, alias, at)}


@router.get("/{model}/aliases/{alias}/history", response_model=list[AliasMoveRead], dependencies=[READ])
async def alias_history(model: Name, alias: Name, session: Session, project: Project) -> list[AliasMove]:
    """Every move of an alias, oldest first."""
    return await aliases.history(session, await queries.get(session, project, model), alias)
