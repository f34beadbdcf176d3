"""Models and their versions over HTTP."""

from typing import Any

from fastapi import APIRouter, Response

from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, paginate
from millrace_registry.bodies import after_name, after_number
from millrace_registry.models import queries, release
from millrace_registry.models.schemas import ModelRead, ModelWrite, VersionRead, VersionWrite
from millrace_registry.services import CurrentServices
from millrace_registry.tables import Model

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
    rows = await queries.page(session, project, after_name(cursor), limit)
    return paginate(rows, limit, lambda row: (row.name,))


@router.get("/{model}", response_model=ModelRead, dependencies=[READ])
async def get_model(model: Name, session: Session, project: Project) -> Model:
    """One model."""
    return await queries.get(session, project, model)


@router.post("/{model}/versions", response_model=VersionRead, status_code=201, dependencies=[WRITE])
async def add_version(
    model: Name, body: VersionWrite, services: CurrentServices, project: Project, response: Response
) -> dict[str, Any]:
    """Register a release unit. Its graphs are parsed in a limited child process; hostile ones are refused.

    The same key again answers 200 with the version it made. No transaction is open while a child works.
    """
    async with services.readers() as session:
        found = await queries.get(session, project, model)
        same = await queries.known(session, found, body)
        if same is None:
            await queries.check_references(session, project, body)
    if same is None:
        await release.check(services.store, services.inspecting, body)
    async with services.sessions.begin() as session:
        found, row, new = await queries.add_version(session, project, model, body)
    response.status_code = 201 if new else 200
    return queries.read(found, row)


@router.get("/{model}/versions", response_model=Page[VersionRead], dependencies=[READ])
async def list_versions(
    model: Name, session: Session, project: Project, limit: Limit = 100, cursor: Cursor = None
) -> dict[str, Any]:
    """All versions, oldest first."""
    found = await queries.get(session, project, model)
    rows = await queries.versions(session, found, after_number(cursor), limit)
    page = paginate(rows, limit, lambda row: (row.number,))
    return page | {"items": [queries.read(found, row) for row in page["items"]]}


@router.get("/{model}/versions/{number}", response_model=VersionRead, dependencies=[READ])
async def get_version(model: Name, number: int, session: Session, project: Project) -> dict[str, Any]:
    """One version."""
    found = await queries.get(session, project, model)
    return queries.read(found, await queries.version(session, found, number))
