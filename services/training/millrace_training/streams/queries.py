"""All SQL about streams; whoever changes one holds its row, so numbers come in the order in which rows are kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from millrace_contracts.jobs import JobNew
from millrace_core.database import utcnow
from millrace_core.errors import Conflict, MillraceError, NotFound, TooMany
from millrace_core.pages import decode
from millrace_training.jobs import queries as jobs
from millrace_training.streams.batches import Batch
from millrace_training.tables import Stream, StreamBatch

SWEPT = 5_000
"""Keys that one transaction forgets."""
RETRY_SECONDS = 2
"""How long a sender is asked to wait while the spool is full."""
UNOPENED = "No rows have been streamed to {}."
FULL = "{} rows of {} wait to be delivered; nothing of this batch was kept. Send it again under the same key."
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
class Sent:
    """A batch on its way to the stream of a loop, under its sender's key."""

    project: str
    loop: str
    key: str
    batch: Batch


@dataclass(frozen=True)
class Kept:
    """A batch that is there: its number, its rows, those that cannot be read, and whether it was there before."""

    number: int
    rows: int
    unreadable: int
    repeated: bool


@dataclass
class Held:
    """What of a stream changes with each batch; whoever has it holds the stream's row."""

    id: int
    loop: str
    last_number: int
    pending_rows: int
    pending_bytes: int
    oldest_at: datetime | None

    def next(self, sent: Sent) -> dict[str, object]:
        """The row of a batch."""
        batch = sent.batch
        told = {
            "rows": batch.rows,
            "unreadable": batch.unreadable,
            "size": len(batch.data),
            "data": batch.data,
        }
        named = {"stream": self.id, "number": self.last_number + 1, "key": sent.key, "digest": batch.digest}
        return told | named | {"at": utcnow()}

    def taken(self, batch: Batch) -> Kept:
        """Count it in."""
        self.last_number += 1
        self.pending_rows += batch.rows
        self.pending_bytes += len(batch.data)
        self.oldest_at = self.oldest_at or utcnow()
        return Kept(self.last_number, batch.rows, batch.unreadable, repeated=False)

    def changed(self) -> dict[str, object]:
        """What `CHANGE` writes."""
        counted = {"last": self.last_number, "waiting_rows": self.pending_rows}
        return counted | {"waiting_bytes": self.pending_bytes, "oldest": self.oldest_at, "of": self.id}


STREAM, BATCH = Stream.metadata.tables["streams"], Stream.metadata.tables["stream_batches"]
HELD = (
    select(*(STREAM.c[field.name] for field in fields(Held)))
    .where(STREAM.c.project == bindparam("project"), STREAM.c.loop == bindparam("loop"))
    .with_for_update()
)
EARLIER = select(BATCH.c.digest, BATCH.c.number, BATCH.c.rows, BATCH.c.unreadable).where(
    BATCH.c.stream == bindparam("of"), BATCH.c.key == bindparam("named")
)
ADD = {
    dialect: insert(BATCH).on_conflict_do_nothing(index_elements=["stream", "key"])
    for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
CHANGE = (
    update(STREAM)
    .where(STREAM.c.id == bindparam("of"))
    .values(
        last_number=bindparam("last"),
        pending_rows=bindparam("waiting_rows"),
        pending_bytes=bindparam("waiting_bytes"),
        oldest_at=bindparam("oldest"),
    )
)
"""What keeps a batch, made once: to put such statements together takes longer than to carry them out."""


async def get(session: AsyncSession, project: str, loop: str) -> Stream:
    """Raises: NotFound."""
    query = select(Stream).where(Stream.project == project, Stream.loop == loop)
    stream: Stream | None = await session.scalar(query)
    if stream is None:
        raise NotFound(UNOPENED.format(loop))
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


def keep(connection: Connection, sent: Sequence[Sent], most_bytes: int) -> list[Kept | MillraceError]:
    """Add batches to their streams, all in one transaction: what became of each, in their order.

    A batch whose key was here before is not added again. NotFound: nobody has opened the stream; Conflict: the key
    belongs to other rows; TooMany: *most_bytes* wait already.
    """
    answers: dict[int, Kept | MillraceError] = {}
    for project, loop in sorted({(one.project, one.loop) for one in sent}):
        mine = {n: one for n, one in enumerate(sent) if (one.project, one.loop) == (project, loop)}
        row = connection.execute(HELD, {"project": project, "loop": loop}).one_or_none()
        if row is None:
            answers |= dict.fromkeys(mine, NotFound(UNOPENED.format(loop)))
        else:
            kept = _keep(connection, Held(*row), mine.values(), most_bytes)
            answers |= zip(mine, kept, strict=True)
    return [answers[n] for n in range(len(sent))]


def _keep(
    connection: Connection, stream: Held, sent: Iterable[Sent], most_bytes: int
) -> list[Kept | MillraceError]:
    before = stream.last_number
    answers = [_kept(connection, stream, one, most_bytes) for one in sent]
    if stream.last_number > before:
        connection.execute(CHANGE, stream.changed())
    return answers


def _kept(connection: Connection, stream: Held, sent: Sent, most_bytes: int) -> Kept | MillraceError:
    """A batch that is added, or what became of it before: a key that is there already keeps its row out."""
    room = stream.pending_bytes < most_bytes
    if room and connection.execute(ADD[connection.dialect.name], stream.next(sent)).rowcount:
        return stream.taken(sent.batch)
    earlier = connection.execute(EARLIER, {"of": stream.id, "named": sent.key}).one_or_none()
    if earlier is None:
        return TooMany(FULL.format(stream.pending_rows, stream.loop), retry_after=RETRY_SECONDS)
    if earlier.digest != sent.batch.digest:
        return Conflict(f"The key '{sent.key}' belongs to a batch of other rows, number {earlier.number}.")
    return Kept(earlier.number, earlier.rows, earlier.unreadable, repeated=True)


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


def _chosen(stream: Stream) -> ColumnElement[bool]:
    span = StreamBatch.number.between(stream.settled_number + 1, stream.chosen_number)
    return and_(StreamBatch.stream == stream.id, span)


async def _at(session: AsyncSession, stream: int, number: int) -> datetime | None:
    mine = (StreamBatch.stream == stream, StreamBatch.number == number)
    at: datetime | None = await session.scalar(select(StreamBatch.at).where(*mine))
    return at
