"""Lineage over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query

from millrace_contracts.lineage import LineageRead
from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.names import Name, Project
from millrace_registry.lineage import queries

router = APIRouter(prefix="/v1/lineage", tags=["lineage"])


@router.get("", response_model=LineageRead, dependencies=[permit("registry.lineage.read")])
async def trace(
    model: Name, version: Annotated[int, Query(ge=1, le=2**31 - 1)], session: Session, project: Project
) -> LineageRead:
    """Which data made this model: its run, dataset versions, raw sources, and the decisions about it."""
    return await queries.trace(session, project, model, version)
