"""Which numbers enter the graph in 64 bits, and what it subtracts from them, learnt from the rows to be trained on."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from millrace_table import digits
from millrace_training.features.columns import Column
from millrace_training.features.frame import numbers


def learnt(rows: pa.Table, columns: Sequence[Column], named: Collection[str] | None = None) -> list[Column]:
    """The columns; those whose differences 32 bits would lose, and 64 bits less a centre keep, are exact.

    Args:
        named: the exact columns, where an earlier training has chosen them; their centre is learnt anew.
    """
    return [_learnt(rows.column(column.name), column, named) for column in columns]


def _learnt(values: pa.ChunkedArray, column: Column, named: Collection[str] | None) -> Column:
    if column.kind != "number":
        return column
    if named is not None:
        return replace(column, exact=True, centre=_middle(values)) if column.name in named else column
    lost = digits.lost(values)
    return column if lost is None or not lost.mended else replace(column, exact=True, centre=lost.centre)


def _middle(values: pa.ChunkedArray) -> float:
    there = numbers(values)
    there = there[np.isfinite(there)]
    return digits.middle(there) if len(there) else 0.0
