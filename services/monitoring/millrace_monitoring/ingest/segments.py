"""Segments: what arrived together for one endpoint, as one Arrow table; and reading several of them as one.

A table has the COLUMNS below and one column for each tensor (`number:…`, `integer:…`, `text:…`, see bodies).
A request without rows (its *fault* says why) is one line with index -1.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from millrace_monitoring.ingest.records import Record

TIME = pa.timestamp("us", tz="UTC")
COLUMNS = pa.schema(
    [
        ("request_id", pa.string()),
        ("index", pa.int32()),
        ("event_time", TIME),
        ("at", TIME),
        ("listener", pa.string()),
        ("revision", pa.string()),
        ("key", pa.string()),
        ("status", pa.int16()),
        ("duration_ms", pa.float32()),
        ("prediction", pa.float64()),
        ("fault", pa.string()),
    ]
)
TYPES = {"number": pa.float32(), "integer": pa.int64(), "text": pa.string()}
KEY = [("event_time", "ascending"), ("request_id", "ascending"), ("index", "ascending")]
IDENTITY = [*KEY, ("listener", "ascending"), ("revision", "ascending"), ("at", "ascending")]


@dataclass(frozen=True)
class Segment:
    """A table with what SQL keeps of it; *digest* is known once it is stored."""

    project: str
    endpoint: str
    table: pa.Table

    @property
    def span(self) -> tuple[datetime, datetime]:
        """First and last event time."""
        times = self.table["event_time"]
        return min(times.to_pylist()), max(times.to_pylist())

    @property
    def last_answer(self) -> datetime | None:
        """Last event time of an answered row; None when there is none."""
        answered = self.table["event_time"].filter(pa.compute.greater_equal(self.table["index"], 0))
        return pa.compute.max(answered).as_py()  # type: ignore[no-any-return]


def of_records(records: Iterable[Record]) -> list[Segment]:
    """One segment an endpoint."""
    grouped: dict[tuple[str, str], dict[tuple[str, ...], list[Record]]] = {}
    for record in records:
        shapes = grouped.setdefault((record.project, record.endpoint), {})
        shapes.setdefault(tuple(sorted(record.features)), []).append(record)
    return [
        Segment(*endpoint, joined([_table(group, names) for names, group in sorted(shapes.items())]))
        for endpoint, shapes in sorted(grouped.items())
    ]


def _table(records: list[Record], names: tuple[str, ...]) -> pa.Table:
    """Records with the same tensors as one table."""
    sizes = np.array([max(record.rows, 1) for record in records])

    def repeated(values: list[object], kind: pa.DataType) -> pa.Array:
        return pa.array(values, kind).take(pa.array(np.repeat(np.arange(len(records)), sizes)))

    index = [np.arange(record.rows) if record.rows else np.array([-1]) for record in records]
    answers = [record.predictions if record.rows else np.array([np.nan]) for record in records]
    data = {
        "index": pa.array(np.concatenate(index), pa.int32()),
        "prediction": pa.array(
            np.concatenate(answers),
            pa.float64(),
            mask=np.repeat([not record.rows for record in records], sizes),
        ),
    }
    for column in COLUMNS:
        if column.name not in data:
            data[column.name] = repeated([getattr(record, column.name) for record in records], column.type)
    for name in names:
        data[name] = _feature(records, name)
    return pa.table(data)


def _feature(records: list[Record], name: str) -> pa.Array:
    joined_up = np.concatenate([record.features[name] for record in records])
    return pa.array(joined_up, TYPES[name.partition(":")[0]])


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables one below the other; a column that one lacks is null there. Columns in one fixed order."""
    if not tables:
        return COLUMNS.empty_table()
    table = pa.concat_tables(tables, promote_options="default")
    extra = sorted(set(table.column_names) - set(COLUMNS.names))
    return table.select([*COLUMNS.names, *extra])


def dump(table: pa.Table) -> bytes:
    """The table as an Arrow IPC file."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table.combine_chunks())
    return sink.getvalue().to_pybytes()


def load(data: bytes) -> pa.Table:
    """The table of `dump`."""
    return pa.ipc.open_file(pa.py_buffer(data)).read_all()


def between(table: pa.Table, begin: datetime, end: datetime) -> pa.Table:
    """The rows whose event time lies in [begin, end)."""
    times = table["event_time"].to_numpy()
    first, last = (np.datetime64(moment.replace(tzinfo=None), "us") for moment in (begin, end))
    return table.filter(pa.array((times >= first) & (times < last)))


def unique(table: pa.Table) -> pa.Table:
    """In one fixed order, each (request id, index, listener, revision) once: the one that came first."""
    table = table.sort_by(IDENTITY).combine_chunks()
    identity = ("request_id", "index", "listener", "revision")
    first = table.select(identity).append_column("line", pa.array(np.arange(len(table))))
    lines = first.group_by(list(identity)).aggregate([("line", "min")])["line_min"]
    return table.take(pa.array(np.sort(lines.to_numpy())))
