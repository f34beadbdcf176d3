"""Versions of registered models over HTTP."""

from typing import Annotated

from fastapi import Query

from millrace_core.auth import CurrentActor
from millrace_core.database import Session
from millrace_core.names import Project
from millrace_registry.mlflow.answers import Nothing, following, place
from millrace_registry.mlflow.doors import READ, WRITE, Doors
from millrace_registry.mlflow.found import queries as found
from millrace_registry.mlflow.logged import queries as logged
from millrace_registry.mlflow.registered import queries
from millrace_registry.mlflow.registered.schemas import (
    CatalogueSearch,
    DownloadAnswer,
    StageMove,
    VersionAnswer,
    VersionAsked,
    VersionChange,
    VersionNew,
    VersionsFound,
    VersionTag,
    VersionTagGone,
)

router = Doors()


@router.post("/model-versions/create", dependencies=[WRITE])
async def create_version(
    body: VersionNew, session: Session, project: Project, actor: CurrentActor
) -> VersionAnswer:
    """Register files that lie here under the next number."""
    model, row = await queries.add(session, project, body, actor.name)
    return VersionAnswer(model_version=await found.told(session, model, row, {}))


@router.get("/model-versions/get", dependencies=[READ])
async def get_version(
    asked: Annotated[VersionAsked, Query()], session: Session, project: Project
) -> VersionAnswer:
    """One version."""
    return VersionAnswer(model_version=await found.version(session, project, asked.name, asked.number))


@router.get("/model-versions/search", dependencies=[READ])
async def search_versions(
    asked: Annotated[CatalogueSearch, Query()], session: Session, project: Project
) -> VersionsFound:
    """A page of versions, users' own and loops'."""
    rows = await found.versions(session, project, asked)
    token = following(place(asked.page_token), asked.max_results, len(rows))
    return VersionsFound(model_versions=rows[: asked.max_results] or None, next_page_token=token)


@router.get("/model-versions/get-download-uri", dependencies=[READ])
async def get_download_uri(
    asked: Annotated[VersionAsked, Query()], session: Session, project: Project
) -> DownloadAnswer:
    """Where a version's files are: with its run, its logged model, or its loop."""
    source = (await found.version(session, project, asked.name, asked.number)).source
    where = queries.source(source)
    if where.kind == "model" and source.startswith("models:"):
        row = await logged.get(session, project, where.owner, deleted=True)
        root = (await logged.whole(session, [row]))[0].info.artifact_uri
        return DownloadAnswer(artifact_uri=f"{root}/{where.path}".rstrip("/"))
    return DownloadAnswer(artifact_uri=source)


@router.patch("/model-versions/update", dependencies=[WRITE])
async def change_version(body: VersionChange, session: Session, project: Project) -> VersionAnswer:
    """Describe a version anew."""
    model = await queries.get(session, project, body.name)
    await queries.describe_version(session, model, body.number, body.description)
    return VersionAnswer(model_version=await found.version(session, project, body.name, body.number))


@router.post("/model-versions/transition-stage", dependencies=[WRITE])
async def move_version(body: StageMove, session: Session, project: Project) -> VersionAnswer:
    """Move a version to a stage."""
    model = await queries.get(session, project, body.name, lock=True)
    await queries.move(session, model, body.number, body.stage, body.archive_existing_versions)
    return VersionAnswer(model_version=await found.version(session, project, body.name, body.number))


@router.delete("/model-versions/delete", dependencies=[WRITE])
async def delete_version(body: VersionAsked, session: Session, project: Project) -> Nothing:
    """Remove a version; its number is not given again."""
    model = await queries.get(session, project, body.name, lock=True)
    await queries.remove_version(session, model, body.number)
    return Nothing()


@router.post("/model-versions/set-tag", dependencies=[WRITE])
async def set_version_tag(body: VersionTag, session: Session, project: Project) -> Nothing:
    """Set a tag of a version."""
    model = await queries.get(session, project, body.name)
    await queries.tag_version(session, model, body.number, body.key, body.value)
    return Nothing()


@router.delete("/model-versions/delete-tag", dependencies=[WRITE])
async def delete_version_tag(body: VersionTagGone, session: Session, project: Project) -> Nothing:
    """Remove a tag of a version."""
    model = await queries.get(session, project, body.name)
    await queries.tag_version(session, model, body.number, body.key, None)
    return Nothing()
