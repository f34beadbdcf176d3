"""Registered models over HTTP."""

from typing import Annotated

from fastapi import Query

from millrace_core.database import Session
from millrace_core.names import Project
from millrace_registry.mlflow.answers import Nothing, following, place
from millrace_registry.mlflow.doors import READ, WRITE, Doors
from millrace_registry.mlflow.found import queries as found
from millrace_registry.mlflow.registered import queries
from millrace_registry.mlflow.registered.schemas import (
    AliasAsked,
    AliasNew,
    CatalogueSearch,
    LatestAsked,
    ModelAsked,
    ModelChange,
    ModelNew,
    ModelRenamed,
    ModelTag,
    ModelTagGone,
    RegisteredAnswer,
    RegisteredFound,
    VersionAnswer,
    VersionsFound,
)

router = Doors()


@router.post("/registered-models/create", dependencies=[WRITE])
async def create_registered_model(body: ModelNew, session: Session, project: Project) -> RegisteredAnswer:
    """Make a registered model."""
    await queries.create(session, project, body)
    return RegisteredAnswer(registered_model=await found.registered(session, project, body.name))


@router.get("/registered-models/get", dependencies=[READ])
async def get_registered_model(
    asked: Annotated[ModelAsked, Query()], session: Session, project: Project
) -> RegisteredAnswer:
    """One registered model."""
    return RegisteredAnswer(registered_model=await found.registered(session, project, asked.name))


@router.post("/registered-models/rename", dependencies=[WRITE])
async def rename_registered_model(body: ModelRenamed, session: Session, project: Project) -> RegisteredAnswer:
    """Give a registered model another name."""
    await queries.rename(session, project, body.name, body.new_name)
    return RegisteredAnswer(registered_model=await found.registered(session, project, body.new_name))


@router.patch("/registered-models/update", dependencies=[WRITE])
async def change_registered_model(body: ModelChange, session: Session, project: Project) -> RegisteredAnswer:
    """Describe a registered model anew."""
    await queries.describe(session, project, body.name, body.description)
    return RegisteredAnswer(registered_model=await found.registered(session, project, body.name))


@router.delete("/registered-models/delete", dependencies=[WRITE])
async def delete_registered_model(body: ModelAsked, session: Session, project: Project) -> Nothing:
    """Remove a registered model with its versions."""
    await queries.remove(session, project, body.name)
    return Nothing()


@router.get("/registered-models/search", dependencies=[READ])
async def search_registered_models(
    asked: Annotated[CatalogueSearch, Query()], session: Session, project: Project
) -> RegisteredFound:
    """A page of registered models, users' own and loops'."""
    rows = await found.models(session, project, asked)
    token = following(place(asked.page_token), asked.max_results, len(rows))
    return RegisteredFound(registered_models=rows[: asked.max_results] or None, next_page_token=token)


@router.post("/registered-models/set-tag", dependencies=[WRITE])
async def set_model_tag(body: ModelTag, session: Session, project: Project) -> Nothing:
    """Set a tag of a registered model."""
    model = await queries.get(session, project, body.name)
    await queries.tag_model(session, model, body.key, body.value)
    return Nothing()


@router.delete("/registered-models/delete-tag", dependencies=[WRITE])
async def delete_model_tag(body: ModelTagGone, session: Session, project: Project) -> Nothing:
    """Remove a tag of a registered model."""
    model = await queries.get(session, project, body.name)
    await queries.tag_model(session, model, body.key, None)
    return Nothing()


@router.post("/registered-models/alias", dependencies=[WRITE])
async def set_alias(body: AliasNew, session: Session, project: Project) -> Nothing:
    """Point an alias at a version."""
    model = await queries.get(session, project, body.name)
    await queries.point(session, model, body.alias, body.number)
    return Nothing()


@router.delete("/registered-models/alias", dependencies=[WRITE])
async def delete_alias(body: AliasAsked, session: Session, project: Project) -> Nothing:
    """Remove an alias."""
    await queries.unpoint(session, await queries.get(session, project, body.name), body.alias)
    return Nothing()


@router.get("/registered-models/alias", dependencies=[READ])
async def get_by_alias(
    asked: Annotated[AliasAsked, Query()], session: Session, project: Project
) -> VersionAnswer:
    """The version at which an alias points."""
    return VersionAnswer(model_version=await found.by_alias(session, project, asked.name, asked.alias))


@router.get("/registered-models/get-latest-versions", dependencies=[READ])
async def list_latest(
    asked: Annotated[LatestAsked, Query()], session: Session, project: Project
) -> VersionsFound:
    """The newest version of each stage."""
    return await _latest(asked, session, project)


@router.post("/registered-models/get-latest-versions", dependencies=[READ])
async def find_latest(body: LatestAsked, session: Session, project: Project) -> VersionsFound:
    """The newest version of each stage."""
    return await _latest(body, session, project)


async def _latest(asked: LatestAsked, session: Session, project: str) -> VersionsFound:
    loop = queries.loop_of(asked.name)
    if loop is not None:
        newest = (await found.registered(session, project, asked.name)).latest_versions
        return VersionsFound(model_versions=newest)
    model = await queries.get(session, project, asked.name)
    points = await queries.aliases(session, model)
    rows = await queries.newest(session, model, asked.stages)
    return VersionsFound(
        model_versions=[await found.told(session, model, row, points) for row in rows] or None
    )
