"""Which labels are of a row that was predicted: looked up in the log, so that a wrong request id does not vanish."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from millrace_contracts.labels import LabelWrite
from millrace_core.errors import NotFound, Unavailable
from millrace_monitoring.ingest import queries as ingest
from millrace_monitoring.ingest import segments
from millrace_monitoring.ingest.records import FIRST, LAST
from millrace_monitoring.labels import queries
from millrace_monitoring.services import Services

TRIES = 3
KEY = ["request_id", "index"]
Row = tuple[str, int]


async def logged(services: Services, project: str, endpoint: str, labels: Sequence[LabelWrite]) -> set[Row]:
    """Which rows of *labels* are kept: among the open segments, else in closed days, newest first.

    Raises: Unavailable when files are replaced faster than they are read.
    """
    asked = {(label.request_id, label.index) for label in labels}
    for _ in range(TRIES):
        with contextlib.suppress(NotFound):
            return await _hits(services, project, endpoint, asked) if asked else set()
    raise Unavailable("A day is closing; send the labels again.")


async def _hits(services: Services, project: str, endpoint: str, asked: set[Row]) -> set[Row]:
    async with services.readers() as session:
        opened = [item.digest for item in await ingest.spanning(session, project, endpoint, FIRST, LAST)]
        days = await queries.files_of_days(session, project, endpoint)
    wanted = pa.array(sorted({request for request, _ in asked}), pa.string())
    hits: set[Row] = set()
    for digest, is_open in [*((one, True) for one in opened[::-1]), *((one, False) for one in days)]:
        if len(hits) < len(asked):
            data = await services.store.read(digest)
            hits |= asked & set(await asyncio.to_thread(_rows, data, is_open, wanted))
    return hits


def _rows(data: bytes, is_open: bool, wanted: pa.Array) -> Iterator[Row]:
    table = segments.load(data).select(KEY) if is_open else pq.read_table(pa.BufferReader(data), columns=KEY)
    rows = table.filter(pc.is_in(table["request_id"], value_set=wanted))
    return zip(rows["request_id"].to_pylist(), rows["index"].to_pylist(), strict=True)
