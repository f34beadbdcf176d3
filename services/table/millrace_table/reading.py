"""Read a file as a table of raw columns, or refuse it in words that its owner understands."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from millrace_table import delimited, jsonl
from millrace_table.names import check_names
from millrace_table.refusals import Unreadable


def read(data: bytes, format: str) -> pa.Table:
    """The rows of *data* (csv, parquet or jsonl).

    Returns: a table whose columns are strings (all of them for CSV; JSON values of mixed types), booleans,
        integers, floats, or timestamps. Types are settled later, by inference or by a contract.
    Raises: Unreadable for an empty file, one without rows, a wrong encoding, ragged rows, duplicate or
        unnamed columns, or values that are no table cells.
    """
    if not data.strip():
        raise Unreadable("file", "The file is empty.", "Send a file with a header and rows.")
    readers: dict[str, Callable[[bytes], pa.Table]] = {
        "csv": delimited.read,
        "jsonl": jsonl.read,
        "parquet": _parquet,
    }
    table = readers[format](data)
    check_names(table.column_names)
    if table.num_rows == 0:
        raise Unreadable(
            "rows", "The file has a header and no rows.", "Send the rows too.", allowed="at least 1"
        )
    return table


def _parquet(data: bytes) -> pa.Table:
    import pyarrow.parquet as parquet

    try:
        file = parquet.ParquetFile(pa.BufferReader(data))
        check_names(file.schema_arrow.names)
        table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise Unreadable(
            "file", "This is not a Parquet file, or it is damaged.", "Write it again."
        ) from error
    return pa.table({field.name: _plain(field, table.column(field.name)) for field in table.schema})


def _plain(field: pa.Field, column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind: Any = field.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_decimal(kind) or pa.types.is_float16(kind) or pa.types.is_float32(kind):
        return column.cast(pa.float64())
    if pa.types.is_uint64(kind):
        return column.cast(pa.float64(), safe=False)
    if pa.types.is_integer(kind):
        return column.cast(pa.int64())
    if pa.types.is_date(kind):
        return column.cast(pa.timestamp("us"))
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us", kind.tz), safe=False)
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_boolean(kind) or pa.types.is_floating(kind) or pa.types.is_string(kind):
        return column
    raise Unreadable(
        "type",
        f"The column holds {kind}, which is no cell of a table.",
        "Write numbers, booleans, text or timestamps.",
        column=field.name,
    )
