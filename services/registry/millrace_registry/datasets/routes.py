"""Datasets over HTTP."""

from typing import Any, Literal

from fastapi import APIRouter, Response

from millrace_core.auth import permit
from millrace_core.database import Session
from millrace_core.names import Name, Project
from millrace_core.pages import Cursor, Limit, Page, paginate
from millrace_registry.bodies import after_name, after_number
from millrace_registry.datasets import queries
from millrace_registry.datasets.schemas import (
    DatasetRead,
    DatasetWrite,
    QuarantineRead,
    QuarantineWrite,
    VersionRead,
    VersionWrite,
)
from millrace_registry.tables import Dataset, Quarantined

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])
READ, WRITE = permit("registry.datasets.read"), permit("registry.datasets.write")


@router.put("/{dataset}", response_model=DatasetRead, dependencies=[WRITE])
async def put_dataset(dataset: Name, body: DatasetWrite, session: Session, project: Project) -> Dataset:
    """Make a dataset, or change its description."""
    return await queries.put(session, project, dataset, body.description)


@router.get("", response_model=Page[DatasetRead], dependencies=[READ])
async def list_datasets(
    session: Session, project: Project, limit: Limit = 100, cursor: Cursor = None
) -> dict[str, Any]:
    """The project's datasets by name."""
    rows = await queries.page(session, project, after_name(cursor), limit)
    return paginate(rows, limit, lambda row: (row.name,))


@router.get("/{dataset}", response_model=DatasetRead, dependencies=[READ])
async def get_dataset(dataset: Name, session: Session, project: Project) -> Dataset:
    """One dataset."""
    return await queries.get(session, project, dataset)


@router.post("/{dataset}/versions", response_model=VersionRead, status_code=201, dependencies=[WRITE])
async def add_version(
    dataset: Name, body: VersionWrite, session: Session, project: Project, response: Response
) -> dict[str, Any]:
    """Add an immutable version on top of the newest one. The same source again answers 200 with what it made."""
    row, new = await queries.add_version(session, project, dataset, body)
    response.status_code = 201 if new else 200
    return queries.read(await queries.get(session, project, dataset), row)


@router.get("/{dataset}/versions", response_model=Page[VersionRead], dependencies=[READ])
async def list_versions(
    dataset: Name, session: Session, project: Project, limit: Limit = 100, cursor: Cursor = None
) -> dict[str, Any]:
    """All versions, oldest first."""
    found = await queries.get(session, project, dataset)
    rows = await queries.versions(session, found, after_number(cursor), limit)
    page = paginate(rows, limit, lambda row: (row.number,))
    return page | {"items": [queries.read(found, row) for row in page["items"]]}


@router.get("/{dataset}/versions/{number}", response_model=VersionRead, dependencies=[READ])
async def get_version(
    dataset: Name, number: int | Literal["latest"], session: Session, project: Project
) -> dict[str, Any]:
    """One version, or the `latest`."""
    found = await queries.get(session, project, dataset)
    row = await queries.version(session, found, None if number == "latest" else number)
    return queries.read(found, row)


@router.post("/{dataset}/quarantine", response_model=QuarantineRead, status_code=201, dependencies=[WRITE])
async def add_quarantine(
    dataset: Name, body: QuarantineWrite, session: Session, project: Project
) -> Quarantined:
    """Keep refused data with its report."""
    return await queries.quarantine(session, project, dataset, body)


@router.get("/{dataset}/quarantine", response_model=Page[QuarantineRead], dependencies=[READ])
async def list_quarantine(
    dataset: Name, session: Session, project: Project, limit: Limit = 100, cursor: Cursor = None
) -> dict[str, Any]:
    """Refused data, oldest first."""
    found = await queries.get(session, project, dataset)
    rows = await queries.quarantined(session, found, after_number(cursor), limit)
    return paginate(rows, limit, lambda row: (row.id,))


@router.get("/{dataset}/quarantine/{entry}", response_model=QuarantineRead, dependencies=[READ])
async def get_quarantine(dataset: Name, entry: int, session: Session, project: Project) -> Quarantined:
    """One refusal with its report."""
    return await queries.quarantine_entry(session, await queries.get(session, project, dataset), entry)
