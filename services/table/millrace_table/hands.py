"""How a column is written as a whole, which a piece of it may not show: what its point, comma and slashes mean.

Most columns are written so plainly that no piece needs to know of the others; only one that does is looked at twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.data import ColumnType
from millrace_contracts.tables import DateOrder, Dialect
from millrace_table import moments, numbers, texts


@dataclass(frozen=True)
class Hand:
    """What is known of a column before a piece of it is read.

    Attributes:
        style: what point and comma mean; None: its cells contradict each other. order: which number is the day.
    """

    style: numbers.Style | None
    order: DateOrder | None


def matters(cells: pa.ChunkedArray, type: ColumnType, dialect: Dialect | None) -> bool:
    """Whether what these *cells* mean, trimmed and without missing marks, may depend on other cells of the column."""
    if not pa.types.is_string(cells.type):
        return False
    if type == "number":
        return not texts.is_plain(cells, dialect)
    if type == "integer":
        return not texts.is_whole(cells)
    if type == "timestamp" and (dialect is None or dialect.date_order is None):
        return texts.any_match(cells, SLASHED)
    return False


SLASHED = r"^\d{1,2}[./-]\d{1,2}[./-]\d{4}"
"""How a date begins whose order of day and month is to be proven by others."""


def of(pieces: Iterable[pa.ChunkedArray], dialect: Dialect | None) -> Hand:
    """What the cells of all *pieces* tell together, trimmed and without missing marks."""
    claims, proof = numbers.Claims(), moments.Proof()
    for cells in pieces:
        distinct = pc.unique(cells).drop_null().to_pylist()
        claims.add(distinct)
        proof.add(distinct)
    said = None if dialect is None else dialect.date_order
    return Hand(claims.style(dialect), said or proof.order)
