"""Read a file as a table of raw columns, or refuse it in words that its owner understands."""

from collections.abc import Callable

import pyarrow as pa

from millrace_table import cells, delimited, jsonl
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
    return pa.table({name: cells.raw(table.column(name)) for name in table.column_names})
