"""Columns as a driver hands them out, in the types that a reader of rows knows."""

import pyarrow as pa
import pyarrow.compute as pc

from millrace_table import texts


def plain(table: pa.Table) -> pa.Table:
    """The table without types of one database only: NUMERIC becomes numbers, UUID and JSON text."""
    columns = [_plain(table.column(index)) for index in range(table.num_columns)]
    return pa.table(columns, names=table.column_names)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if not isinstance(kind, pa.BaseExtensionType):
        return column
    stored = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
    if isinstance(kind, pa.OpaqueType) and kind.type_name in ("numeric", "decimal"):
        return _numbers(stored)
    if isinstance(kind, pa.UuidType):
        return pa.chunked_array(
            [[None if item is None else str(item) for item in column.to_pylist()]], pa.string()
        )
    return stored


def _numbers(digits: pa.ChunkedArray) -> pa.ChunkedArray:
    """As a decimal of Parquet: whole numbers where all are, text where one is beyond 64 bits, else floats."""
    if not pc.all(pc.match_substring_regex(digits, texts.INTEGER), min_count=0).as_py():
        return digits.cast(pa.float64())
    try:
        return digits.cast(pa.int64())
    except pa.ArrowInvalid:
        return digits
