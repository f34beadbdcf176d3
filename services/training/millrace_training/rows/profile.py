"""The columns of a dataset version and their numbers, for people and for comparisons."""

from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.bodies import Document
from millrace_contracts.data import ColumnType
from millrace_contracts.datasets import SchemaColumn
from millrace_contracts.durations import iso
from millrace_table import pieces, tensors
from millrace_table.pieces import Filed, Rows
from millrace_training.rows import figures

TYPES: dict[str, ColumnType] = {
    "double": "number",
    "int64": "integer",
    "bool": "boolean",
    "string": "string",
}
"""By what Arrow calls them; all others are times."""


def profile(rows: Rows) -> Document:
    """Rows, and for each column: type, missing, distinct values, and its extent or commonest values."""
    columns = {
        name: figures.of(rows, name) if isinstance(rows, Filed) else _column(rows.column(name))
        for name in rows.column_names
    }
    return {"rows": rows.num_rows, "columns": columns}


def schema(rows: Rows) -> list[SchemaColumn]:
    """The table's columns as the registry keeps them."""
    missing = missing_in(rows)
    return [
        SchemaColumn(
            name=field.name,
            type=_type(field.type),
            nullable=missing[field.name] > 0,
            shape=tensors.shape_of(field.type),
        )
        for field in rows.schema
    ]


def _type(kind: pa.DataType) -> ColumnType:
    return "tensor" if tensors.shape_of(kind) is not None else TYPES.get(str(kind), "timestamp")


def missing_in(rows: Rows) -> dict[str, int]:
    """How many values each column lacks."""
    counts = dict.fromkeys(rows.column_names, 0)
    for piece in pieces.of(rows):
        for name in piece.column_names:
            counts[name] += piece.column(name).null_count
    return counts


def span(rows: Rows, event_time: str | None) -> tuple[datetime | None, datetime | None]:
    """First and last instant of the event time."""
    if event_time is None:
        return None, None
    found = [pc.min_max(piece.column(0)).as_py() for piece in pieces.of(rows, [event_time])]
    firsts, lasts = ([ends[end] for ends in found if ends[end] is not None] for end in ("min", "max"))
    return min(firsts, default=None), max(lasts, default=None)


def _column(values: pa.ChunkedArray) -> Document:
    if tensors.shape_of(values.type) is not None:
        return figures.tensor(iter([values]))
    told: Document = {
        "type": str(values.type),
        "missing": values.null_count,
        "distinct": pc.count_distinct(values).as_py(),
    }
    present = values.drop_null()
    if not len(present):
        return told
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        return told | _numbers(present)
    if pa.types.is_timestamp(values.type):
        ends = pc.min_max(present).as_py()
        return told | {"minimum": iso(ends["min"]), "maximum": iso(ends["max"])}
    return told | {"top": _top(present)}


def _numbers(present: pa.ChunkedArray) -> Document:
    ends = pc.min_max(present).as_py()
    mean, deviation = pc.mean(present).as_py(), pc.stddev(present).as_py()
    quartiles = pc.quantile(present, [0.25, 0.5, 0.75]).to_pylist()
    return figures.numbers((ends["min"], ends["max"]), mean, deviation, quartiles)


def _top(present: pa.ChunkedArray) -> list[list[Any]]:
    """The commonest values with their counts, the alphabet deciding between equals."""
    counts = [(item["values"], item["counts"]) for item in present.value_counts().to_pylist()]
    counts.sort(key=lambda item: (-item[1], str(item[0])))
    return [[value, count] for value, count in counts[: figures.TOP]]
