"""SQLite by Python's own module: a column holds values of any type there, and each stays what it is.

The ADBC driver takes a column's type from its first 1,024 rows, fails at a later one of another type, and writes
numbers among texts with six digits.
"""

import sqlite3
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_table import cells, texts

ROWS = 65_536
"""Rows that are fetched at a time."""
KINDS: dict[type, pa.DataType] = {
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    bytes: pa.binary(),
}
"""What a cell can be, beside NULL."""
EXACT = 2**53
"""The largest whole number up to which a float64 has them all."""


class Cursor:
    """One statement; speaks as a cursor of ADBC does."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._cursor = connection.cursor()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cursor.close()

    def execute(self, statement: str, values: pa.Table | None = None) -> None:
        """*values*: one row of parameters, in their order."""
        given = () if values is None else tuple(column[0].as_py() for column in values.columns)
        self._cursor.execute(statement, given)

    def fetch_record_batch(self) -> pa.RecordBatchReader:
        """All rows; a column is numbers if all its values are, and keep their digits, bytes likewise, else text."""
        names = [item[0] for item in self._cursor.description]
        chunks: list[list[pa.Array]] = [[] for _ in names]
        while rows := self._cursor.fetchmany(ROWS):
            for place, values in enumerate(zip(*rows, strict=True)):
                chunks[place].append(_array(list(values)))
        columns = [together(chunk) for chunk in chunks]
        return pa.Table.from_arrays(columns, names=names).to_reader()


class Connection:
    """A database file that may only be read."""

    def __init__(self, uri: str) -> None:
        self._connection = sqlite3.connect(uri, uri=True, isolation_level=None)

    def cursor(self) -> Cursor:
        return Cursor(self._connection)

    def close(self) -> None:
        self._connection.close()


def connect(uri: str, autocommit: bool = True) -> Any:
    """As the module of a driver does. Raises: sqlite3.Error."""
    return Connection(uri)


def together(chunks: list[pa.Array]) -> pa.ChunkedArray:
    """One column of chunks whose types may differ: anything among texts is one."""
    kinds = {chunk.type for chunk in chunks if not pa.types.is_null(chunk.type)}
    wanted = _widest(kinds, any(map(_is_long, chunks)))
    return pa.chunked_array([_as(chunk, wanted) for chunk in chunks], wanted)


def _array(values: list[Any]) -> pa.Array:
    """Neighbouring cells of one column."""
    kinds = {type(value) for value in values} - {type(None)}
    if len(kinds) <= 1:
        return pa.array(values, KINDS[kinds.pop()] if kinds else pa.null())
    long = any(type(value) is int and abs(value) > EXACT for value in values)
    wanted = _widest({KINDS[kind] for kind in kinds}, long)
    parts = [
        _as(pa.array([value if type(value) is kind else None for value in values], KINDS[kind]), wanted)
        for kind in kinds
    ]
    return pc.coalesce(*parts)


def _is_long(chunk: pa.Array) -> bool:
    """Whether it has whole numbers with more digits than a float64 keeps."""
    if not pa.types.is_integer(chunk.type) or chunk.null_count == len(chunk):
        return False
    bounds = pc.min_max(chunk).as_py()
    return bool(bounds["min"] < -EXACT or bounds["max"] > EXACT)


def _widest(kinds: set[pa.DataType], long: bool) -> pa.DataType:
    """What takes all of these kinds; *long* whole numbers keep their digits beside fractions as text, as in a CSV."""
    if not kinds:
        return pa.string()
    if len(kinds) == 1:
        return next(iter(kinds))
    return pa.float64() if kinds <= {pa.int64(), pa.float64()} and not long else pa.string()


def _as(chunk: pa.Array, wanted: pa.DataType) -> pa.Array:
    """The values as *wanted*; a number keeps all of its digits, bytes are hexadecimal."""
    kind = chunk.type
    if kind == wanted:
        return chunk
    if wanted == pa.float64() and kind == pa.int64():
        return pa.array(np.asarray(chunk.fill_null(0), np.float64), mask=np.asarray(chunk.is_null()))
    if pa.types.is_null(kind):
        return pa.nulls(len(chunk), wanted)
    column = pa.chunked_array([chunk])
    told = cells.raw(column) if pa.types.is_binary(kind) else texts.of_numbers(column)
    return told.combine_chunks() if isinstance(told, pa.ChunkedArray) else told
