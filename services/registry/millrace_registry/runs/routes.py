"""Runs over HTTP."""

from fastapi import APIRouter

from millrace_contracts.training_runs import TrainingRunChange, TrainingRunRead, TrainingRunWrite
from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, page
from millrace_registry.cursors import after_name
from millrace_registry.runs import queries
from millrace_registry.tables import Run

router = APIRouter(prefix="/v1/runs", tags=["runs"])
READ, WRITE = permit("registry.runs.read"), permit("registry.runs.write")


@router.post("", response_model=TrainingRunRead, status_code=201, dependencies=[WRITE])
async def open_run(body: TrainingRunWrite, session: Session, project: Project) -> Run:
    """Begin a run; the same key again answers with the same run."""
    return await queries.open_run(session, project, body)


@router.patch("/{run}", response_model=TrainingRunRead, dependencies=[WRITE])
async def change_run(run: Name, body: TrainingRunChange, session: Session, project: Project) -> Run:
    """Add metrics and artifacts, or end it."""
    return await queries.change(session, project, run, body)


@router.get("/{run}", response_model=TrainingRunRead, dependencies=[READ])
async def get_run(run: Name, session: Session, project: Project) -> Run:
    """One run."""
    return await queries.get(session, project, run)


@router.get("", response_model=Page[TrainingRunRead], dependencies=[READ])
async def list_runs(
    session: Session, project: Project, loop: Name | None = None, limit: Limit = 100, cursor: Cursor = None
) -> Page[TrainingRunRead]:
    """Runs, of one loop or of all."""
    rows = await queries.page(session, project, loop, after_name(cursor), limit)
    return page(rows, limit, lambda row: (row.id,), TrainingRunRead.model_validate)
