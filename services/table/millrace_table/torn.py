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
    suspects = Suspects(dialect)
    suspects.add(table)
    return suspects.found(path)


class Suspects:
    """Cells that hold one half of a pair of quotes beside one that holds the other, collected piece by piece."""

    def __init__(self, dialect: Dialect) -> None:
        self._quote, self._delimiter = dialect.quote or "", dialect.delimiter or ""
        self._rows = 0
        self._seen: dict[int, int] = {}
        self._pairs: dict[int, list[tuple[int, str, str]]] = {}

    def add(self, table: pa.Table) -> None:
        """Look at the next rows."""
        before: pa.ChunkedArray | None = None
        for number, cells in enumerate(table.columns if self._quote and self._delimiter else []):
            if not _holds(cells, self._quote):
                before = None
                continue
            here = pc.fill_null(pc.match_substring(cells, self._quote), False)
            both = None if before is None else pc.and_(before, here)
            before = here if pc.any(here, min_count=0).as_py() else None
            if both is None or not pc.any(both, min_count=0).as_py():
                continue
            places = np.flatnonzero(both.to_numpy())
            self._seen[number] = self._seen.get(number, 0) + len(places)
            if self._seen[number] <= MOST:
                self._pairs.setdefault(number, []).extend(self._halves(table, number, places))
        self._rows += table.num_rows

    def found(self, path: Path) -> Torn:
        """Those that stand side by side in the file at *path*; none if there are very many suspects."""
        pairs: list[tuple[int, str, str]] = []
        for number in sorted(self._seen):
            if len(pairs) + self._seen[number] > MOST:
                return Torn([], [])
            pairs += self._pairs[number]
        if not pairs:
            return Torn([], [])
        lines: dict[int, Reject] = {}
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for place, left, right in pairs:
                at = data.find(f"{left}{self._delimiter}{right}".encode())
                if at >= 0:
                    lines.setdefault(place, _reject(data, at))
        return Torn(sorted(lines), [lines[place] for place in sorted(lines)][:KEPT])

    def _halves(self, table: pa.Table, number: int, places: np.ndarray) -> list[tuple[int, str, str]]:
        """Row and cells of neighbours that hold one half of a pair of quotes each."""
        lefts, rights = (
            column.take(pa.array(places)).to_pylist() for column in table.columns[number - 1 : number + 1]
        )
        quote = self._quote
        return [
            (self._rows + int(place), left, right)
            for place, left, right in zip(places, lefts, rights, strict=True)
            if _odd(left, quote)
            and not left.startswith(quote)
            and _odd(right, quote)
            and right.endswith(quote)
        ]


def _holds(cells: pa.ChunkedArray, sign: str) -> bool:
    """Whether the sign may be among the letters of all cells; a look at the bytes, which is soon over."""
    first = sign.encode()[0]
    letters = (piece.buffers()[2] for piece in cells.chunks)
    return any(
        bool((np.frombuffer(piece, np.uint8) == first).any()) for piece in letters if piece is not None
    )


def _odd(cell: str, quote: str) -> bool:
    return cell.count(quote) % 2 == 1


def _reject(data: mmap.mmap, at: int) -> Reject:
    begin, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
    text = data[begin : end if end >= 0 else len(data)].decode(errors="replace").strip("\r")
    return Reject(line=data[:begin].count(b"\n") + 1, text=text[:500], reason=REASON)
