"""SQL of reviews: the queue by turn, its pages, votes, and the entries that are rows of one day."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Select, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.labels import LabelValue
from millrace_contracts.reviews import ReviewReason, ReviewState
from millrace_core.errors import NotFound
from millrace_monitoring.reviews.weighing import Drawn
from millrace_monitoring.tables import Monitor, Review, Vote

WAITING = ("open", "disputed")
"""States in which somebody still has to look."""
NEAR = 16
"""So many of the next entries are taken into account, so that people who work at once meet different ones."""
LOOKED = 50_000
"""Votes that agreement is measured by, the newest."""


class Look(NamedTuple):
    """What one person said of one entry; None: they skipped it."""

    review: int
    author: str
    value: LabelValue | None


async def get(session: AsyncSession, monitor: Monitor, number: int, lock: bool = False) -> Review:
    """One entry (NotFound)."""
    statement = _mine(monitor).where(Review.number == number)
    found = await session.scalar(statement.with_for_update() if lock else statement)
    if found is None:
        raise NotFound(f"The queue of {monitor.endpoint} has no entry {number}.")
    return found


def _mine(monitor: Monitor) -> Select[Review]:
    return select(Review).where(Review.project == monitor.project, Review.endpoint == monitor.endpoint)


def _left(monitor: Monitor, author: str) -> Select[Review]:
    """Entries that still need somebody, and that *author* has not looked at; not those whose day has closed."""
    voted = exists().where(Vote.review == Review.number, Vote.author == author)
    statement = _mine(monitor).where(Review.state.in_(WAITING), ~voted)
    if monitor.closed_through is None:
        return statement
    return statement.where(Review.event_time >= monitor.closed_through)


async def following(session: AsyncSession, monitor: Monitor, author: str) -> tuple[Sequence[Review], int]:
    """The next NEAR entries of the queue for *author*, in turn and of one rank, and how many there are in all."""
    left = _left(monitor, author)
    first = await session.scalar(left.with_only_columns(func.min(Review.rank)))
    if first is None:
        return [], 0
    count = await session.scalar(left.with_only_columns(func.count())) or 0
    near = left.where(Review.rank == first).order_by(Review.turn, Review.number).limit(NEAR)
    return (await session.scalars(near)).all(), count


async def page(
    session: AsyncSession,
    monitor: Monitor,
    state: ReviewState | None,
    reason: ReviewReason | None,
    before: int | None,
    limit: int,
) -> Sequence[Review]:
    """Up to limit + 1 entries, the newest first."""
    statement = _mine(monitor).order_by(Review.number.desc()).limit(limit + 1)
    if state is not None:
        statement = statement.where(Review.state == state)
    if reason is not None:
        statement = statement.where(Review.reason == reason)
    if before is not None:
        statement = statement.where(Review.number < before)
    return (await session.scalars(statement)).all()


async def votes(session: AsyncSession, numbers: Sequence[int]) -> dict[int, list[Vote]]:
    """What people said of these entries, the first one first."""
    statement = select(Vote).where(Vote.review.in_(numbers)).order_by(Vote.at, Vote.author)
    found: dict[int, list[Vote]] = {number: [] for number in numbers}
    for vote in await session.scalars(statement):
        found[vote.review].append(vote)
    return found


async def vote(session: AsyncSession, new: Vote) -> None:
    """Record what somebody says; what they said before of the entry is replaced."""
    mine = (Vote.review == new.review, Vote.author == new.author)
    await session.execute(delete(Vote).where(*mine))
    session.add(new)
    await session.flush()


async def settle(session: AsyncSession, entry: Review, state: ReviewState, label: object | None) -> None:
    """Record where an entry stands now."""
    change = update(Review).where(Review.number == entry.number).values(state=state, label=label)
    await session.execute(change)
    await session.refresh(entry)


async def counts(session: AsyncSession, monitor: Monitor) -> list[tuple[ReviewReason, ReviewState, int]]:
    """How many entries there are of each reason in each state."""
    columns = (Review.reason, Review.state, func.count())
    statement = _mine(monitor).with_only_columns(*columns).group_by(Review.reason, Review.state)
    return [tuple(row) for row in await session.execute(statement.order_by(Review.reason, Review.state))]  # type: ignore[misc]


async def missed(session: AsyncSession, monitor: Monitor) -> int:
    """How many entries nobody labelled before their day closed."""
    if monitor.closed_through is None:
        return 0
    late = _mine(monitor).where(Review.state.in_(WAITING), Review.event_time < monitor.closed_through)
    return await session.scalar(late.with_only_columns(func.count())) or 0


async def looks(session: AsyncSession, monitor: Monitor) -> list[Look]:
    """The newest votes of a queue, by entry."""
    mine = (Vote.project == monitor.project, Vote.endpoint == monitor.endpoint)
    newest = select(Vote.review, Vote.author, Vote.value).where(*mine)
    rows = await session.execute(newest.order_by(Vote.review.desc(), Vote.author).limit(LOOKED))
    return [Look(*row) for row in rows]


async def drawn(session: AsyncSession, monitor: Monitor, begin: datetime, end: datetime) -> list[Drawn]:
    """Entries that are rows of the span [begin, end)."""
    columns = (Review.request_id, Review.index, Review.reason, Review.chance)
    statement = _mine(monitor).where(Review.event_time >= begin, Review.event_time < end)
    return [Drawn(*row) for row in await session.execute(statement.with_only_columns(*columns))]  # type: ignore[arg-type]
