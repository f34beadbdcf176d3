"""Aliases over HTTP: move, read, and look back."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from millrace_contracts.models import AliasMoveRead, AliasRead, AliasWrite
from millrace_core.auth import CurrentActor, permit
from millrace_core.database import Session
from millrace_core.names import Name, Project
from millrace_registry.aliases import queries
from millrace_registry.models import guard
from millrace_registry.models.queries import get
from millrace_registry.tables import Alias, AliasMove

router = APIRouter(prefix="/v1/models/{model}/aliases", tags=["aliases"])
READ, WRITE = permit("registry.models.read"), permit("registry.models.write")


@router.put("/{alias}", response_model=AliasRead, dependencies=[WRITE])
async def move_alias(
    model: Name, alias: Name, body: AliasWrite, session: Session, project: Project, actor: CurrentActor
) -> Alias:
    """Move an alias by compare-and-set: 409 with the current version if it is not where the caller believes."""
    stored = await get(session, project, model)
    guard.check(stored, alias, actor)
    return await queries.move(session, stored, alias, body, actor.name)


@router.get("", response_model=list[AliasRead], dependencies=[READ])
async def list_aliases(model: Name, session: Session, project: Project) -> list[Alias]:
    """All aliases of a model."""
    return await queries.every(session, await get(session, project, model))


@router.get("/{alias}", response_model=AliasRead, dependencies=[READ])
async def get_alias(
    model: Name,
    alias: Name,
    session: Session,
    project: Project,
    at: Annotated[AwareDatetime | None, Query(description="Event time; left out: now.")] = None,
    known_at: Annotated[
        AwareDatetime | None, Query(description="Only moves recorded by then; left out: all.")
    ] = None,
) -> AliasRead:
    """Where an alias points, or pointed at an instant: "what was champion on 3 May?"."""
    version = await queries.at(session, await get(session, project, model), alias, at, known_at)
    return AliasRead(name=alias, version=version)


@router.get("/{alias}/history", response_model=list[AliasMoveRead], dependencies=[READ])
async def alias_history(model: Name, alias: Name, session: Session, project: Project) -> list[AliasMove]:
    """Every move of an alias, oldest first."""
    return await queries.history(session, await get(session, project, model), alias)
