"""Parquet and Arrow files of any size into Parquet of raw columns: those that the whole file would give, in pieces."""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as parquet

from millrace_contracts.tables import Rejects
from millrace_table import cells, tensors
from millrace_table.names import check_names
from millrace_table.refusals import Unreadable
from millrace_table.streamed import CELLS, FORM, PIECE, Streamed, Told

INDEX = "__index_level_"
"""How pandas calls an index without a name that it writes into Parquet."""
DAMAGED = {
    "parquet": ("This is not a Parquet file, or it is damaged.", "Write it again."),
    "arrow": ("This is not an Arrow file, or it is damaged.", "Write it again as Arrow IPC or Feather 2."),
}


@dataclass(frozen=True)
class Opened:
    """A file with typed columns: what these are, and its rows, of the named columns, so many at most at a time."""

    schema: pa.Schema
    batches: Callable[[list[str], int], Iterator[pa.RecordBatch]]


@contextmanager
def readable(format: str) -> Iterator[None]:
    """Turns what Arrow says of a damaged file into words for its owner. Raises: Unreadable."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise Unreadable("file", *DAMAGED[format]) from error


def without_index(names: list[str], wanted: Collection[str]) -> tuple[list[str], list[str]]:
    """The columns without an index of pandas that nobody asked for, and a note for each of these."""
    index = [name for name in names if name.startswith(INDEX) and name not in wanted]
    notes = [
        f"'{name}' is the index of a pandas table, which says nothing; it was left out." for name in index
    ]
    return [name for name in names if name not in index], notes


def to_parquet(source: Path, format: str, target: Path, wanted: Collection[str], told: Told) -> Streamed:
    """Write the rows of *source* into *target*, of which a piece is in memory at a time, and their raw types.

    Raises: Unreadable, as for the whole file.
    """
    rows = 0
    with readable(format), FORMATS[format](source) as file:
        check_names(file.schema.names)
        names, notes = without_index(file.schema.names, wanted)
        size = max(1, min(PIECE, CELLS // max(1, len(names))))
        schema = pa.schema([(name, _kind(file, name, size)) for name in names])
        with parquet.ParquetWriter(target, schema, **FORM) as writer:
            for batch in file.batches(names, size):
                columns = [_raw(pa.chunked_array([batch.column(field.name)]), field.type) for field in schema]
                writer.write_table(pa.table(columns, schema=schema))
                rows += len(batch)
                told(rows)
    return Streamed(rows, None, Rejects(), notes, {})


def _kind(file: Opened, name: str, size: int) -> pa.DataType:
    """The raw type of a column: text where whole numbers that may be too large for 64 bits are so somewhere."""
    kind = file.schema.field(name).type
    if cells.is_nested(kind):
        return _nested(file, name, size)
    raw = cells.raw(pa.chunked_array([], kind)).type
    if not pa.types.is_integer(raw) or (pa.types.is_integer(kind) and kind != pa.uint64()):
        return raw
    pieces = (pa.chunked_array([batch.column(0)]) for batch in file.batches([name], size))
    return next((other for other in (cells.raw(piece).type for piece in pieces) if other != raw), raw)


def _nested(file: Opened, name: str, size: int) -> pa.DataType:
    """Tensors if all lists of the column have one shape, else text."""
    pieces = (pa.chunked_array([batch.column(0)]) for batch in file.batches([name], size))
    kinds = {cells.raw(piece).type for piece in pieces if piece.null_count < len(piece)}
    only = kinds.pop() if len(kinds) == 1 else pa.string()
    return pa.string() if tensors.shape_of(only) is None else only


def _raw(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.null_count == len(column):
        return pa.chunked_array([pa.nulls(len(column), kind)])
    raw = cells.raw(column)
    if raw.type != kind and tensors.shape_of(raw.type) is not None:
        return tensors.texts(column, cells.written)
    return raw if raw.type == kind else raw.cast(kind)


@contextmanager
def _parquet(path: Path) -> Iterator[Opened]:
    with parquet.ParquetFile(path) as file:

        def batches(names: list[str], size: int) -> Iterator[pa.RecordBatch]:
            for group in range(file.num_row_groups):
                yield from file.iter_batches(size, row_groups=[group], columns=names)

        yield Opened(file.schema_arrow, batches)


@contextmanager
def _arrow(path: Path) -> Iterator[Opened]:
    with pa.OSFile(str(path)) as file:
        in_file = file.read(8).startswith(b"ARROW1")

        def read() -> Iterator[pa.RecordBatch]:
            file.seek(0)
            if not in_file:
                yield from pa.ipc.open_stream(file)
                return
            reader = pa.ipc.open_file(file)
            yield from (reader.get_batch(number) for number in range(reader.num_record_batches))

        def batches(names: list[str], size: int) -> Iterator[pa.RecordBatch]:
            for batch in read():
                for first in range(0, len(batch), size):
                    yield batch.select(names).slice(first, size)

        file.seek(0)
        yield Opened((pa.ipc.open_file(file) if in_file else pa.ipc.open_stream(file)).schema, batches)


Opening: TypeAlias = Callable[[Path], AbstractContextManager[Opened]]
FORMATS: dict[str, Opening] = {"parquet": _parquet, "arrow": _arrow}
