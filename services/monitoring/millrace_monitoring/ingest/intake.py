"""The one way in for rows: a bounded queue, micro-batches, and an answer only when the rows are durable."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from millrace_contracts import access
from millrace_contracts.access import Access
from millrace_core.log import log
from millrace_monitoring.ingest import segments
from millrace_monitoring.ingest.counts import Tally
from millrace_monitoring.ingest.records import Record, record
from millrace_monitoring.ingest.segments import Segment
from millrace_monitoring.settings import LONGER

REMEMBERED = 200_000
"""Rows and requests of which a repeat is noticed at once; an older repeat is found when its day closes."""
BATCH_BYTES = 16 * 2**20
"""A micro-batch this large is written without waiting for more."""
CALM = 50
"""Records in a micro-batch that still cost more than what is around them: a file, a transaction, a pass that wakes."""
NOBODY = ("", "", "", "")
"""Whose records are counted under no name: what is no record, or names no endpoint."""
Payload = ExportLogsServiceRequest | Segment


class Full(Exception):
    """The queue is full; the records were dropped and counted."""


@dataclass
class Batch:
    """What one write makes durable."""

    segments: list[Segment] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    identities: list[int] = field(default_factory=list)
    records: int = 0
    """Log records that made it."""


@dataclass
class _Item:
    payload: Payload
    size: int
    done: asyncio.Future[None]


class Intake:
    """Collects payloads and writes them with *write*, which stores segments and counts in one transaction.

    Args:
        seconds: how long records are collected before they are written together; up to LONGER times as long
            while more than CALM come in that time.
        limit: bytes that may wait.
    """

    def __init__(self, write: Callable[[Batch], Awaitable[None]], seconds: float, limit: int) -> None:
        self._write, self._seconds, self._limit = write, seconds, limit
        self._waiting: list[_Item] = []
        self._size = 0
        self._wake = asyncio.Event()
        self._recent: OrderedDict[int, None] = OrderedDict()
        self._lost = Tally()
        self._came = 0
        """Log records in the batch before this one."""

    async def offer(self, payload: Payload) -> None:
        """Returns when the rows are durable. Raises Full; whatever the write raised."""
        size = payload.table.nbytes if isinstance(payload, Segment) else payload.ByteSize()
        self._wake.set()
        if self._size + size > self._limit:
            self._lost.merge(_offered(payload).as_dropped())
            raise Full
        item = _Item(payload, size, asyncio.get_running_loop().create_future())
        self._waiting.append(item)
        self._size += size
        await item.done

    def remember(self, segment: Segment) -> None:
        """Take the rows of a stored segment as seen (after a restart)."""
        self._keep(_row_identities(segment))

    async def run(self) -> None:
        """Write micro-batches until cancelled."""
        while True:
            await self._wake.wait()
            if self._size < BATCH_BYTES:
                await asyncio.sleep(self._seconds * min(max(self._came / CALM, 1.0), LONGER))
            self._wake.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write all that waits; whoever offered it hears the outcome."""
        items, self._waiting = self._waiting, []
        lost, self._lost = self._lost, Tally()
        try:
            batch = await asyncio.to_thread(self._prepare, [item.payload for item in items])
            self._came = batch.records
            batch.tally.merge(lost)
            await self._write(batch)
        except Exception as error:
            log.exception("records could not be written", exports=len(items), error=type(error).__name__)
            self._lost.merge(lost)
            for item in items:
                self._lost.merge(_offered(item.payload).as_dropped())
                _settle(item.done, error)
        else:
            self._keep(batch.identities)
            batch.tally.export()
            for item in items:
                _settle(item.done)
        finally:
            self._size -= sum(item.size for item in items)

    def _keep(self, identities: Sequence[int]) -> None:
        self._recent.update(dict.fromkeys(identities))
        while len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)

    def _prepare(self, payloads: list[Payload]) -> Batch:
        """Decode, leave repeats out, and build the segments (CPU work: in a thread)."""
        batch, records = Batch(), list[Record]()
        fresh: set[int] = set()
        for payload in payloads:
            if isinstance(payload, Segment):
                self._take_rows(payload, batch, fresh)
            else:
                records += self._take_records(payload, batch.tally, fresh)
        batch.segments += segments.of_records(records)
        batch.records = len(records)
        batch.identities = list(fresh)
        return batch

    def _take_records(
        self, export: ExportLogsServiceRequest, tally: Tally, fresh: set[int]
    ) -> Iterator[Record]:
        for said, nano in _log_records(export):
            one = said and record(said, nano)
            if one is None:
                tally.add(NOBODY, offered=1, written=1, faults=1)
                continue
            key = (one.project, one.endpoint, one.revision, one.listener)
            identity = hash((*key, one.request_id, -1 if one.fault else 0))
            if one.request_id and self._seen(identity, fresh):
                tally.add(key, offered=1, duplicates=1)
                continue
            tally.add(key, offered=1, written=1, rows=one.rows, faults=int(bool(one.fault)))
            yield one

    def _take_rows(self, segment: Segment, batch: Batch, fresh: set[int]) -> None:
        """Rows that came over REST: each counts by itself, under the listener `backfill`."""
        new = np.array([not self._seen(one, fresh) for one in _row_identities(segment)], dtype=bool)
        for revision, is_new in zip(segment.table["revision"].to_pylist(), new.tolist(), strict=True):
            key = (segment.project, segment.endpoint, revision, "backfill")
            batch.tally.add(key, offered=1, **({"written": 1, "rows": 1} if is_new else {"duplicates": 1}))
        if new.any():
            table = segment.table.filter(pa.array(new))
            batch.segments.append(Segment(segment.project, segment.endpoint, table))

    def _seen(self, identity: int, fresh: set[int]) -> bool:
        if identity in self._recent or identity in fresh:
            return True
        fresh.add(identity)
        return False


def _settle(done: asyncio.Future[None], error: Exception | None = None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


def _log_records(export: ExportLogsServiceRequest) -> Iterator[tuple[Access | None, int]]:
    """The fields and start time of each record; None for what is no record."""
    for resource in export.resource_logs:
        for scope in resource.scope_logs:
            for item in scope.log_records:
                yield _read(item), item.time_unix_nano


def _read(item: LogRecord) -> Access | None:
    """A record of a gateway that runs the version before this one has an attribute for each field."""
    if not item.attributes:
        return access.read(item.body.string_value)
    told = {pair.key: pair.value.string_value for pair in item.attributes}
    return access.read(access.written({"request": item.body.string_value} | told))


def _offered(payload: Payload) -> Tally:
    """How much was offered, by revision, without looking at the bodies."""
    tally = Tally()
    if isinstance(payload, Segment):
        for revision in payload.table["revision"].to_pylist():
            tally.add((payload.project, payload.endpoint, revision, "backfill"), offered=1)
        return tally
    for said, nano in _log_records(payload):
        one = said and record(said._replace(request="", response=""), nano)
        key = (one.project, one.endpoint, one.revision, one.listener) if one else NOBODY
        tally.add(key, offered=1)
    return tally


def _row_identities(segment: Segment) -> list[int]:
    columns = ("revision", "listener", "request_id", "index")
    rows = zip(*(segment.table[name].to_pylist() for name in columns), strict=True)
    prefix = (segment.project, segment.endpoint)
    return [hash((*prefix, *row)) for row in rows]
