"""Rows that are too many to be held at once: Parquet files that are read a piece at a time."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from millrace_table.columns import Mask
from millrace_table.streamed import FORM

PIECE = 1 << 16
"""Rows that are read at once, of tables that are not very wide."""
CELLS = 1 << 21
"""Cells that are read at once."""


class Filed:
    """The rows of Parquet files one behind the other, or those of them that a mask keeps; a byte a row is held."""

    def __init__(self, paths: list[Path], schema: pa.Schema | None = None, kept: Mask | None = None) -> None:
        self._paths = paths
        self.schema = schema or wide([parquet.read_schema(path) for path in paths])
        self._kept = None if kept is None or kept.all() else kept
        self._rows = sum(_rows(path) for path in paths) if self._kept is None else int(self._kept.sum())

    @property
    def paths(self) -> list[Path]:
        """The files, all of whose rows are these if none is filtered."""
        return self._paths

    @property
    def filtered(self) -> bool:
        """Whether the files have other rows, too."""
        return self._kept is not None

    @property
    def folder(self) -> Path:
        """Where the rows lie, and what is made of them meanwhile."""
        return self._paths[-1].parent

    @property
    def num_rows(self) -> int:
        return self._rows

    @property
    def column_names(self) -> list[str]:
        return list(self.schema.names)

    def __len__(self) -> int:
        return self._rows

    def pieces(self, names: list[str] | None = None) -> Iterator[pa.Table]:
        """The rows in their order, some at a time; of all columns or those called *names*."""
        wanted = pa.schema([self.schema.field(name) for name in names]) if names else self.schema
        size, first = max(1, min(PIECE, CELLS // max(1, len(wanted)))), 0
        for path in self._paths:
            with parquet.ParquetFile(path) as file:
                there = [name for name in wanted.names if name in file.schema_arrow.names]
                for batch in _batches(file, size, there):
                    piece = _fitted(pa.Table.from_batches([batch]), wanted)
                    if self._kept is not None:
                        piece = piece.filter(pa.array(self._kept[first : first + len(batch)]))
                    first += len(batch)
                    yield piece

    def at(self, places: np.ndarray) -> pa.Table:
        """The rows at *places*, ascending, (n,) int64, counted among these rows."""
        if self._kept is not None:
            places = np.flatnonzero(self._kept)[places]
        found, first = [self.schema.empty_table()], 0
        for path in self._paths:
            with parquet.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    last = first + file.metadata.row_group(group).num_rows
                    wanted = places[np.searchsorted(places, first) : np.searchsorted(places, last)]
                    if len(wanted):
                        there = [name for name in self.schema.names if name in file.schema_arrow.names]
                        rows = file.read_row_group(group, columns=there).take(pa.array(wanted - first))
                        found.append(_fitted(rows, self.schema))
                    first = last
        return pa.concat_tables(found)

    @property
    def bytes(self) -> int:
        """How many the files' rows take, unpacked, about."""
        metadata = [parquet.read_metadata(path) for path in self._paths]
        return sum(
            file.row_group(group).total_byte_size for file in metadata for group in range(file.num_row_groups)
        )

    def column(self, name: str) -> pa.ChunkedArray:
        """One column, whole."""
        return whole(self.pieces([name]), pa.schema([self.schema.field(name)])).column(0)

    def only(self, name: str) -> "Filed":
        """The same rows with one of their columns."""
        return Filed(self._paths, pa.schema([self.schema.field(name)]), self._kept)

    def filter(self, mask: pa.Array) -> "Filed":
        """The rows that *mask* keeps, (rows,)."""
        wanted = np.asarray(mask)
        if self._kept is not None:
            kept = self._kept.copy()
            kept[self._kept] = wanted
            wanted = kept
        return Filed(self._paths, self.schema, wanted)

    def behind(self, paths: list[Path]) -> "Filed":
        """These rows, all of them, behind those of the files at *paths*."""
        schema = wide([*(parquet.read_schema(path) for path in paths), self.schema])
        kept = self._kept
        if kept is not None:
            kept = np.concatenate([np.ones(sum(map(_rows, paths)), bool), kept])
        return Filed([*paths, *self._paths], schema, kept)


Rows: TypeAlias = pa.Table | Filed


def of(rows: Rows, names: list[str] | None = None) -> Iterator[pa.Table]:
    """The rows a piece at a time: a table is one piece."""
    if isinstance(rows, Filed):
        return rows.pieces(names)
    return iter([rows.select(names) if names else rows])


def only(rows: Rows, name: str) -> Rows:
    """The same rows with one of their columns."""
    return rows.only(name) if isinstance(rows, Filed) else rows.select([name])


def together(rows: Rows) -> pa.Table:
    """All rows at once, however many."""
    return whole(rows.pieces(), rows.schema) if isinstance(rows, Filed) else rows


def whole(pieces: Iterable[pa.Table], schema: pa.Schema) -> pa.Table:
    """The pieces as one table, also where there is none."""
    return pa.concat_tables([schema.empty_table(), *pieces])


def write(pieces: Iterable[pa.Table], path: Path, schema: pa.Schema) -> Filed:
    """Keep *pieces* at *path* for the meantime."""
    with parquet.ParquetWriter(path, schema, **FORM) as writer:
        for piece in pieces:
            writer.write_table(piece.cast(schema))
    return Filed([path], schema)


def ascending(rows: Filed, name: str) -> np.ndarray:
    """The values of a column of numbers or times that are there, ascending: eight bytes each, at once."""
    kind = np.float64 if pa.types.is_floating(rows.schema.field(name).type) else np.int64
    values, count = np.empty(rows.num_rows, kind), 0
    for piece in rows.pieces([name]):
        present = piece.column(0).drop_null()
        cells = present if kind is np.float64 else present.cast(pa.int64())
        values[count : count + len(cells)] = np.asarray(cells)
        count += len(cells)
    values = values[:count]
    values.sort()
    return values


def wide(schemas: list[pa.Schema]) -> pa.Schema:
    """The columns of all; of one that has changed its type the wider one counts, and text is the widest."""
    types: dict[str, list[pa.DataType]] = {}
    for field in (field for schema in schemas for field in schema):
        types.setdefault(field.name, []).append(field.type)
    return pa.schema([(name, _widest(kinds)) for name, kinds in types.items()])


def _widest(kinds: list[pa.DataType]) -> pa.DataType:
    if pa.string() in kinds:
        return pa.string()
    tables = [pa.table({"x": pa.nulls(0, kind)}) for kind in kinds]
    return pa.concat_tables(tables, promote_options="permissive").schema.field(0).type


def _fitted(piece: pa.Table, wanted: pa.Schema) -> pa.Table:
    if piece.schema.names == wanted.names and piece.schema.types == wanted.types:
        return piece
    columns = [
        piece.column(field.name).cast(field.type)
        if field.name in piece.column_names
        else pa.nulls(piece.num_rows, field.type)
        for field in wanted
    ]
    return pa.table(columns, schema=wanted)


def _batches(file: parquet.ParquetFile, size: int, names: list[str]) -> Iterator[pa.RecordBatch]:
    """The rows of each row group by itself: one reader of all would hold what it has read until its end."""
    for group in range(file.num_row_groups):
        yield from file.iter_batches(size, row_groups=[group], columns=names)


def _rows(path: Path) -> int:
    return int(parquet.read_metadata(path).num_rows)
