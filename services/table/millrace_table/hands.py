"""How a column is written as a whole, which a piece of it may not show: what its point, comma and slashes mean.

Most columns are written so plainly that no piece needs to know of the others; only one that does is looked at twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

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


def shows_days(cells: pa.ChunkedArray, dialect: Dialect | None) -> bool:
    """Whether dates stand among *cells* whose order of day and month only other cells may tell."""
    told = dialect is not None and dialect.date_order is not None
    return not told and texts.any_match(cells, SLASHED)


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
