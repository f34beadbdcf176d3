"""Finds rows that lost the delimiter before a quoted cell and have the right number of cells all the same.

In `7"Hiking, wide",x` the quote begins no cell, so its comma splits what was one: `7"Hiking` and ` wide"`.
"""

import mmap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.tables import KEPT, Dialect, Reject

MOST = 1000
"""Pairs of cells with quotes in them that are looked at; a file of more has them as signs for inches or minutes."""
REASON = (
    "A quote stands inside a cell, and another one ends the next: a delimiter seems to be missing before it."
)


@dataclass(frozen=True)
class Torn:
    """Places of such rows among all, and what is kept of them."""

    places: list[int]
    rejects: list[Reject]


def torn(table: pa.Table, path: Path, dialect: Dialect) -> Torn:
    """Such rows of the strings in *table*, which are those of the UTF-8 file at *path*."""
    quote, delimiter = dialect.quote, dialect.delimiter
    if not quote or not delimiter or table.num_columns < 2:
        return Torn([], [])
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.find(quote.encode()) < 0:
            return Torn([], [])
        lines: dict[int, Reject] = {}
        for place, left, right in _pairs(table, quote):
            at = data.find(f"{left}{delimiter}{right}".encode())
            if at >= 0:
                lines.setdefault(place, _reject(data, at))
    return Torn(sorted(lines), [lines[place] for place in sorted(lines)][:KEPT])


def _pairs(table: pa.Table, quote: str) -> list[tuple[int, str, str]]:
    """Row and cells of neighbours that hold one half of a pair of quotes each; none if there are very many."""
    pairs: list[tuple[int, str, str]] = []
    before: pa.ChunkedArray | None = None
    for number, cells in enumerate(table.columns):
        here = pc.fill_null(pc.match_substring(cells, quote), False)
        both = None if before is None else pc.and_(before, here)
        before = here if pc.any(here, min_count=0).as_py() else None
        if both is None or not pc.any(both, min_count=0).as_py():
            continue
        places = np.flatnonzero(both.to_numpy())
        if len(pairs) + len(places) > MOST:
            return []
        lefts, rights = (
            column.take(pa.array(places)).to_pylist() for column in table.columns[number - 1 : number + 1]
        )
        pairs += [
            (int(place), left, right)
            for place, left, right in zip(places, lefts, rights, strict=True)
            if _odd(left, quote)
            and not left.startswith(quote)
            and _odd(right, quote)
            and right.endswith(quote)
        ]
    return pairs


def _odd(cell: str, quote: str) -> bool:
    return cell.count(quote) % 2 == 1


def _reject(data: mmap.mmap, at: int) -> Reject:
    begin, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
    text = data[begin : end if end >= 0 else len(data)].decode(errors="replace").strip("\r")
    return Reject(line=data[:begin].count(b"\n") + 1, text=text[:500], reason=REASON)
