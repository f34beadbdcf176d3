"""SQL of datasets: a version is added only on top of the newest one, and never changed."""

import hashlib
import json
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.datasets import DatasetVersionRead, DatasetVersionWrite
from millrace_core.database import utcnow
from millrace_core.errors import Conflict, NotFound
from millrace_registry.artifacts.queries import require
from millrace_registry.projects.queries import ensure
from millrace_registry.tables import Dataset, DatasetVersion, insert_new


async def find(session: AsyncSession, project: str, name: str, lock: bool = False) -> Dataset | None:
    statement = select(Dataset).where(Dataset.project == project, Dataset.name == name)
    return (
        await session.scalars(statement.with_for_update(key_share=True) if lock else statement)
    ).one_or_none()


async def get(session: AsyncSession, project: str, name: str, lock: bool = False) -> Dataset:
    """The dataset, locked until the transaction ends if asked. Raises NotFound."""
    found = await find(session, project, name, lock)
    if found is None:
        raise NotFound(f"There is no dataset {name} in the project {project}.")
    return found


async def put(session: AsyncSession, project: str, name: str, description: str) -> Dataset:
    """The dataset with this description, made now if it is new."""
    await ensure(session, project)
    row = {"project": project, "name": name, "description": description, "latest": 0, "created_at": utcnow()}
    await insert_new(session, Dataset, **row)
    found = await get(session, project, name)
    found.description = description
    return found


async def page(session: AsyncSession, project: str, after: str | None, limit: int) -> list[Dataset]:
    statement = select(Dataset).where(Dataset.project == project).order_by(Dataset.name).limit(limit + 1)
    if after is not None:
        statement = statement.where(Dataset.name > after)
    return list((await session.scalars(statement)).all())


async def add_version(
    session: AsyncSession, project: str, name: str, new: DatasetVersionWrite
) -> tuple[DatasetVersion, bool]:
    """Add a version on top of its parent; the same source again is the version it made.

    Returns: the version, and whether it is new. Raises: Conflict if the parent is not the newest version.
    """
    dataset = await get(session, project, name, lock=True)
    same = select(DatasetVersion).where(
        DatasetVersion.dataset_id == dataset.id, DatasetVersion.source_digest == new.source.digest
    )
    known = (await session.scalars(same)).one_or_none()
    if known is not None:
        return known, False
    await require(session, project, [file.digest for file in new.files])
    parent = new.parent or 0
    moved = (
        update(Dataset).where(Dataset.id == dataset.id, Dataset.latest == parent).values(latest=parent + 1)
    )
    if (await session.execute(moved)).rowcount == 0:  # type: ignore[attr-defined]
        raise Conflict(f"{name} has moved on to version {dataset.latest}; add your rows to that one.")
    made = _version(dataset.id, parent + 1, new)
    session.add(made)
    await session.flush()
    return made, True


def _version(dataset_id: int, number: int, new: DatasetVersionWrite) -> DatasetVersion:
    body = new.model_dump(mode="json", by_alias=True)
    content = json.dumps({"files": body["files"], "schema": body["schema"]}, sort_keys=True)
    return DatasetVersion(
        dataset_id=dataset_id,
        number=number,
        parent=new.parent,
        digest="sha256:" + hashlib.sha256(content.encode()).hexdigest(),
        source_digest=new.source.digest,
        body=body,
        rows=new.rows,
        created_at=utcnow(),
    )


async def versions(
    session: AsyncSession, dataset: Dataset, after: int, limit: int, since: datetime | None = None
) -> list[DatasetVersion]:
    """Versions behind the number *after*, one more than *limit*; only those that were added later than *since*."""
    statement = select(DatasetVersion).where(
        DatasetVersion.dataset_id == dataset.id, DatasetVersion.number > after
    )
    if since is not None:
        statement = statement.where(DatasetVersion.created_at > since)
    return list((await session.scalars(statement.order_by(DatasetVersion.number).limit(limit + 1))).all())


async def version(session: AsyncSession, dataset: Dataset, number: int | None) -> DatasetVersion:
    """One version; None means the newest. Raises NotFound."""
    wanted = dataset.latest if number is None else number
    row = await session.get(DatasetVersion, (dataset.id, wanted)) if 0 < wanted < 2**31 else None
    if row is None:
        raise NotFound(f"{dataset.name} has no version {number if number is not None else 'yet'}.")
    return row


def read(dataset: Dataset, row: DatasetVersion) -> DatasetVersionRead:
    """A version as JSON shows it."""
    facts = {"dataset": dataset.name, "number": row.number, "parent": row.parent, "digest": row.digest}
    return DatasetVersionRead.model_validate(row.body | facts | {"created_at": row.created_at})
