"""SQL of the intake: segments with their counts in one transaction, and the segments of a span."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from millrace_core.storage import Blob
from millrace_monitoring.ingest.counts import FIELDS, Key, Tally
from millrace_monitoring.ingest.segments import Segment as Rows
from millrace_monitoring.monitors import stream
from millrace_monitoring.tables import Count, Monitor, Review, Segment


@dataclass(frozen=True)
class Stored:
    """A segment whose bytes are durable."""

    rows: Rows
    blob: Blob


async def add(session: AsyncSession, stored: Sequence[Stored], tally: Tally) -> None:
    """Record stored segments and counts, and move each monitor's newest event time."""
    for item in stored:
        put(session, item)
        await _advance(session, item.rows, tally)
    for key, counted in tally.counts.items():
        await _count(session, key, counted)


async def add_reviews(session: AsyncSession, entries: Sequence[Review]) -> None:
    """Put entries into the queue of reviews; a row that is there already stays as it is."""
    if not entries:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    names = [column.key for column in Review.__table__.columns if column.key != "number"]
    rows = [{name: getattr(entry, name) for name in names} for entry in entries]
    row = [Review.project, Review.endpoint, Review.request_id, Review.index]
    await session.execute(dialect.insert(Review).on_conflict_do_nothing(index_elements=row), rows)


def put(session: AsyncSession, item: Stored) -> None:
    """Record one stored segment."""
    first, last = item.rows.span
    session.add(
        Segment(
            project=item.rows.project,
            endpoint=item.rows.endpoint,
            digest=item.blob.digest,
            size=item.blob.size,
            rows=len(item.rows.table),
            first_event=first,
            last_event=last,
        )
    )


async def _advance(session: AsyncSession, rows: Rows, tally: Tally) -> None:
    """Move the newest event time of answered rows; rows of a day that has closed are counted as late."""
    key = (Monitor.project == rows.project, Monitor.endpoint == rows.endpoint)
    light = defer(Monitor.declared, raiseload=True)
    monitor = await session.scalar(select(Monitor).options(light).where(*key).with_for_update())
    if monitor is None:
        return
    is_answer = pc.greater_equal(rows.table["index"], 0)
    instants = rows.table["event_time"].filter(is_answer).to_numpy()
    monitor.event_time_max = await _newest(session, monitor, instants)
    distant = stream.far(instants, monitor.event_time_max)
    if distant.any():
        for revision in rows.table["revision"].filter(is_answer).filter(pa.array(distant)).to_pylist():
            tally.add((rows.project, rows.endpoint, revision, "inference"), faults=1)
    if monitor.closed_through is not None:
        times = rows.table["event_time"].to_numpy()
        late = times < np.datetime64(monitor.closed_through.replace(tzinfo=None), "us")
        for revision in rows.table.filter(late.tolist())["revision"].to_pylist() if late.any() else ():
            tally.add((rows.project, rows.endpoint, revision, "inference"), late=1)


async def _newest(session: AsyncSession, monitor: Monitor, instants: np.ndarray) -> datetime | None:
    """The newest event time that counts; few rows that lie far from all others do not."""
    before, behind = monitor.event_time_max, 0
    if before is not None and stream.far(instants, before).any():
        behind = await _rows_since(session, monitor, before + stream.FAR)
    if before is not None and await _is_stray(session, monitor, instants, before):
        before = None
    return stream.newest(instants, before, behind)


async def _is_stray(session: AsyncSession, monitor: Monitor, instants: np.ndarray, before: datetime) -> bool:
    """Whether few rows told of *before* and many lie far before it, while no day has closed yet."""
    if monitor.state or int(stream.far_before(instants, before).sum()) < stream.FEW:
        return False
    return await _rows_since(session, monitor, before - stream.FAR) < stream.FEW


async def _rows_since(session: AsyncSession, monitor: Monitor, since: datetime) -> int:
    """Rows of the stored segments that lie wholly at or after *since*."""
    where = (
        Segment.project == monitor.project,
        Segment.endpoint == monitor.endpoint,
        Segment.first_event >= since,
    )
    return await session.scalar(select(func.sum(Segment.rows)).where(*where)) or 0


async def add_faults(
    session: AsyncSession, project: str, endpoint: str, requests: Sequence[tuple[str, str]]
) -> None:
    """Count stored rows as faults, by the (revision, listener) of each."""
    tally = Tally()
    for revision, listener in requests:
        tally.add((project, endpoint, revision, listener), faults=1)
    for key, counted in tally.counts.items():
        await _count(session, key, counted)


async def _count(session: AsyncSession, key: Key, counted: dict[str, int]) -> None:
    where = (
        Count.project == key[0],
        Count.endpoint == key[1],
        Count.revision == key[2],
        Count.listener == key[3],
    )
    more = {name: getattr(Count, name) + counted[name] for name in FIELDS}
    changed = await session.execute(update(Count).where(*where).values(**more))
    if changed.rowcount == 0:  # type: ignore[attr-defined]
        first = dict(zip(("project", "endpoint", "revision", "listener"), key, strict=True))
        session.add(Count(**first, **{name: counted[name] for name in FIELDS}))
        await session.flush()


async def spanning(
    session: AsyncSession, project: str, endpoint: str, begin: datetime | None, end: datetime
) -> list[Segment]:
    """Segments that may hold rows with an event time in [begin, end); begin None: from the first."""
    where = [Segment.project == project, Segment.endpoint == endpoint, Segment.first_event < end]
    if begin is not None:
        where.append(Segment.last_event >= begin)
    return list((await session.scalars(select(Segment).where(*where).order_by(Segment.number))).all())


async def crowded(session: AsyncSession, rows: int, many: int) -> list[tuple[str, str]]:
    """Endpoints (with their project) that have at least *many* segments with fewer than *rows* rows."""
    key = (Segment.project, Segment.endpoint)
    statement = select(*key).where(Segment.rows < rows).group_by(*key).having(func.count() >= many)
    return [(row[0], row[1]) for row in await session.execute(statement)]


async def small(session: AsyncSession, project: str, endpoint: str, rows: int, many: int) -> list[Segment]:
    """The first *many* segments with fewer than *rows* rows."""
    where = (Segment.project == project, Segment.endpoint == endpoint, Segment.rows < rows)
    return list(
        (await session.scalars(select(Segment).where(*where).order_by(Segment.number).limit(many))).all()
    )


async def newest(session: AsyncSession, rows: int) -> list[Segment]:
    """The newest segments, of all endpoints, that together hold at most about *rows* rows; oldest first."""
    kept: list[Segment] = []
    for segment in await session.scalars(select(Segment).order_by(Segment.number.desc()).limit(2000)):
        rows -= segment.rows
        if rows < 0:
            break
        kept.append(segment)
    return kept[::-1]


async def first_event(
    session: AsyncSession, project: str, endpoint: str, since: datetime | None = None
) -> datetime | None:
    """The earliest event time among the stored segments that begin at or after *since*; None: among all."""
    where = [Segment.project == project, Segment.endpoint == endpoint]
    if since is not None:
        where.append(Segment.first_event >= since)
    return await session.scalar(select(func.min(Segment.first_event)).where(*where))


async def remove(session: AsyncSession, numbers: Sequence[int]) -> None:
    await session.execute(delete(Segment).where(Segment.number.in_(numbers)))
