"""What MLflow's clients ask first: what this server can, its version, and which workspaces there are."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from pydantic import Field

from millrace_core.auth import CurrentActor, permit
from millrace_core.database import Session
from millrace_core.errors import Conflict, Forbidden, NotFound
from millrace_core.names import Name
from millrace_registry.mlflow.answers import Sent, Told
from millrace_registry.mlflow.doors import API_3, Doors
from millrace_registry.projects import queries as projects
from millrace_registry.projects.routes import roles
from millrace_registry.services import CurrentServices

VERSION = "3.17.2"
"""The version of MLflow whose API this is, as clients compare it."""
MOST = 1000
KNOWN = permit("registry.whoami.read")
"""Everybody whose token is believed may ask what stands here."""
router = Doors(API_3)
plain = APIRouter(tags=["mlflow"])
ROUTERS = (router, plain)


class ServerInfo(Told):
    """What this server can."""

    store_type: str = "SqlStore"
    workspaces_enabled: bool = True
    trace_archival_enabled: bool = False
    multipart_uploads_enabled: bool = False
    multipart_downloads_enabled: bool = False
    presigned_upload_run_id_supported: bool = False
    presigned_upload_model_id_supported: bool = False
    features_enabled: dict[str, bool] = Field(default={"gateway": False})


class Workspace(Told):
    """A project, as MLflow's clients call it."""

    name: str
    description: str | None = None


class WorkspaceNew(Sent):
    """A workspace as asked for."""

    name: Name
    description: str = ""


class WorkspaceChange(Sent):
    """Another description."""

    description: str | None = None


class WorkspaceAnswer(Told):
    """One workspace."""

    workspace: Workspace


class WorkspacesFound(Told):
    """All workspaces."""

    workspaces: list[Workspace] | None = None


@router.get("/server-info", dependencies=[KNOWN])
async def server_info() -> ServerInfo:
    """What this server can."""
    return ServerInfo()


@plain.get("/version", dependencies=[KNOWN], response_class=PlainTextResponse)
async def version() -> PlainTextResponse:
    """The version of MLflow whose API this is."""
    return PlainTextResponse(VERSION)


@router.get("/workspaces", dependencies=[permit("registry.projects.read")])
async def list_workspaces(
    session: Session, services: CurrentServices, actor: CurrentActor
) -> WorkspacesFound:
    """The projects in which the caller has a role."""
    rows = await projects.page(session, None, MOST)
    mine = {item.project for item in await roles(services, actor, [row.name for row in rows])}
    shown = [Workspace(name=row.name, description=row.description) for row in rows if row.name in mine]
    return WorkspacesFound(workspaces=shown or None)


@router.get("/workspaces/{name}", dependencies=[permit("registry.projects.read")])
async def get_workspace(
    name: Name, session: Session, services: CurrentServices, actor: CurrentActor
) -> WorkspaceAnswer:
    """One project in which the caller has a role."""
    row = await projects.find(session, name)
    if row is None or not await roles(services, actor, [name]):
        raise NotFound(f"Workspace '{name}' not found.")
    return WorkspaceAnswer(workspace=Workspace(name=row.name, description=row.description))


@router.post("/workspaces", status_code=201, dependencies=[permit("registry.projects.write")])
async def create_workspace(body: WorkspaceNew, session: Session) -> WorkspaceAnswer:
    """Make a project."""
    if await projects.find(session, body.name) is not None:
        raise Conflict(f"Workspace '{body.name}' already exists.")
    row = await projects.ensure(session, body.name, body.description)
    return WorkspaceAnswer(workspace=Workspace(name=row.name, description=row.description))


@router.patch("/workspaces/{name}", dependencies=[permit("registry.projects.write")])
async def change_workspace(name: Name, body: WorkspaceChange, session: Session) -> WorkspaceAnswer:
    """Describe a project anew."""
    row = await projects.find(session, name)
    if row is None:
        raise NotFound(f"Workspace '{name}' not found.")
    if body.description is not None:
        row.description = body.description
    return WorkspaceAnswer(workspace=Workspace(name=row.name, description=row.description))


@router.delete("/workspaces/{name}", dependencies=[permit("registry.projects.write")])
async def delete_workspace(name: Name) -> WorkspaceAnswer:
    """A project has loops, data and decisions, which no tracking client takes away."""
    raise Forbidden(
        f"The project {name} is not removed here: it has loops, data and a log of decisions that stays."
    )
