"""Datasets over HTTP."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from millrace_contracts.datasets import (
    DatasetRead,
    DatasetVersionRead,
    DatasetVersionWrite,
    DatasetWrite,
)
from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, page
from millrace_registry.cursors import after_name, after_number
from millrace_registry.datasets import queries
from millrace_registry.tables import Dataset

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])
READ, WRITE = permit("registry.datasets.read"), permit("registry.datasets.write")


@router.put("/{dataset}", response_model=DatasetRead, dependencies=[WRITE])
async def put_dataset(dataset: Name, body: DatasetWrite, session: Session, project: Project) -> Dataset:
    """Make a dataset, or change its description."""
    return await queries.put(session, project, dataset, body.description)


@router.get("", response_model=Page[DatasetRead], dependencies=[READ])
async def list_datasets(
    session: Session, project: Project, limit: Limit = 100, cursor: Cursor = None
) -> Page[DatasetRead]:
    """The project's datasets by name."""
    rows = await queries.page(session, project, after_name(cursor), limit)
    return page(rows, limit, lambda row: (row.name,), DatasetRead.model_validate)


@router.get("/{dataset}", response_model=DatasetRead, dependencies=[READ])
async def get_dataset(dataset: Name, session: Session, project: Project) -> Dataset:
    """One dataset."""
    return await queries.get(session, project, dataset)


@router.post("/{dataset}/versions", response_model=DatasetVersionRead, status_code=201, dependencies=[WRITE])
async def add_version(
    dataset: Name, body: DatasetVersionWrite, session: Session, project: Project, response: Response
) -> DatasetVersionRead:
    """Add an immutable version on top of the newest one. The same source again answers 200 with what it made."""
    row, new = await queries.add_version(session, project, dataset, body)
    response.status_code = 201 if new else 200
    return queries.read(await queries.get(session, project, dataset), row)


@router.get("/{dataset}/versions", response_model=Page[DatasetVersionRead], dependencies=[READ])
async def list_versions(
    dataset: Name,
    session: Session,
    project: Project,
    since: Annotated[AwareDatetime | None, Query(description="Only those that were added later.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[DatasetVersionRead]:
    """All versions, oldest first."""
    named = await queries.get(session, project, dataset)
    rows = await queries.versions(session, named, after_number(cursor), limit, since)
    return page(rows, limit, lambda row: (row.number,), lambda row: queries.read(named, row))


@router.get("/{dataset}/versions/{number}", response_model=DatasetVersionRead, dependencies=[READ])
async def get_version(
    dataset: Name, number: int | Literal["latest"], session: Session, project: Project
) -> DatasetVersionRead:
    """One version, or the `latest`."""
    named = await queries.get(session, project, dataset)
    row = await queries.version(session, named, None if number == "latest" else number)
    return queries.read(named, row)
