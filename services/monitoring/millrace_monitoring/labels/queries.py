"""SQL of labels: the one that became known last holds, and of equals the one that came last."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_monitoring.newcomers import queries as newcomers
from millrace_monitoring.pushes import queries as pushes
from millrace_monitoring.pushes.bodies import SAID, Pushed
from millrace_monitoring.tables import Closing, Label

CHUNK = 500


@dataclass(frozen=True)
class Truth:
    """One label: a number, known at *at*, which *author* said at *said_at* on the clock.

    reviewed: whether it came of an entry in the queue of reviews, and from nowhere else.
    name: of a class that no version knew, whose value lies below zero.
    """

    request_id: str
    index: int
    value: float
    at: datetime
    author: str | None = field(default=None, compare=False)
    said_at: datetime | None = field(default=None, compare=False)
    reviewed: bool = field(default=False, compare=False)
    name: str | None = field(default=None, compare=False)

    def corrects(self, other: "Truth") -> bool:
        """Whether it takes the place of one that came before it, which it does too when both are equally late."""
        return self.at > other.at or (self.at == other.at and self.value != other.value)


@dataclass(frozen=True)
class Stored:
    """What became of labels; each is one of these."""

    new: int
    corrected: int
    repeated: int
    contradicted: int


async def put(session: AsyncSession, project: str, endpoint: str, given: Sequence[Truth]) -> Stored:
    """Store labels. The latest holds; of those that are equally late, the last to come."""
    best: dict[tuple[str, int], Truth] = {}
    for truth in given:
        key = (truth.request_id, truth.index)
        if key not in best or truth.at >= best[key].at:
            best[key] = truth
    stored = await _stored(session, project, endpoint, {key[0] for key in best})
    kept = {key: truth for key, truth in best.items() if key not in stored or truth.corrects(stored[key])}
    brought = [Pushed(*(getattr(truth, name) for name in SAID)) for truth in kept.values()]
    push = await pushes.keep(session, project, endpoint, brought) if brought else None
    for chunk in _chunks([*kept.values()]):
        more = {"project": project, "endpoint": endpoint, "push": push}
        rows = [
            {name: value for name, value in vars(truth).items() if name != "name"} | more for truth in chunk
        ]
        await session.execute(_upsert(session), rows)
    new = sum(key not in stored for key in kept)
    corrected = sum(key in stored and truth.value != stored[key].value for key, truth in kept.items())
    holding = stored | kept
    agreeing = sum(truth.value == holding[truth.request_id, truth.index].value for truth in given)
    return Stored(new, corrected, agreeing - new - corrected, len(given) - agreeing)


def _upsert(session: AsyncSession) -> Any:
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(Label)
    key = [Label.project, Label.endpoint, Label.request_id, Label.index]
    new = {name: statement.excluded[name] for name in ("value", "at", "author", "said_at", "push")}
    new["reviewed"] = Label.reviewed & statement.excluded.reviewed
    return statement.on_conflict_do_update(
        index_elements=key, set_=new, where=Label.at <= statement.excluded.at
    )


async def _stored(
    session: AsyncSession, project: str, endpoint: str, requests: Iterable[str]
) -> dict[tuple[str, int], Truth]:
    return {
        (truth.request_id, truth.index): truth for truth in await of(session, project, endpoint, requests)
    }


async def of(session: AsyncSession, project: str, endpoint: str, requests: Iterable[str]) -> list[Truth]:
    """The labels of some requests."""
    truths: list[Truth] = []
    columns = select(
        Label.request_id, Label.index, Label.value, Label.at, Label.author, Label.said_at, Label.reviewed
    )
    for chunk in _chunks(sorted(set(requests))):
        where = (Label.project == project, Label.endpoint == endpoint, Label.request_id.in_(chunk))
        truths += [Truth(*row) for row in await session.execute(columns.where(*where))]
    names = await newcomers.names_of(session, project, endpoint, {truth.value for truth in truths})
    return [replace(one, name=names[one.value]) if one.value in names else one for one in truths]


async def count(session: AsyncSession, project: str, endpoint: str, requests: Iterable[str]) -> int:
    """How many labels some requests have."""
    total = 0
    for chunk in _chunks(sorted(set(requests))):
        where = (Label.project == project, Label.endpoint == endpoint, Label.request_id.in_(chunk))
        total += await session.scalar(select(func.count()).select_from(Label).where(*where)) or 0
    return total


async def files_of_days(session: AsyncSession, project: str, endpoint: str) -> list[str]:
    """Digests of the files of closed days, the newest first."""
    where = (Closing.project == project, Closing.endpoint == endpoint, Closing.digest.is_not(None))
    return [*(await session.scalars(select(Closing.digest).where(*where).order_by(Closing.day.desc())))]  # type: ignore[arg-type]


async def remove_before(session: AsyncSession, project: str, endpoint: str, at: datetime) -> int:
    """Forget labels that became known before *at*; those of closed days lie with their rows."""
    where = (Label.project == project, Label.endpoint == endpoint, Label.at < at)
    removed: int = (await session.execute(delete(Label).where(*where))).rowcount  # type: ignore[attr-defined]
    if removed:
        pushes.forgotten(session, project, endpoint, at)
    return removed


def _chunks(items: list[Any]) -> Iterator[list[Any]]:
    for begin in range(0, len(items), CHUNK):
        yield items[begin : begin + CHUNK]
