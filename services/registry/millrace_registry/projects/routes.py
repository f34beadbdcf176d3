"""Projects over HTTP."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.names import Name
from millrace_core.pages import Cursor, Limit, Page, paginate
from millrace_registry.bodies import Body, after_name
from millrace_registry.projects import queries
from millrace_registry.tables import Project

router = APIRouter(prefix="/v1/projects", tags=["projects"])


class ProjectWrite(Body):
    description: str = Field(default="", max_length=2000)


class ProjectRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    name: str
    description: str
    created_at: datetime


@router.put("/{name}", response_model=ProjectRead, dependencies=[permit("registry.projects.write")])
async def put_project(name: Name, body: ProjectWrite, session: Session) -> Project:
    """Make a project, or change its description."""
    project = await queries.ensure(session, name, body.description)
    project.description = body.description
    return project


@router.get("", response_model=Page[ProjectRead], dependencies=[permit("registry.projects.read")])
async def list_projects(session: Session, limit: Limit = 100, cursor: Cursor = None) -> dict[str, Any]:
    """All projects by name."""
    rows = await queries.page(session, after_name(cursor), limit)
    return paginate(rows, limit, lambda row: (row.name,))
