"""Logged models over HTTP."""

from typing import Annotated

from fastapi import Query

from millrace_core.database import Session
from millrace_core.names import Project
from millrace_registry.mlflow.answers import Nothing, following, now, place
from millrace_registry.mlflow.doors import READ, WRITE, Doors
from millrace_registry.mlflow.files import queries as files
from millrace_registry.mlflow.files.paths import Place, label
from millrace_registry.mlflow.files.schemas import FilesFound
from millrace_registry.mlflow.logged import queries
from millrace_registry.mlflow.logged.schemas import (
    LoggedAnswer,
    LoggedAsked,
    LoggedEnd,
    LoggedFolder,
    LoggedFound,
    LoggedNew,
    LoggedParams,
    LoggedSearch,
    LoggedTags,
)
from millrace_registry.services import CurrentServices

router = Doors()


@router.post("/logged-models", dependencies=[WRITE])
async def create_logged_model(body: LoggedNew, session: Session, project: Project) -> LoggedAnswer:
    """Make a logged model; its files come next."""
    row = await queries.create(session, project, body)
    return LoggedAnswer(model=(await queries.whole(session, [row]))[0])


@router.post("/logged-models/search", dependencies=[READ])
async def search_logged_models(
    body: LoggedSearch, services: CurrentServices, project: Project
) -> LoggedFound:
    """A page of logged models."""
    async with services.sessions.begin() as session:
        rows = await queries.search(session, project, body)
        found = await queries.whole(session, rows[: body.max_results])
    token = following(place(body.page_token), body.max_results, len(rows))
    return LoggedFound(models=found or None, next_page_token=token)


@router.get("/logged-models/{model_id}", dependencies=[READ])
async def get_logged_model(
    model_id: str, asked: Annotated[LoggedAsked, Query()], session: Session, project: Project
) -> LoggedAnswer:
    """One logged model."""
    row = await queries.get(session, project, model_id, asked.allow_deleted)
    return LoggedAnswer(model=(await queries.whole(session, [row]))[0])


@router.patch("/logged-models/{model_id}", dependencies=[WRITE])
async def finish_logged_model(
    model_id: str, body: LoggedEnd, session: Session, project: Project
) -> LoggedAnswer:
    """Say whether its files arrived."""
    row = await queries.get(session, project, model_id)
    row.status, row.updated = body.name, now()
    return LoggedAnswer(model=(await queries.whole(session, [row]))[0])


@router.delete("/logged-models/{model_id}", dependencies=[WRITE])
async def delete_logged_model(model_id: str, session: Session, project: Project) -> Nothing:
    """Delete a logged model."""
    row = await queries.get(session, project, model_id)
    row.stage, row.updated = "deleted", now()
    return Nothing()


@router.patch("/logged-models/{model_id}/tags", dependencies=[WRITE])
async def tag_logged_model(model_id: str, body: LoggedTags, session: Session, project: Project) -> Nothing:
    """Set tags."""
    row = await queries.get(session, project, model_id)
    await queries.tag(session, row, body.tags)
    return Nothing()


@router.delete("/logged-models/{model_id}/tags/{key:path}", dependencies=[WRITE])
async def untag_logged_model(model_id: str, key: str, session: Session, project: Project) -> Nothing:
    """Remove a tag."""
    await queries.untag(session, await queries.get(session, project, model_id), key)
    return Nothing()


@router.post("/logged-models/{model_id}/params", dependencies=[WRITE])
async def add_params(model_id: str, body: LoggedParams, session: Session, project: Project) -> Nothing:
    """Add parameters."""
    row = await queries.get(session, project, model_id)
    await queries.add_params(session, row, body.params)
    return Nothing()


@router.get("/logged-models/{model_id}/artifacts/directories", dependencies=[READ])
async def list_folder(
    model_id: str, asked: Annotated[LoggedFolder, Query()], session: Session, project: Project
) -> FilesFound:
    """What lies in a folder of its files."""
    row = await queries.get(session, project, model_id)
    path = label(asked.artifact_directory_path)
    found = await files.listed(session, project, Place("model", row.id, path))
    root = (await queries.whole(session, [row]))[0].info.artifact_uri
    return FilesFound(root_uri=root, files=found or None)
