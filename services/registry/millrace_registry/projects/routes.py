"""Projects over HTTP."""

from fastapi import APIRouter

from millrace_contracts.artifacts import ProjectRead, ProjectWrite
from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.names import Name
from millrace_core.pages import Cursor, Limit, Page, page
from millrace_registry.cursors import after_name
from millrace_registry.projects import queries
from millrace_registry.tables import Project

router = APIRouter(prefix="/v1/projects", tags=["projects"])


@router.put("/{name}", response_model=ProjectRead, dependencies=[permit("registry.projects.write")])
async def put_project(name: Name, body: ProjectWrite, session: Session) -> Project:
    """Make a project, or change its description."""
    project = await queries.ensure(session, name, body.description)
    project.description = body.description
    return project


@router.get("", response_model=Page[ProjectRead], dependencies=[permit("registry.projects.read")])
async def list_projects(session: Session, limit: Limit = 100, cursor: Cursor = None) -> Page[ProjectRead]:
    """All projects by name."""
    rows = await queries.page(session, after_name(cursor), limit)
    return page(rows, limit, lambda row: (row.name,), ProjectRead.model_validate)
