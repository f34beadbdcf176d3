"""Decisions over HTTP: append, read, verify."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from millrace.decisions import Decision, Kind
from millrace_core.auth import CurrentActor, permit
from millrace_core.database import Session
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, decode, paginate
from millrace_registry.decisions import queries
from millrace_registry.projects.queries import ensure

router = APIRouter(prefix="/v1", tags=["decisions"])
READ, WRITE = permit("registry.decisions.read"), permit("registry.decisions.write")


class DecisionRead(Decision):
    number: int = Field(description="Place in the chain, from 1.")
    recorded_at: datetime
    hash: str
    previous: str


class DecisionDetail(DecisionRead):
    followed_by: list[DecisionRead] = Field(description="Decisions that this one led to.")


class Verification(BaseModel):
    ok: bool
    count: int = Field(description="Links looked at.")
    head: str = Field(description="Hash of the last good link; keep it elsewhere to notice a truncated log.")
    first_bad: int | None


class DecisionDigest(BaseModel):
    digest: str
    count: int


@router.post("/decisions", response_model=DecisionRead, status_code=201, dependencies=[WRITE])
async def append_decision(
    body: Decision, session: Session, project: Project, actor: CurrentActor, response: Response
) -> dict[str, Any]:
    """Record a decision; the same one again answers 200. Nobody can change or remove one."""
    await ensure(session, project)
    row, new = await queries.append(session, body.model_copy(update={"project": project}), actor.name)
    response.status_code = 201 if new else 200
    return queries.read(row)


@router.get("/decisions", response_model=Page[DecisionRead], dependencies=[READ])
async def list_decisions(
    session: Session,
    project: Project,
    loop: Name | None = None,
    kind: Kind | None = None,
    run: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Decisions in the order in which they were recorded."""
    keys = decode(cursor, int)
    rows = await queries.page(
        session, project, int(keys[0]) if keys else 0, limit, loop=loop, kind=kind, run=run
    )
    page = paginate(rows, limit, lambda row: (row.number,))
    return page | {"items": [queries.read(row) for row in page["items"]]}


@router.get("/decisions:verify", response_model=Verification, dependencies=[READ])
async def verify_decisions(session: Session) -> dict[str, Any]:
    """Recompute the whole hash chain."""
    return await queries.verify(session)


@router.get("/decisions:digest", response_model=DecisionDigest, dependencies=[READ])
async def digest_decisions(session: Session, project: Project, loop: Name | None = None) -> dict[str, Any]:
    """One digest of everything that a replay of the same data with the same seed reproduces."""
    return await queries.digest(session, project, loop)


@router.get("/decisions/{decision}", response_model=DecisionDetail, dependencies=[READ])
async def get_decision(decision: Name, session: Session, project: Project) -> dict[str, Any]:
    """One decision and what followed from it."""
    row = await queries.get(session, project, decision)
    followed = await queries.caused_by(session, decision)
    return queries.read(row) | {"followed_by": [queries.read(item) for item in followed]}
