"""The columns of a dataset version and their numbers, for people and for comparisons."""

from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.bodies import Document
from millrace_contracts.data import ColumnType
from millrace_contracts.datasets import SchemaColumn
from millrace_contracts.durations import iso

TOP = 10
TYPES: dict[str, ColumnType] = {
    "double": "number",
    "int64": "integer",
    "bool": "boolean",
    "string": "string",
}
"""By what Arrow calls them; all others are times."""


def profile(table: pa.Table) -> Document:
    """Rows, and for each column: type, missing, distinct values, and its extent or commonest values."""
    columns = {field.name: _column(table.column(field.name)) for field in table.schema}
    return {"rows": table.num_rows, "columns": columns}


def schema(table: pa.Table) -> list[SchemaColumn]:
    """The table's columns as the registry keeps them."""
    return [
        SchemaColumn(
            name=field.name,
            type=TYPES.get(str(field.type), "timestamp"),
            nullable=table.column(field.name).null_count > 0,
        )
        for field in table.schema
    ]


def span(table: pa.Table, event_time: str | None) -> tuple[datetime | None, datetime | None]:
    """First and last instant of the event time."""
    if event_time is None:
        return None, None
    ends = pc.min_max(table.column(event_time)).as_py()
    return ends["min"], ends["max"]


def _column(values: pa.ChunkedArray) -> Document:
    figures: Document = {
        "type": str(values.type),
        "missing": values.null_count,
        "distinct": pc.count_distinct(values).as_py(),
    }
    present = values.drop_null()
    if not len(present):
        return figures
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        return figures | _numbers(present)
    if pa.types.is_timestamp(values.type):
        ends = pc.min_max(present).as_py()
        return figures | {"minimum": iso(ends["min"]), "maximum": iso(ends["max"])}
    return figures | {"top": _top(present)}


def _numbers(present: pa.ChunkedArray) -> Document:
    ends = pc.min_max(present).as_py()
    quartiles = pc.quantile(present, [0.25, 0.5, 0.75]).to_pylist()
    return {
        "minimum": ends["min"],
        "maximum": ends["max"],
        "mean": _six(pc.mean(present).as_py()),
        "deviation": _six(pc.stddev(present).as_py()),
        "quartiles": [_six(value) for value in quartiles],
    }


def _top(present: pa.ChunkedArray) -> list[list[Any]]:
    """The commonest values with their counts, the alphabet deciding between equals."""
    counts = [(item["values"], item["counts"]) for item in present.value_counts().to_pylist()]
    counts.sort(key=lambda item: (-item[1], str(item[0])))
    return [[value, count] for value, count in counts[:TOP]]


def _six(value: float) -> float:
    return float(f"{value:.6g}")
