"""SQL of refused deliveries: kept as they came, until a person takes them after all or drops them."""

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.datasets import (
    QuarantineRead,
    QuarantineStanding,
    QuarantineState,
    QuarantineVerdict,
    QuarantineWrite,
)
from millrace_contracts.decisions import Decision, decision
from millrace_core.database import utcnow
from millrace_core.errors import Conflict, NotFound
from millrace_core.ledger.queries import touch
from millrace_registry.artifacts.queries import require
from millrace_registry.datasets.queries import get
from millrace_registry.decisions import queries as decisions
from millrace_registry.tables import Dataset, Quarantined, insert_new

Entry = tuple[Quarantined, str]
"""A refused delivery and the name of its dataset."""


async def add(session: AsyncSession, project: str, name: str, new: QuarantineWrite) -> QuarantineRead:
    """Keep refused data with its report; the same bytes again are the same entry, with what is wrong now."""
    dataset = await get(session, project, name)
    await require(session, project, [new.artifact])
    row = new.model_dump(mode="json") | {"dataset_id": dataset.id, "created_at": utcnow()}
    await insert_new(session, Quarantined, **row)
    same = (Quarantined.dataset_id == dataset.id, Quarantined.artifact == new.artifact)
    again = update(Quarantined).where(*same, Quarantined.state != "accepted")
    await session.execute(again.values(state="waiting", settled_by="", report=row["report"]))
    kept = (await session.scalars(select(Quarantined).where(*same))).one()
    touch(session, Quarantined, kept.id)
    return read(kept, name)


async def page(
    session: AsyncSession,
    dataset: Dataset,
    state: QuarantineState | None,
    after: int,
    limit: int,
    newest: bool = False,
) -> Sequence[Quarantined]:
    """Refused deliveries of a dataset behind *after*, oldest first, or the *newest* first (0: from the end)."""
    number = Quarantined.id
    behind, order = (number < after, number.desc()) if newest else (number > after, number.asc())
    statement = select(Quarantined).where(Quarantined.dataset_id == dataset.id)
    if after:
        statement = statement.where(behind)
    if state is not None:
        statement = statement.where(Quarantined.state == state)
    return (await session.scalars(statement.order_by(order).limit(limit + 1))).all()


async def standing(session: AsyncSession, after: int, limit: int) -> list[tuple[int, QuarantineStanding]]:
    """Datasets of all projects of which something waits, each with its number, and one more than *limit*."""
    waits = (Quarantined.state == "waiting", Dataset.id > after)
    numbers = (func.count(Quarantined.id), func.max(Quarantined.id))
    query = select(Dataset.id, Dataset.project, Dataset.name, Dataset.latest, *numbers)
    query = query.join(Quarantined, Quarantined.dataset_id == Dataset.id).where(*waits)
    query = query.group_by(Dataset.id, Dataset.project, Dataset.name, Dataset.latest)
    return [
        (id, QuarantineStanding(project=project, dataset=name, waiting=waiting, newest=newest, latest=latest))
        for id, project, name, latest, waiting, newest in await session.execute(
            query.order_by(Dataset.id).limit(limit + 1)
        )
    ]


async def entry(session: AsyncSession, project: str, number: int, dataset: str | None = None) -> Entry:
    """A refused delivery of the project. Raises NotFound."""
    found = await session.get(Quarantined, number) if 0 < number < 2**31 else None
    owner = None if found is None else await session.get(Dataset, found.dataset_id)
    there = owner is not None and owner.project == project and dataset in (None, owner.name)
    if found is None or owner is None or not there:
        where = f"{dataset} has" if dataset else f"The project {project} has"
        raise NotFound(f"{where} no quarantine entry {number}.")
    return found, owner.name


async def settle(
    session: AsyncSession, project: str, number: int, verdict: QuarantineVerdict, author: str
) -> QuarantineRead:
    """Take a refused delivery out of quarantine, by a decision; the same verdict again changes nothing.

    Raises: NotFound; Conflict if it was settled otherwise.
    """
    found, dataset = await entry(session, project, number)
    if found.state == verdict.state:
        return read(found, dataset)
    waits = (Quarantined.id == number, Quarantined.state == "waiting")
    change = update(Quarantined).where(*waits).values(state=verdict.state, settled_by=author)
    if (await session.execute(change)).rowcount == 0:  # type: ignore[attr-defined]
        raise Conflict(f"Quarantine entry {number} of {dataset} was {found.state} by {found.settled_by}.")
    touch(session, Quarantined, number)
    await session.refresh(found)
    await decisions.append(session, _decision(project, dataset, found, verdict, author), "registry")
    return read(found, dataset)


def _decision(
    project: str, dataset: str, found: Quarantined, verdict: QuarantineVerdict, author: str
) -> Decision:
    taken = verdict.state == "accepted"
    how = f"; the contract changes: {'; '.join(verdict.changes)}" if verdict.changes else ""
    words = f" ({verdict.reason})" if verdict.reason else ""
    name = found.source.get("name") or found.artifact
    outcome = "is taken after all" if taken else "is dropped"
    return decision(
        project=project,
        loop="",
        kind="data.accepted" if taken else "data.refused",
        subject=f"{dataset}/quarantine {found.id}",
        outcome=verdict.state,
        event_time=None,
        author=author,
        reason=f"{name}, a refused delivery to {dataset}, {outcome}{words}{how}."[:2000],
        evidence={"changes": verdict.changes, "dataset_version": verdict.dataset_version},
    )


def read(found: Quarantined, dataset: str) -> QuarantineRead:
    """An entry as JSON shows it."""
    names = ("id", "artifact", "source", "report", "state", "settled_by", "created_at")
    return QuarantineRead.model_validate(
        {name: getattr(found, name) for name in names} | {"dataset": dataset}
    )
