"""Rows of a file as JSON objects, for asking a model about them: its signature says what a cell is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from millrace_contracts.data import ColumnType
from millrace_contracts.formats import format_of
from millrace_contracts.signature import Signature
from millrace_contracts.tables import Dialect
from millrace_table import columns, numbers, reading, settling, tensors
from millrace_table.refusals import Unreadable

__all__ = ["Asked", "Unreadable", "plain", "read"]

TYPES: dict[str, ColumnType] = {
    "number": "number",
    "boolean": "boolean",
    "category": "string",
    "timestamp": "timestamp",
    "tensor": "tensor",
}
"""What a column of each kind of input holds."""


@dataclass(frozen=True)
class Asked:
    """The inputs of a model for every row of a file, when each happened, and what the file holds besides."""

    rows: list[dict[str, Any]]
    times: list[datetime | None]
    unused: list[str]


def read(
    path: Path, signature: Signature, dialect: Dialect | None = None, event_time: str | None = None
) -> Asked:
    """The rows of *path* as the model takes them.

    Args:
        dialect: how the data's contract says that cells are written.
        event_time: the column that says when a row happened, if the file has it.
    Raises: Unreadable for a file that is no table, lacks an input, or has a cell that is none; UnknownFormat.
    """
    wanted = {item.column: item for item in signature.inputs}
    written = said(signature, dialect)
    loaded = reading.load(path, format_of(path), written.over(dialect), wanted)
    reading.refuse_rejects(loaded, 0.0)
    raw = loaded.table
    numeric = [name for name, item in wanted.items() if item.kind == "number"]
    written = settling.agreed(raw, written, numeric) or written
    lacking = [name for name in wanted if name not in raw.column_names]
    if lacking:
        mend = f"The model takes: {', '.join(wanted)}"
        raise Unreadable("columns", f"The column {lacking[0]!r} is lacking.", mend, column=lacking[0])
    zone = signature.timezone or "UTC"
    typed = {
        name: _column(raw, name, TYPES[item.kind], zone, written, item.shape) for name, item in wanted.items()
    }
    times: list[datetime | None] = [None] * raw.num_rows
    if event_time is not None and event_time in raw.column_names:
        times = _column(raw, event_time, "timestamp", zone, written).to_pylist()
    unused = [name for name in raw.column_names if name not in wanted and name != event_time]
    return Asked(plain(pa.table(typed)), times, unused)


def said(signature: Signature, dialect: Dialect | None) -> Dialect:
    """What the signature says of cells, and the contract of those numbers that can be read in two ways."""
    given = dialect or Dialect()
    return Dialect(
        decimal=given.decimal,
        thousands=given.thousands,
        missing=signature.missing or given.missing or [],
        date_order=signature.date_order or given.date_order,
    )


def _column(
    raw: pa.Table,
    name: str,
    type: ColumnType,
    zone: str,
    dialect: Dialect,
    shape: Sequence[int] | None = None,
) -> pa.Array:
    typed = columns.convert(raw.column(name), type, zone, name, dialect, shape=shape)
    if typed.bad.any():
        places: Sequence[int] = typed.bad.nonzero()[0].tolist()
        if shape is None:
            wanted = str(type)
            shown = [
                f"row {place + 1}: {str(raw.column(name)[place].as_py())[:60]!r}" for place in places[:5]
            ]
        else:
            wanted = f"{type} of the shape {list(shape)}"
            shown = tensors.told(raw.column(name), typed.bad, shape)
        seen = f"{len(places)} cells of '{name}' are no {wanted}: {', '.join(shown)}."
        mend = f"Correct them, or leave them empty: the model takes a {wanted} there."
        if type == "number" and any(
            numbers.in_two_ways(str(raw.column(name)[place])) for place in places[:5]
        ):
            mend = "They can be read in two ways: say --decimal and --thousands."
        raise Unreadable("type", seen, mend, column=name, rows=len(places), examples=shown)
    return typed.values


def plain(table: pa.Table) -> list[dict[str, Any]]:
    """The rows with null for missing values and ISO 8601 for times."""
    return [_row(row) for row in table.to_pylist()]


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
