"""Segments: what arrived together for one endpoint, as one Arrow table; and reading several of them as one.

A table has the COLUMNS below and one column for each tensor (`number:…`, `exact:…`, `integer:…`, `text:…`, and
`tensor:…` with a list of numbers a row, see bodies). Where an answer was a vector, `probabilities` holds it (see
`vectors`) and `prediction` is NaN. A request without rows (its *fault* says why) is one line with index -1.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.signature import Input
from millrace_monitoring.ingest.records import Record
from millrace_monitoring.ingest.tensors import Values, numbers, stacked

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
TOLD = [(item.name, item.type) for item in COLUMNS if item.name not in ("index", "prediction")]
"""What a record tells once for all its rows."""
NOT_ANSWERED = np.array([np.nan])
VECTORS = "probabilities"
VECTOR = pa.list_(pa.float32())
PLAIN_BYTES = 64 * 1024
"""A smaller table is stored as it is: its columns are too short to gain much, and it will soon be merged."""
TYPES = {"number": pa.float32(), "exact": pa.float64(), "integer": pa.int64(), "text": pa.string()}
KINDS = {"FP32": "number", "FP64": "exact", "INT64": "integer", "BYTES": "text"}
"""What a tensor of the signature is kept as."""
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
        times = pc.min_max(self.table["event_time"]).as_py()
        return times["min"], times["max"]


def of_records(records: Iterable[Record]) -> list[Segment]:
    """One segment an endpoint."""
    grouped: dict[tuple[str, str], dict[tuple[tuple[str, ...], int], list[Record]]] = {}
    for record in records:
        shapes = grouped.setdefault((record.project, record.endpoint), {})
        names = record.features.names if record.rows else ()
        shapes.setdefault((names, record.width), []).append(record)
    return [
        Segment(*endpoint, joined([_table(group, *shape) for shape, group in sorted(shapes.items())]))
        for endpoint, shapes in sorted(grouped.items())
    ]


def _table(records: list[Record], names: tuple[str, ...], width: int) -> pa.Table:
    """Records with the same tensors, and answers of the same width, as one table: a line for each row, or one for a
    record without rows."""
    rows = np.array([record.rows for record in records])
    sizes = np.maximum(rows, 1)
    of_line = np.repeat(np.arange(len(records)), sizes)
    data = {name: pa.array([getattr(record, name) for record in records], kind) for name, kind in TOLD}
    if len(of_line) > len(records):
        data = {name: column.take(pa.array(of_line)) for name, column in data.items()}
    index = np.where(rows[of_line] > 0, np.arange(len(of_line)) - (np.cumsum(sizes) - sizes)[of_line], -1)
    answers = np.concatenate([record.predictions if record.rows else NOT_ANSWERED for record in records])
    data["index"] = pa.array(index, pa.int32())
    if width > 1:
        data[VECTORS] = lists(answers)
        answers = np.full(len(answers), np.nan)
    data["prediction"] = pa.array(answers, pa.float64(), mask=index < 0)
    if names:
        data |= _features(names, [record.features.values for record in records], rows)
    return pa.table(data)


def _features(names: tuple[str, ...], held: list[Sequence[Values]], rows: np.ndarray) -> dict[str, pa.Array]:
    """The columns, from what each record holds of them; *rows* of each record."""
    kind = names[0].partition(":")[0]
    columns = stacked(held, kind)
    if columns is not None:
        return {name: pa.array(column, TYPES[kind]) for name, column in zip(names, columns, strict=True)}
    pieces = zip(*held, strict=True)
    return {name: _feature(name, values, rows) for name, values in zip(names, pieces, strict=True)}


def _feature(name: str, pieces: Sequence[Any], rows: np.ndarray) -> pa.Array:
    """One column from each record's part of it: lists of str, or bytes of numbers; *rows* of each record."""
    kind = name.partition(":")[0]
    if kind == "tensor":
        values = numbers(kind, b"".join(pieces))
        each = [
            len(piece) // values.itemsize // max(count, 1) for piece, count in zip(pieces, rows, strict=True)
        ]
        ends = np.concatenate([[0], np.cumsum(np.repeat(each, rows))])
        return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(values, pa.float32()))
    if kind == "text":
        return pa.array(list(chain.from_iterable(pieces)), TYPES[kind])
    return pa.array(numbers(kind, b"".join(pieces)), TYPES[kind])


def column(item: Input) -> str:
    """The column that keeps a tensor of the signature."""
    return f"{KINDS[item.datatype] if item.shape is None else 'tensor'}:{item.name}"


def cells(table: pa.Table, item: Input) -> np.ndarray | None:
    """The cells of an input with a shape, float32 (rows, *shape), NaN where there is none; None if no row has one."""
    name, width = column(item), prod(item.dims)
    if name not in table.column_names:
        return None
    made = np.full((len(table), width), np.nan, np.float32)
    held = table[name].combine_chunks()
    fits = np.asarray(pc.fill_null(pc.equal(pc.list_value_length(held), width), False))
    made[fits] = held.filter(pa.array(fits)).flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    return made.reshape(len(table), *item.dims)


def tensor(table: pa.Table, datatype: str, name: str) -> pa.ChunkedArray | None:
    """The values of a tensor of the signature, null where it was not sent; None if no row has it.

    A number is also taken from rows whose model knew it in other bits.
    """
    kind = KINDS[datatype]
    kinds = sorted(("number", "exact"), key=kind.__ne__) if kind in ("number", "exact") else [kind]
    held = [table[f"{kind}:{name}"] for kind in kinds if f"{kind}:{name}" in table.column_names]
    if not held:
        return None
    return pc.coalesce(*(column.cast(TYPES[kind], safe=False) for column in held))


def lists(values: np.ndarray) -> pa.ListArray:
    """An array of shape (rows, classes) as a column."""
    rows, width = values.shape
    offsets = np.arange(0, rows * width + 1, width, dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values.astype(np.float32).reshape(-1)))


def vectors(table: pa.Table, width: int) -> np.ndarray:
    """Each row's vector, float32 of shape (rows, width); NaN where a row has none, or one of another width."""
    rows, fits = np.full((len(table), width), np.nan, np.float32), fitting(table, width)
    if fits.any():
        chosen = table[VECTORS].combine_chunks().filter(pa.array(fits))
        rows[fits] = chosen.flatten().to_numpy().reshape(-1, width)
    return rows


def fitting(table: pa.Table, width: int) -> np.ndarray:
    """Which rows have a vector of this width, bool of shape (rows,)."""
    if VECTORS not in table.column_names:
        return np.zeros(len(table), dtype=bool)
    fits = pc.fill_null(pc.equal(pc.list_value_length(table[VECTORS]), width), False)
    return np.asarray(fits.to_numpy(), dtype=bool)


def width(table: pa.Table) -> int:
    """Values of the longest vector; 0 where there is none."""
    if VECTORS not in table.column_names:
        return 0
    return pc.max(pc.list_value_length(table[VECTORS])).as_py() or 0


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables one below the other; a column that one lacks is null there. Columns in one fixed order."""
    if not tables:
        return COLUMNS.empty_table()
    table = pa.concat_tables(tables, promote_options="default")
    extra = sorted(set(table.column_names) - set(COLUMNS.names))
    return table.select([*COLUMNS.names, *extra])


def dump(table: pa.Table) -> bytes:
    """The table as an Arrow IPC file; a small one is not compressed, which would take most of its time."""
    sink = pa.BufferOutputStream()
    compression = "zstd" if table.nbytes > PLAIN_BYTES else None
    options = pa.ipc.IpcWriteOptions(compression=compression, use_threads=False)
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
    if pc.count_distinct(table["request_id"], mode="all").as_py() == len(table):
        return table  # of grouping, even a few rows cost a millisecond
    identity = ("request_id", "index", "listener", "revision")
    first = table.select(identity).append_column("line", pa.array(np.arange(len(table))))
    lines = first.group_by(list(identity)).aggregate([("line", "min")])["line_min"]
    return table.take(pa.array(np.sort(lines.to_numpy())))
