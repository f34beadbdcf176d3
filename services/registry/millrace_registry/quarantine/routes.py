"""Refused deliveries over HTTP: kept, looked at, and taken after all or dropped."""

from typing import Literal

from fastapi import APIRouter

from millrace_contracts.datasets import (
    QuarantineRead,
    QuarantineStanding,
    QuarantineState,
    QuarantineVerdict,
    QuarantineWrite,
)
from millrace_core.auth import CurrentActor, permit
from millrace_core.database import Session
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, page
from millrace_registry.cursors import after_number
from millrace_registry.datasets.queries import get
from millrace_registry.quarantine import queries

router = APIRouter(tags=["datasets"])
READ, WRITE = permit("registry.datasets.read"), permit("registry.datasets.write")
SETTLE = permit("registry.quarantine.write")


@router.post(
    "/v1/datasets/{dataset}/quarantine", response_model=QuarantineRead, status_code=201, dependencies=[WRITE]
)
async def add_quarantine(
    dataset: Name, body: QuarantineWrite, session: Session, project: Project
) -> QuarantineRead:
    """Keep refused data with its report."""
    return await queries.add(session, project, dataset, body)


@router.get("/v1/datasets/{dataset}/quarantine", response_model=Page[QuarantineRead], dependencies=[READ])
async def list_quarantine(
    dataset: Name,
    session: Session,
    project: Project,
    state: QuarantineState | None = None,
    order: Literal["oldest", "newest"] = "oldest",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[QuarantineRead]:
    """Refused data, oldest first or newest first."""
    named = await get(session, project, dataset)
    rows = await queries.page(session, named, state, after_number(cursor), limit, order == "newest")
    return page(rows, limit, lambda row: (row.id,), lambda row: queries.read(row, dataset))


@router.get("/v1/datasets/{dataset}/quarantine/{entry}", response_model=QuarantineRead, dependencies=[READ])
async def get_quarantine(dataset: Name, entry: int, session: Session, project: Project) -> QuarantineRead:
    """One refusal with its report."""
    return queries.read(*await queries.entry(session, project, entry, dataset))


@router.get("/v1/quarantine", response_model=Page[QuarantineStanding], dependencies=[READ])
async def list_standing(
    session: Session, limit: Limit = 100, cursor: Cursor = None
) -> Page[QuarantineStanding]:
    """Datasets of all projects of which refused deliveries wait: asked again and again, one call for all of them."""
    rows = await queries.standing(session, after_number(cursor), limit)
    return page(rows, limit, lambda row: (row[0],), lambda row: row[1])


@router.get("/v1/quarantine/{entry}", response_model=QuarantineRead, dependencies=[READ])
async def get_refused(entry: int, session: Session, project: Project) -> QuarantineRead:
    """One refusal with its report, whatever its dataset."""
    return queries.read(*await queries.entry(session, project, entry))


@router.post("/v1/quarantine/{entry}:settle", response_model=QuarantineRead, dependencies=[SETTLE])
async def settle_refused(
    entry: int, body: QuarantineVerdict, session: Session, project: Project, actor: CurrentActor
) -> QuarantineRead:
    """Take a refused delivery after all, or drop it; a decision with its author is recorded."""
    return await queries.settle(session, project, entry, body, actor.author)
