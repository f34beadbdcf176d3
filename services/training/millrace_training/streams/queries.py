"""All SQL about streams; whoever changes one holds its row, so numbers come in the order in which rows are kept."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.jobs import JobNew
from millrace_core.database import utcnow
from millrace_core.errors import Conflict, NotFound
from millrace_core.pages import decode
from millrace_training.jobs import queries as jobs
from millrace_training.streams.batches import Batch
from millrace_training.tables import Stream, StreamBatch

SWEPT = 5_000
"""Keys that one transaction forgets."""
EMPTY = (
    "pending_rows",
    "pending_bytes",
    "last_number",
    "wanted_number",
    "settled_number",
    "failures",
    "deliveries",
    "rows",
    "new_rows",
    "refused",
)
"""Counts of a stream that begin at 0."""


@dataclass(frozen=True)
class Kept:
    """A batch that is there: its number, its rows, those that cannot be read, and whether it was there before."""

    number: int
    rows: int
    unreadable: int
    repeated: bool


async def find(session: AsyncSession, project: str, loop: str) -> Stream | None:
    stream: Stream | None = await session.scalar(_of(project, loop))
    return stream


async def get(session: AsyncSession, project: str, loop: str) -> Stream:
    """Raises: NotFound."""
    stream = await find(session, project, loop)
    if stream is None:
        raise NotFound(f"No rows have been streamed to {loop}.")
    return stream


async def make(session: AsyncSession, project: str, loop: str) -> None:
    """The stream of a loop, unless somebody else has just made it."""
    try:
        async with session.begin_nested():
            session.add(Stream(project=project, loop=loop, message="", **dict.fromkeys(EMPTY, 0)))
    except IntegrityError:
        return


async def hold(session: AsyncSession, id: int) -> Stream:
    """The stream, which nobody else changes until the transaction is over."""
    query = select(Stream).where(Stream.id == id).with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).one()


async def repeated(session: AsyncSession, stream: int, key: str, digest: str) -> Kept | None:
    """The batch of this key, if it was here before. Raises: Conflict if its rows were other ones."""
    mine = (StreamBatch.stream == stream, StreamBatch.key == key)
    columns = (StreamBatch.digest, StreamBatch.number, StreamBatch.rows, StreamBatch.unreadable)
    earlier = (await session.execute(select(*columns).where(*mine))).one_or_none()
    if earlier is None:
        return None
    if earlier.digest != digest:
        raise Conflict(f"The key '{key}' belongs to a batch of other rows, number {earlier.number}.")
    return Kept(earlier.number, earlier.rows, earlier.unreadable, repeated=True)


async def keep(session: AsyncSession, stream: Stream, key: str, batch: Batch) -> Kept:
    """Add a batch to the stream that is held."""
    number, now = stream.last_number + 1, utcnow()
    values = {
        "stream": stream.id,
        "number": number,
        "key": key,
        "digest": batch.digest,
        "rows": batch.rows,
        "unreadable": batch.unreadable,
        "size": len(batch.data),
        "data": batch.data,
        "at": now,
    }
    await session.execute(insert(StreamBatch).values(values))
    stream.last_number = number
    stream.pending_rows += batch.rows
    stream.pending_bytes += len(batch.data)
    stream.oldest_at = stream.oldest_at or now
    return Kept(number, batch.rows, batch.unreadable, repeated=False)


async def at_work(session: AsyncSession) -> list[Stream]:
    """Every stream in which rows wait, in every project."""
    return list(
        (await session.scalars(select(Stream).where(Stream.pending_rows > 0).order_by(Stream.id))).all()
    )


async def page(session: AsyncSession, project: str, limit: int, cursor: str | None) -> list[Stream]:
    """Streams by loop, one more than *limit*."""
    query, after = select(Stream).where(Stream.project == project), decode(cursor, str)
    if after is not None:
        query = query.where(Stream.loop > after[0])
    return list((await session.scalars(query.order_by(Stream.loop).limit(limit + 1))).all())


async def choose(session: AsyncSession, stream: Stream, most_rows: int) -> None:
    """Say which batches the next delivery is made of: the oldest, *most_rows* or one batch at most."""
    waiting = and_(StreamBatch.stream == stream.id, StreamBatch.number > stream.settled_number)
    query = select(StreamBatch.number, StreamBatch.rows).where(waiting).order_by(StreamBatch.number)
    rows, chosen = 0, None
    for number, more in (await session.execute(query)).all():
        rows += more
        if chosen is not None and rows > most_rows:
            break
        chosen = number
    stream.chosen_number = chosen
    stream.oldest_at = await _at(session, stream.id, (chosen or 0) + 1)


async def chosen(session: AsyncSession, stream: Stream) -> bytes:
    """The rows of the delivery that is on its way, as one packed file."""
    query = select(StreamBatch.data).where(_chosen(stream)).order_by(StreamBatch.number)
    return b"".join(data for data in (await session.scalars(query)).all() if data is not None)


async def begin(session: AsyncSession, stream: Stream, new: JobNew) -> bool:
    """The job of the delivery that was chosen, unless somebody else has begun it (False)."""
    mine = await hold(session, stream.id)
    if mine.job is not None or mine.chosen_number != stream.chosen_number:
        return False
    job, _ = await jobs.submit(session, stream.project, new)
    mine.job = mine.last_job = job.id
    return True


async def settle(session: AsyncSession, stream: Stream, new_rows: int, accepted: bool, message: str) -> None:
    """The delivery on its way is over: its rows go, as they are in the dataset or in quarantine now."""
    mine = await hold(session, stream.id)
    if mine.job != stream.job or mine.chosen_number is None:
        return
    sums = select(func.sum(StreamBatch.rows), func.sum(StreamBatch.size)).where(_chosen(mine))
    rows, size = (await session.execute(sums)).one()
    await session.execute(update(StreamBatch).where(_chosen(mine)).values(data=None))
    mine.settled_number, mine.chosen_number, mine.job = mine.chosen_number, None, None
    mine.pending_rows -= int(rows)
    mine.pending_bytes -= int(size)
    mine.deliveries += 1
    mine.rows += int(rows)
    mine.new_rows += new_rows
    mine.refused += not accepted
    mine.failures, mine.retry_at, mine.message = 0, None, message


async def fail(session: AsyncSession, stream: Stream, retry_at: datetime, message: str) -> None:
    """The delivery on its way did not come through; its rows stay, and it is tried again."""
    mine = await hold(session, stream.id)
    if mine.job == stream.job and mine.chosen_number == stream.chosen_number:
        mine.failures, mine.job, mine.retry_at, mine.message = mine.failures + 1, None, retry_at, message


async def forget(session: AsyncSession, before: datetime) -> int:
    """Forget keys of batches that came before and are delivered, some of them; returns how many."""
    old = and_(StreamBatch.at < before, StreamBatch.data.is_(None))
    some = select(StreamBatch.stream, StreamBatch.number).where(old).limit(SWEPT)
    rows = (await session.execute(some)).all()
    for stream in {row.stream for row in rows}:
        numbers = [row.number for row in rows if row.stream == stream]
        mine = (StreamBatch.stream == stream, StreamBatch.number.in_(numbers))
        await session.execute(delete(StreamBatch).where(*mine))
    return len(rows)


def _of(project: str, loop: str) -> Select[Stream]:
    return select(Stream).where(Stream.project == project, Stream.loop == loop)


def _chosen(stream: Stream) -> ColumnElement[bool]:
    span = StreamBatch.number.between(stream.settled_number + 1, stream.chosen_number)
    return and_(StreamBatch.stream == stream.id, span)


async def _at(session: AsyncSession, stream: int, number: int) -> datetime | None:
    mine = (StreamBatch.stream == stream, StreamBatch.number == number)
    at: datetime | None = await session.scalar(select(StreamBatch.at).where(*mine))
    return at
