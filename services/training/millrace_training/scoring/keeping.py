"""Input columns beside the answers: as they came, and where a kind of output has no such type, in the writing that
reads back as the same value."""

from decimal import Decimal
from typing import Literal

import pyarrow as pa

from millrace_table import cells

Output = Literal["csv", "parquet", "jsonl", "table"]
"""A file of answers, or rows of a database."""


def kept(came: pa.Table, wanted: list[str], output: Output) -> pa.Table:
    """The *wanted* columns."""
    if output == "parquet":
        return came.select(wanted)
    return pa.table({name: _column(came.column(name), output) for name in wanted})


def for_sqlite(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """What the driver of SQLite would refuse, or write without its zone or digits, as text."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return _moments(column) if kind.tz is not None else column.cast(pa.string())
    if pa.types.is_decimal(kind):
        return _plain_numbers(column)
    return column.cast(pa.string()) if pa.types.is_date(kind) or pa.types.is_time(kind) else _listed(column)


def _column(column: pa.ChunkedArray, output: Output) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _column(column.cast(kind.value_type), output)
    if pa.types.is_decimal(kind):
        return {"csv": _digits, "jsonl": _plain_numbers, "table": _same}[output](column)
    if pa.types.is_time(kind):
        return column if output == "table" else column.cast(pa.string())
    if pa.types.is_uint64(kind):
        return cells.raw(column) if output == "table" else column
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _moments(column) if output == "jsonl" else column
    simple = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_string)
    told = column if any(is_one(kind) for is_one in simple) else cells.raw(column)
    return _listed(told) if output == "csv" else told


def _same(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column


def _digits(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())


def _plain_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers where 64 bits hold every digit of all, else their text."""
    told = cells.raw(column)
    if not pa.types.is_floating(told.type):
        return told
    pairs = zip(column.to_pylist(), told.to_pylist(), strict=True)
    exact = all(value is None or Decimal(repr(number)) == value for value, number in pairs)
    return told if exact else _digits(column)


def _moments(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times in ISO 8601 with their offset; one of no year from 1 to 9999 as Arrow writes it."""
    try:
        values = [None if value is None else value.isoformat() for value in column.to_pylist()]
    except (ValueError, OverflowError):
        return column.cast(pa.string())
    return pa.chunked_array([pa.array(values, pa.string())])


def _listed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lists as JSON."""
    if not pa.types.is_nested(column.type):
        return column
    values = [None if value is None else cells.written(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(values, pa.string())])
