"""SQL of runs."""

import uuid

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.training_runs import TrainingRunChange, TrainingRunState, TrainingRunWrite
from millrace_core.database import utcnow
from millrace_core.errors import Conflict, NotFound
from millrace_core.ledger.queries import touch
from millrace_registry.mlflow.following.queries import follow
from millrace_registry.projects.queries import ensure
from millrace_registry.runs.states import check
from millrace_registry.tables import Run, insert_new


async def open_run(session: AsyncSession, project: str, new: TrainingRunWrite) -> Run:
    """Make a run; the same key again is the same run. Raises Conflict if it was made with other params."""
    await ensure(session, project)
    statement = select(Run).where(Run.project == project, Run.key == new.key)
    body, now = new.model_dump(mode="json"), utcnow()
    fresh = {
        "id": str(uuid.uuid4()),
        "state": TrainingRunState.RUNNING,
        "metrics": {},
        "artifacts": {},
        "message": "",
    }
    made = await insert_new(session, Run, project=project, created_at=now, updated_at=now, **fresh, **body)
    row = (await session.scalars(statement)).one()
    if made:
        touch(session, Run, row.id)
    if not made and row.params != body["params"]:
        raise Conflict(f"The run {new.key} was made with other params.")
    await follow(session, row)
    return row


async def get(session: AsyncSession, project: str, run: str, lock: bool = False) -> Run:
    """One run, locked until the transaction ends if asked. Raises NotFound."""
    row = await session.get(Run, run, with_for_update=lock)
    if row is None or row.project != project:
        raise NotFound(f"There is no run {run} in the project {project}.")
    return row


async def change(session: AsyncSession, project: str, run: str, new: TrainingRunChange) -> Run:
    """Add metrics and artifacts, and move the state. Raises: NotFound; Conflict for a move that is not allowed."""
    row = await get(session, project, run, lock=True)
    if new.state is not None:
        check(TrainingRunState(row.state), new.state)
    row.metrics = row.metrics | new.metrics
    row.artifacts = row.artifacts | new.artifacts
    row.state = new.state or row.state
    row.message = row.message if new.message is None else new.message
    row.updated_at = utcnow()
    await session.flush()
    await follow(session, row)
    return row


async def page(
    session: AsyncSession, project: str, loop: str | None, after: str | None, limit: int
) -> list[Run]:
    statement = select(Run).where(Run.project == project).order_by(Run.id).limit(limit + 1)
    if loop is not None:
        statement = statement.where(Run.loop == loop)
    if after is not None:
        statement = statement.where(Run.id > after)
    return list((await session.scalars(statement)).all())
