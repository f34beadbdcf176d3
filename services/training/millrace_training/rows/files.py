"""Parquet files of dataset versions: the same rows give the same bytes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet

from millrace_table import pieces, tensors
from millrace_table.pieces import Rows

ROW_GROUP = 1 << 16


FORM = {
    "compression": "zstd",
    "compression_level": 3,
    "version": "2.6",
    "use_dictionary": True,
    "write_statistics": True,
    "store_schema": False,
    "coerce_timestamps": "us",
}


def to_parquet(table: pa.Table) -> bytes:
    """The table as Parquet bytes (zstd); they depend on its rows and types alone."""
    sink = pa.BufferOutputStream()
    _write(iter([table]), table.schema, sink)
    return bytes(sink.getvalue())


def to_file(rows: Rows, path: Path) -> Path:
    """The same bytes as a file at *path*."""
    _write(pieces.of(rows), rows.schema, path)
    return path


def _write(rows: Iterator[pa.Table], schema: pa.Schema, sink: Path | pa.BufferOutputStream) -> None:
    shaped = any(tensors.shape_of(field.type) is not None for field in schema)
    form = FORM | {"store_schema": shaped}  # Parquet itself does not know that lists are of one length
    with parquet.ParquetWriter(sink, schema.remove_metadata(), **form) as writer:
        for group in _groups(rows, schema):
            writer.write_table(group.replace_schema_metadata(None).combine_chunks(), ROW_GROUP)


def _groups(rows: Iterator[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows, a multiple of a row group's at a time; one empty table for none."""
    held, written = schema.empty_table(), False
    for piece in rows:
        held = pa.concat_tables([held, piece])
        full = held.num_rows - held.num_rows % ROW_GROUP
        if full:
            yield held.slice(0, full)
            held, written = held.slice(full), True
    if held.num_rows or not written:
        yield held


def from_parquet(parts: Sequence[bytes | Path]) -> pa.Table:
    """The rows of several files of one dataset, in order; a column that a file lacks is missing there."""
    return together([_read(part) for part in parts])


def _read(part: bytes | Path) -> pa.Table:
    return parquet.read_table(pa.BufferReader(part) if isinstance(part, bytes) else part)


def together(tables: list[pa.Table]) -> pa.Table:
    """The rows of all tables; where a column has changed its type, the wider one counts, and text is the widest."""
    if not tables:
        return pa.table({})
    seen: dict[str, set[pa.DataType]] = {}
    for field in (field for table in tables for field in table.schema):
        seen.setdefault(field.name, set()).add(field.type)
    changed = {name for name, types in seen.items() if len(types) > 1}
    return pa.concat_tables([_fitted(table, changed, seen) for table in tables], promote_options="permissive")


def _fitted(table: pa.Table, changed: set[str], seen: dict[str, set[pa.DataType]]) -> pa.Table:
    for place, name in enumerate(table.column_names):
        if name not in changed:
            continue
        column = table.column(name)
        if column.null_count == len(column):
            table = table.set_column(place, name, pa.nulls(len(column)))
        elif pa.string() in seen[name]:
            table = table.set_column(place, name, column.cast(pa.string()))
    return table
