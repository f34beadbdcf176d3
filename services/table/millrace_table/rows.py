"""Rows of a file as JSON objects, for asking a model about them."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from millrace_contracts.formats import format_of
from millrace_table import columns, reading
from millrace_table.refusals import Unreadable

__all__ = ["Unreadable", "plain", "read"]


def read(path: Path, timezone: str = "UTC") -> pa.Table:
    """The file's table, each column in the narrowest type that fits. Raises: Unreadable, UnknownFormat."""
    raw = reading.read(path.read_bytes(), format_of(path))
    return pa.table(
        {
            name: columns.convert(raw.column(name), columns.infer(raw.column(name)), timezone, name).values
            for name in raw.column_names
        }
    )


def plain(table: pa.Table) -> list[dict[str, Any]]:
    """The rows with null for missing values and ISO 8601 for times."""
    return [
        {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
        for row in table.to_pylist()
    ]
