"""Models and their versions over HTTP."""

from fastapi import APIRouter, Response

from millrace_contracts.models import ModelRead, ModelVersionRead, ModelVersionWrite, ModelWrite
from millrace_core.auth import CurrentActor, permit
from millrace_core.database import Session
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, page
from millrace_registry.cursors import after_name, after_number
from millrace_registry.models import guard, queries, release
from millrace_registry.services import CurrentServices
from millrace_registry.tables import Model

router = APIRouter(prefix="/v1/models", tags=["models"])
READ, WRITE = permit("registry.models.read"), permit("registry.models.write")


@router.put("/{model}", response_model=ModelRead, dependencies=[WRITE])
async def put_model(
    model: Name, body: ModelWrite, session: Session, project: Project, actor: CurrentActor
) -> Model:
    """Make a model, or change its description."""
    stored = await queries.put(session, project, model, body.description)
    guard.may_say(actor, body.guarded, bool(stored.guarded))
    stored.guarded = stored.guarded if body.guarded is None else body.guarded
    return stored


@router.get("", response_model=Page[ModelRead], dependencies=[READ])
async def list_models(
    session: Session, project: Project, limit: Limit = 100, cursor: Cursor = None
) -> Page[ModelRead]:
    """The project's models by name."""
    rows = await queries.page(session, project, after_name(cursor), limit)
    return page(rows, limit, lambda row: (row.name,), ModelRead.model_validate)


@router.get("/{model}", response_model=ModelRead, dependencies=[READ])
async def get_model(model: Name, session: Session, project: Project) -> Model:
    """One model."""
    return await queries.get(session, project, model)


@router.post("/{model}/versions", response_model=ModelVersionRead, status_code=201, dependencies=[WRITE])
async def add_version(
    model: Name, body: ModelVersionWrite, services: CurrentServices, project: Project, response: Response
) -> ModelVersionRead:
    """Register a release unit. Its graphs are parsed in a limited child process; hostile ones are refused.

    The same key again answers 200 with the version it made. No transaction is open while a child works.
    """
    async with services.readers() as session:
        stored = await queries.get(session, project, model)
        same = await queries.same_key(session, stored, body)
        if same is None:
            await queries.check_references(session, project, body)
    if same is None:
        await release.check(services.store, services.inspecting, body)
    async with services.sessions.begin() as session:
        stored, row, new = await queries.add_version(session, project, model, body)
    response.status_code = 201 if new else 200
    return queries.read(stored, row)


@router.get("/{model}/versions", response_model=Page[ModelVersionRead], dependencies=[READ])
async def list_versions(
    model: Name, session: Session, project: Project, limit: Limit = 100, cursor: Cursor = None
) -> Page[ModelVersionRead]:
    """All versions, oldest first."""
    stored = await queries.get(session, project, model)
    rows = await queries.versions(session, stored, after_number(cursor), limit)
    return page(rows, limit, lambda row: (row.number,), lambda row: queries.read(stored, row))


@router.get("/{model}/versions/{number}", response_model=ModelVersionRead, dependencies=[READ])
async def get_version(model: Name, number: int, session: Session, project: Project) -> ModelVersionRead:
    """One version."""
    stored = await queries.get(session, project, model)
    return queries.read(stored, await queries.version(session, stored, number))
