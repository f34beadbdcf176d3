"""The index of a dataset version: what its rows are in a few bytes each, in parts that grow like a log's.

A delivery is compared with the parts that its rows may lie in. Without a key copies of a row have one event time, so
only the parts of that time are read; the small parts at the end are put together as new ones come.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from millrace_contracts.data import DataContract
from millrace_contracts.datasets import IndexPart, RowIndex
from millrace_table import pieces
from millrace_table.pieces import Rows
from millrace_training.rows import digests, profile, repeats

MEDIA_TYPE = "application/vnd.apache.parquet"
LARGEST = 1 << 22
"""Rows of a part that grows no more."""
GROUP = 1 << 18
LOOKED = 1 << 21
"""Rows of a delivery that are compared at once."""
ROW, KEY, AT, UNIQUE = "row", "key", "at", "unique:"
"""Columns: the digest of a row, that of its key, its event time in microseconds, that of a value of a unique column."""


class Store(Protocol):
    """Where parts are kept."""

    def keep(self, data: bytes, media_type: str, /) -> str:
        """Store bytes; returns their digest."""

    def file(self, digest: str, /) -> Path:
        """The bytes of an artifact as a file."""


@dataclass(frozen=True)
class Shape:
    """What an index tells apart: by which columns, which key, which columns without a value that comes twice."""

    columns: list[str]
    key: list[str]
    unique: list[str]
    event_time: str | None

    @classmethod
    def of(cls, names: list[str], contract: DataContract) -> "Shape":
        """Of rows with the columns *names* that keep the *contract*."""
        unique = [item.name for item in contract.columns if item.unique and item.name not in contract.key]
        return cls(names, contract.key, [name for name in unique if name in names], contract.event_time)

    def entries(self, rows: pa.Table) -> pa.Table:
        """What the index keeps of *rows*."""
        made = {ROW: digests.of(rows, self.columns)}
        if self.key:
            made[KEY] = digests.of(rows, self.key)
            if self.event_time is not None:
                made[AT] = rows.column(self.event_time).cast(pa.int64())
        for name in self.unique:
            values = digests.of(rows, [name])
            made[UNIQUE + name] = pa.array(values, mask=np.asarray(rows.column(name).is_null()))
        return pa.table(made)


def span(rows: Rows, event_time: str | None) -> tuple[datetime | None, datetime | None]:
    """First and last event time; nothing where a row has none, or there is none."""
    if event_time is None or not rows.num_rows:
        return None, None
    if any(piece.column(0).null_count for piece in pieces.of(rows, [event_time])):
        return None, None
    return profile.span(rows, event_time)


def meeting(parts: list[IndexPart], rows: Rows, shape: Shape) -> list[IndexPart]:
    """The parts in which copies of *rows* (of their key, their unique values) may be."""
    first, last = span(rows, shape.event_time)
    bound = shape.event_time in (shape.key or shape.columns) and not shape.unique
    if not bound or first is None or last is None:
        return parts
    return [
        part
        for part in parts
        if part.first is None or part.last is None or (part.first <= last and part.last >= first)
    ]


def read(store: Store, part: IndexPart) -> Iterator[pa.Table]:
    """The entries of a part, some at a time, the newest first."""
    with parquet.ParquetFile(store.file(part.digest)) as file:
        for group in reversed(range(file.num_row_groups)):
            yield file.read_row_group(group)


def extended(store: Store, index: RowIndex | None, rows: Rows, shape: Shape) -> RowIndex:
    """The index with new *rows* behind those of *index*; None: these are the first."""
    parts = list(index.parts) if index else []
    for entries, ends in _entries(rows, shape, LARGEST):
        parts = _behind(store, parts, entries, ends, shape)
    return RowIndex(columns=shape.columns, key=shape.key, unique=shape.unique, parts=parts)


Ends: TypeAlias = tuple[datetime | None, datetime | None]


def _entries(rows: Rows, shape: Shape, most: int) -> Iterator[tuple[pa.Table, Ends]]:
    """What the index keeps of *rows*, at *most* so many at a time, with first and last event time of these."""
    held: list[pa.Table] = []
    ends: list[Ends] = []
    for piece in pieces.of(rows):
        if held and sum(map(len, held)) + len(piece) > most:
            yield pa.concat_tables(held), _reach(ends)
            held, ends = [], []
        held.append(shape.entries(piece))
        ends += [span(piece, shape.event_time)] if len(piece) else []
    yield (
        pa.concat_tables([*held, *([] if held else [shape.entries(rows.schema.empty_table())])]),
        _reach(ends),
    )


def _reach(ends: list[Ends]) -> Ends:
    firsts, lasts = [first for first, _ in ends if first], [last for _, last in ends if last]
    if len(firsts) < len(ends):
        return None, None
    return min(firsts, default=None), max(lasts, default=None)


def _behind(
    store: Store, parts: list[IndexPart], entries: pa.Table, ends: Ends, shape: Shape
) -> list[IndexPart]:
    """The parts with new *entries*, together with those of small parts before."""
    first, last = ends
    while parts and parts[-1].rows < 2 * len(entries) and parts[-1].rows + len(entries) <= LARGEST:
        before = parts.pop()
        entries = pa.concat_tables([*reversed(list(read(store, before))), entries], promote_options="default")
        entries = _living(entries, shape)
        first = None if first is None or before.first is None else min(first, before.first)
        last = None if last is None or before.last is None else max(last, before.last)
    for begin in range(0, len(entries), LARGEST):
        parts.append(_kept(store, entries.slice(begin, LARGEST), first, last))
    return parts


def _living(entries: pa.Table, shape: Shape) -> pa.Table:
    """Without the rows that a later one of the same key has put right."""
    if not shape.key:
        return entries
    kept = repeats.ends(np.asarray(entries.column(KEY)))
    return entries if kept.all() else entries.filter(pa.array(kept))


def _kept(store: Store, entries: pa.Table, first: datetime | None, last: datetime | None) -> IndexPart:
    sink = pa.BufferOutputStream()
    parquet.write_table(entries, sink, row_group_size=GROUP, use_dictionary=False, compression="zstd")
    digest = store.keep(sink.getvalue().to_pybytes(), MEDIA_TYPE)
    return IndexPart(digest=digest, rows=len(entries), first=first, last=last)


@dataclass(frozen=True)
class There:
    """What an index has of the rows of a delivery.

    Attributes:
        held: rows that are there with every value. keyed: rows whose key is there.
        at: event times (microseconds) of the rows whose key is there, where it is kept.
    """

    held: np.ndarray
    keyed: np.ndarray
    at: np.ndarray


def look(store: Store, parts: list[IndexPart], rows: Rows, shape: Shape) -> There:
    """Compare *rows* with the *parts* of an index, oldest first; of a key the newest row counts."""
    told = [_look(store, parts, entries, shape) for entries, _ in _entries(rows, shape, LOOKED)]
    held, keyed, at = (
        np.concatenate([getattr(there, name) for there in told]) for name in ("held", "keyed", "at")
    )
    return There(held, keyed, at)


def _look(store: Store, parts: list[IndexPart], entries: pa.Table, shape: Shape) -> There:
    contents = np.asarray(entries.column(ROW))
    wanted, places = np.unique(np.asarray(entries.column(KEY if shape.key else ROW)), return_inverse=True)
    seen = np.zeros(len(wanted), bool)
    content, at = np.zeros(len(wanted), np.uint64), np.zeros(len(wanted), np.int64)
    for part in reversed(parts):
        for batch in read(store, part):
            digest = np.asarray(batch.column(KEY if shape.key else ROW))
            spots = np.minimum(np.searchsorted(wanted, digest), max(len(wanted) - 1, 0))
            hits = np.flatnonzero(wanted[spots] == digest) if len(wanted) else np.zeros(0, np.int64)
            hits = hits[~seen[spots[hits]]]
            content[spots[hits]] = np.asarray(batch.column(ROW))[hits]
            if AT in batch.column_names:
                at[spots[hits]] = np.asarray(batch.column(AT).fill_null(0))[hits]
            seen[spots[hits]] = True
    there = seen[places]
    return There(there & (content[places] == contents), there, at[places])


def values_there(store: Store, parts: list[IndexPart], rows: Rows, name: str) -> np.ndarray:
    """Which values of the unique column *name* of *rows* some row has."""
    only, found = Shape([name], [], [name], None), [np.zeros(0, bool)]
    for entries, _ in _entries(pieces.only(rows, name), only, LOOKED):
        mine = entries.column(UNIQUE + name)
        digest, there = np.asarray(mine.fill_null(0)), np.zeros(len(mine), bool)
        for part in parts:
            for batch in read(store, part):
                there |= np.isin(digest, np.asarray(batch.column(UNIQUE + name).drop_null()))
        found.append(there & np.asarray(mine.is_valid()))
    return np.concatenate(found)
