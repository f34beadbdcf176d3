"""Deliveries are sets of rows: what of one is new, what was delivered before, and what corrects an earlier row."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_table import pieces, tensors
from millrace_table.columns import Mask
from millrace_table.pieces import Filed, Rows
from millrace_table.spread import Spread
from millrace_training.rows import digests, files
from millrace_training.rows.digests import mixed


@dataclass(frozen=True)
class News:
    """A delivery against what is there: *fresh* marks its rows that are not there yet, corrections among them."""

    fresh: Mask
    repeated: int
    corrected: int


def news(before: pa.Table | None, came: Rows, key: list[str]) -> News:
    """What *came* adds to the rows *before*.

    Without a *key* the row's content is its key: a row that is there already is dropped, and copies within the
    delivery are kept, as it is said to hold so many of them. With one, only the last row of a key counts; if its
    content differs from the row that is there, it is a correction.
    """
    counted = last(came, key) if key else np.ones(came.num_rows, bool)
    if before is None or not before.num_rows:
        return News(counted, int((~counted).sum()), 0)
    came = pieces.together(came)
    held = _held(before, came, came.column_names)
    fresh = counted & ~held
    corrected = int((fresh & _held(before, came, key)).sum()) if key else 0
    return News(fresh, int((~fresh).sum()), corrected)


def among(values: pa.ChunkedArray, others: pa.ChunkedArray) -> Mask:
    """Which *values* are among the *others*; a missing one never is."""
    return np.asarray(pc.and_(values.is_valid(), pc.is_in(values, others)))


def latest(rows: Rows, key: list[str]) -> Rows:
    """The last row of each key, in the order of the rows; all rows without a key."""
    if not key or not all(name in rows.column_names for name in key):
        return rows
    kept = last(rows, key)
    return rows if kept.all() else rows.filter(pa.array(kept))


def ids(table: pa.Table) -> np.ndarray:
    """A number for each row, uint64 (rows,), that copies of a row share, and nothing else within this table.

    Equal values have equal codes, so only 64 mixed bits can be alike by chance: once in a million tables of 10^6 rows.
    """
    table, group = tensors.plain(table), np.zeros(table.num_rows, np.uint64)
    for name in table.column_names:
        codes = table.column(name).combine_chunks().dictionary_encode(null_encoding="encode").indices
        group = mixed(group ^ np.asarray(codes).astype(np.uint64))
    return group


def _held(before: pa.Table, came: pa.Table, names: list[str]) -> Mask:
    """Which rows of *came* have a row with the same values of *names* before."""
    lacking = {name: pa.nulls(before.num_rows, came.schema.field(name).type) for name in names}
    there = pa.table(
        {name: before.column(name) if name in before.column_names else lacking[name] for name in names}
    )
    both = ids(files.together([there, came.select(names)]))
    return np.isin(both[before.num_rows :], both[: before.num_rows])


def last(rows: Rows, key: list[str]) -> Mask:
    """Which rows are the last of their key."""
    if not isinstance(rows, Filed):
        return ends(ids(rows.select(key)))
    with Spread(rows.folder) as spread:
        for piece in rows.pieces(key):
            spread.add(digests.of(piece, key))
        return spread.last()


def ends(groups: np.ndarray) -> Mask:
    """Which rows are the last of their group, (rows,), from a number for each."""
    mask = np.zeros(len(groups), bool)
    mask[len(groups) - 1 - np.unique(groups[::-1], return_index=True)[1]] = True
    return mask
