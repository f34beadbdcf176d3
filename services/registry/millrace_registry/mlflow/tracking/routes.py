"""Runs over HTTP: begun, ended, found."""

from typing import Annotated

from fastapi import Query

from millrace_core.database import Session
from millrace_core.names import Project
from millrace_registry.mlflow.answers import Nothing, following, place
from millrace_registry.mlflow.doors import READ, WRITE, Doors
from millrace_registry.mlflow.experiments import queries as experiments
from millrace_registry.mlflow.inputs import queries as inputs
from millrace_registry.mlflow.inputs.schemas import DatasetSearch, DatasetsFound
from millrace_registry.mlflow.metrics import queries as metrics
from millrace_registry.mlflow.runs import queries
from millrace_registry.mlflow.runs.schemas import History, RunAsked, RunChange, RunNew, RunSearch
from millrace_registry.mlflow.tracking import telling
from millrace_registry.mlflow.tracking.schemas import MetricsFound, RunAnswer, RunInfoAnswer, RunsFound
from millrace_registry.services import CurrentServices

router = Doors()


@router.post("/runs/create", dependencies=[WRITE])
async def create_run(body: RunNew, session: Session, project: Project) -> RunAnswer:
    """Begin a run."""
    row = await queries.create(session, project, body)
    told = (await telling.whole(session, [row]))[0]
    return RunAnswer(run=told.model_copy(update={"outputs": None}))


@router.get("/runs/get", dependencies=[READ])
async def get_run(asked: Annotated[RunAsked, Query()], session: Session, project: Project) -> RunAnswer:
    """One run with all that it logged."""
    row = await queries.get(session, project, asked.id)
    return RunAnswer(run=(await telling.whole(session, [row]))[0])


@router.post("/runs/update", dependencies=[WRITE])
async def change_run(body: RunChange, session: Session, project: Project) -> RunInfoAnswer:
    """End a run, or give it another name."""
    row = await queries.change(session, project, body)
    return RunInfoAnswer(run_info=(await telling.heads(session, [row]))[0])


@router.post("/runs/delete", dependencies=[WRITE])
async def delete_run(body: RunAsked, session: Session, project: Project) -> Nothing:
    """Delete a run; it can be restored."""
    await queries.stage(session, project, body.id, "deleted")
    return Nothing()


@router.post("/runs/restore", dependencies=[WRITE])
async def restore_run(body: RunAsked, session: Session, project: Project) -> Nothing:
    """Restore a deleted run."""
    await queries.stage(session, project, body.id, "active")
    return Nothing()


@router.post("/runs/search", dependencies=[READ])
async def search_runs(body: RunSearch, services: CurrentServices, project: Project) -> RunsFound:
    """A page of runs."""
    async with services.readers() as session:
        rows = await queries.search(session, project, body)
        found = await telling.whole(session, rows[: body.max_results])
    token = following(place(body.page_token), body.max_results, len(rows))
    return RunsFound(runs=found or None, next_page_token=token)


@router.get("/metrics/get-history", dependencies=[READ])
async def get_history(asked: Annotated[History, Query()], session: Session, project: Project) -> MetricsFound:
    """All values of a metric in the order of time."""
    run = await queries.get(session, project, asked.id)
    rows = await metrics.history(session, run.id, asked)
    if asked.max_results is None:
        return MetricsFound(metrics=[metrics.told(row) for row in rows] or None)
    token = following(place(asked.page_token), asked.max_results, len(rows))
    shown = [metrics.told(row) for row in rows[: asked.max_results]]
    return MetricsFound(metrics=shown or None, next_page_token=token)


@router.post("/experiments/search-datasets", dependencies=[READ])
async def search_datasets(body: DatasetSearch, services: CurrentServices, project: Project) -> DatasetsFound:
    """Data that runs of these experiments read."""
    async with services.sessions.begin() as session:
        rows = [await experiments.get(session, project, shown) for shown in body.experiment_ids]
        found = await inputs.summaries(session, project, {row.id: row.shown for row in rows})
    return DatasetsFound(dataset_summaries=found or None)
