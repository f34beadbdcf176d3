"""The lines of a delivery report: one promise of the contract, held against the data."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from millrace_contracts.rows import Check
from millrace_table import cells
from millrace_table.columns import Mask

SHOWN = 5
"""Examples of a line."""


def line(
    check: str,
    column: str | None,
    good: bool,
    observed: str,
    allowed: str,
    rows: int,
    examples: list[str],
    mend: str,
) -> Check:
    """What was looked at and what came of it; the remedy is told only if it is not *good*."""
    if good:
        return Check.passed(check, observed, allowed, column=column, rows=rows, examples=examples)
    return Check.failed(check, observed, allowed, mend, column=column, rows=rows, examples=examples)


def noted(told: Check, mend: str) -> Check:
    """The same as a note: nothing is refused for it."""
    return told.model_copy(update={"verdict": "noted", "mend": mend})


def examples(raw: pa.ChunkedArray, mask: Mask) -> list[str]:
    """Up to five marked cells as they were written, with their rows (the first row of data is row 1)."""
    marked = Marked()
    marked.add(0, raw, mask)
    return marked.examples


def examples_at(pieces: Iterable[pa.ChunkedArray], places: list[int]) -> list[str]:
    """The same of cells at *places*, ascending, of a column that comes in *pieces*."""
    marked, first = Marked(), 0
    for piece in pieces if places else ():
        mask = np.zeros(len(piece), bool)
        mask[[place - first for place in places if first <= place < first + len(piece)]] = True
        marked.add(first, piece, mask)
        first += len(piece)
    return marked.examples


@dataclass
class Marked:
    """Cells or rows of one kind: how many there are, and the first of them."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, first: int, raw: pa.ChunkedArray | None, mask: Mask) -> None:
        """Count those that *mask* marks of a piece behind *first* rows; shown are cells as written, or rows alone."""
        self.count += int(mask.sum())
        for place in np.flatnonzero(mask)[: SHOWN - len(self.examples)] if len(self.examples) < SHOWN else ():
            cell = "" if raw is None else f": {cells.shown(raw, int(place))}"
            self.examples.append(f"row {first + place + 1}{cell}")
