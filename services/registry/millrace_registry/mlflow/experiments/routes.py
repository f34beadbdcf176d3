"""Experiments as MLflow's clients ask for them."""

from typing import Annotated

from fastapi import Query

from millrace_core.database import Session
from millrace_core.names import Project
from millrace_registry.mlflow.answers import KeyValue, Nothing, following, pairs, place
from millrace_registry.mlflow.doors import READ, WRITE, Doors
from millrace_registry.mlflow.experiments import queries
from millrace_registry.mlflow.experiments.schemas import (
    ExperimentAnswer,
    ExperimentAsked,
    ExperimentMade,
    ExperimentNamed,
    ExperimentNew,
    ExperimentRenamed,
    ExperimentSearch,
    ExperimentsFound,
    ExperimentTag,
    ExperimentTagGone,
    ExperimentTold,
)
from millrace_registry.mlflow.tables import MlflowExperiment
from millrace_registry.mlflow.texts import queries as texts
from millrace_registry.services import CurrentServices

router = Doors()


def told(row: MlflowExperiment, tags: dict[str, str]) -> ExperimentTold:
    """An experiment as clients read it."""
    return ExperimentTold(
        experiment_id=row.shown,
        name=row.name,
        artifact_location=f"mlflow-artifacts:/{row.shown}",
        lifecycle_stage=row.stage,
        last_update_time=row.updated,
        creation_time=row.created,
        tags=pairs(tags),
        workspace=row.project,
    )


@router.post("/experiments/create", dependencies=[WRITE])
async def create_experiment(body: ExperimentNew, session: Session, project: Project) -> ExperimentMade:
    """Make an experiment."""
    return ExperimentMade(experiment_id=(await queries.create(session, project, body)).shown)


@router.get("/experiments/get", dependencies=[READ])
async def get_experiment(
    asked: Annotated[ExperimentAsked, Query()], services: CurrentServices, project: Project
) -> ExperimentAnswer:
    """One experiment; the default one is made when it is asked for."""
    async with services.sessions.begin() as session:
        row = await queries.get(session, project, asked.experiment_id)
        tags = await texts.of(session, texts.EXPERIMENT, str(row.id))
        return ExperimentAnswer(experiment=told(row, tags))


@router.get("/experiments/get-by-name", dependencies=[READ])
async def get_experiment_by_name(
    asked: Annotated[ExperimentNamed, Query()], services: CurrentServices, project: Project
) -> ExperimentAnswer:
    """One experiment by its name."""
    async with services.sessions.begin() as session:
        row = await queries.named(session, project, asked.experiment_name)
        tags = await texts.of(session, texts.EXPERIMENT, str(row.id))
        return ExperimentAnswer(experiment=told(row, tags))


@router.get("/experiments/search", dependencies=[READ])
async def list_experiments(
    asked: Annotated[ExperimentSearch, Query()], services: CurrentServices, project: Project
) -> ExperimentsFound:
    """A page of experiments."""
    return await _found(asked, services, project)


@router.post("/experiments/search", dependencies=[READ])
async def search_experiments(
    asked: ExperimentSearch, services: CurrentServices, project: Project
) -> ExperimentsFound:
    """A page of experiments."""
    return await _found(asked, services, project)


async def _found(asked: ExperimentSearch, services: CurrentServices, project: str) -> ExperimentsFound:
    async with services.sessions.begin() as session:
        await queries.default(session, project)
        rows = await queries.search(session, project, asked)
        kept = rows[: asked.max_results]
        tags = await texts.of_each(session, texts.EXPERIMENT, [str(row.id) for row in kept])
    token = following(place(asked.page_token), asked.max_results, len(rows))
    shown = [told(row, tags.get(str(row.id), {})) for row in kept]
    return ExperimentsFound(experiments=shown or None, next_page_token=token)


@router.post("/experiments/update", dependencies=[WRITE])
async def rename_experiment(body: ExperimentRenamed, session: Session, project: Project) -> Nothing:
    """Give an experiment another name."""
    if body.new_name is not None:
        await queries.rename(session, project, body.experiment_id, body.new_name)
    return Nothing()


@router.post("/experiments/delete", dependencies=[WRITE])
async def delete_experiment(body: ExperimentAsked, session: Session, project: Project) -> Nothing:
    """Delete an experiment; it can be restored."""
    await queries.stage(session, project, body.experiment_id, "deleted")
    return Nothing()


@router.post("/experiments/restore", dependencies=[WRITE])
async def restore_experiment(body: ExperimentAsked, session: Session, project: Project) -> Nothing:
    """Restore a deleted experiment."""
    await queries.stage(session, project, body.experiment_id, "active")
    return Nothing()


@router.post("/experiments/set-experiment-tag", dependencies=[WRITE])
async def set_experiment_tag(body: ExperimentTag, session: Session, project: Project) -> Nothing:
    """Set a tag of an experiment."""
    row = await queries.own(session, project, body.experiment_id)
    await texts.put(session, texts.EXPERIMENT, str(row.id), [KeyValue(key=body.key, value=body.value)])
    return Nothing()


@router.post("/experiments/delete-experiment-tag", dependencies=[WRITE])
async def delete_experiment_tag(body: ExperimentTagGone, session: Session, project: Project) -> Nothing:
    """Remove a tag of an experiment."""
    row = await queries.own(session, project, body.experiment_id)
    await queries.untag(session, row, body.key)
    return Nothing()
