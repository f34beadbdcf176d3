"""How far a guess of a contract may be wrong: what next month always brings is taken, what cannot be is not.

Bounds inferred from a sample are what was seen. A guessed column takes what goes a little beyond, says so, and the
contract grows by what was taken; a person who takes `guessed` away means the bounds as they stand.
"""

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.data import ColumnContract
from millrace_table.columns import Mask

NEW_WORDS = 0.25
"""New words that a delivery may bring, as a share of those that are known; one may always come."""
OFTEN = 5
"""Rows in which a new word must come to be known from then on."""
OPEN = 200
"""Known words beyond which a column is open to any."""
REMEMBERED = 1 << 20
"""Different words of a delivery that are counted."""
FEW = 3.0
"""Whole numbers that cover little (1 to 4 rooms) may go as far beyond."""
BELOW_ZERO = 0.25
"""Widths that numbers which were never negative may fall below nothing: frost, a refund."""


def reach(column: ColumnContract) -> tuple[float, float]:
    """The least and greatest number that a guessed column takes: as far beyond what was seen as that is wide.

    Truth values (0 and 1) and counts stay what they are: the former take nothing else, the latter nothing negative.
    """
    low = -math.inf if column.minimum is None else column.minimum
    high = math.inf if column.maximum is None else column.maximum
    if not column.guessed or math.isinf(low) or math.isinf(high):
        return low, high
    whole = column.type == "integer"
    if whole and low >= 0 and high <= 1 and low < high:
        return low, high
    width = (high - low) or abs(high) / 2 or 1.0
    slack = max(width, FEW) if whole else width
    if low < 0:
        return low - slack, high + slack
    return (0.0 if whole else min(low, max(low - slack, -BELOW_ZERO * width))), high + slack


def tolerated(rows: int, share: float) -> int:
    """Rows of a delivery that may break a guessed share: chance is no reason to refuse a small one."""
    if share >= 1:
        return rows
    return int(rows * share + 3 * math.sqrt(rows * share * (1 - share))) + 1


def unknown_words(column: ColumnContract, rows: int, count: int, new: list[str]) -> str | None:
    """Why the words that a guessed column did not know are too many, or None if they may come.

    Args:
        count: how many of all *rows* have a word that is not among the known ones; new: these words, each once.
    """
    known = column.allowed or []
    if not known or count <= tolerated(rows, column.unknown_at_most):
        return None
    folded = {_folded(word) for word in known}
    again = sum(_folded(word) in folded for word in new)
    if again:
        return f"{again} of {len(new)} new values are known ones in another spelling"
    if len(new) > max(1, NEW_WORDS * len(known)):
        return f"{len(new)} new values beside {len(known)} known ones"
    return None


def _folded(word: str) -> str:
    return "".join(word.split()).casefold()


class Growth:
    """What the rows of a delivery that are taken teach a guess, some rows at a time."""

    def __init__(self, column: ColumnContract) -> None:
        self._column = column
        self._rows = self._missing = 0
        self._low, self._high = math.inf, -math.inf
        self._words: dict[str, int] = {}

    def add(self, values: pa.Array | pa.ChunkedArray) -> None:
        """Hear of more rows that are taken."""
        if not self._column.guessed:
            return
        self._rows, self._missing = self._rows + len(values), self._missing + values.null_count
        if values.null_count == len(values):
            return
        if self._column.minimum is not None and self._column.maximum is not None:
            ends = pc.min_max(values).as_py()
            self._low, self._high = min(self._low, float(ends["min"])), max(self._high, float(ends["max"]))
        if self._column.allowed is not None:
            self._count(values)

    def _count(self, values: pa.Array | pa.ChunkedArray) -> None:
        for item in pc.value_counts(values).to_pylist():
            word = item["values"]
            if word is not None and (word in self._words or len(self._words) < REMEMBERED):
                self._words[word] = self._words.get(word, 0) + item["counts"]

    @property
    def grown(self) -> ColumnContract:
        """The guess afterwards."""
        column, present = self._column, self._rows - self._missing
        if not column.guessed or not self._rows:
            return column
        change: dict[str, object] = {}
        if column.missing_at_most > 0:
            change["missing_at_most"] = max(column.missing_at_most, _share(self._missing / self._rows))
        if column.minimum is not None and column.maximum is not None and present:
            change["minimum"] = min(column.minimum, self._low)
            change["maximum"] = max(column.maximum, self._high)
        if column.allowed is not None:
            often = (word for word, count in self._words.items() if count >= min(OFTEN, present))
            words = {*column.allowed, *often}
            change["allowed"] = None if len(words) > OPEN else sorted(words)
        return column.model_copy(update=change)


def _share(seen: float) -> float:
    return min(1.0, round(seen, 3)) if seen else 0.0


def beyond(column: ColumnContract, values: np.ndarray) -> Mask:
    """Which numbers lie outside what was seen, though they may be taken."""
    low = -math.inf if column.minimum is None else column.minimum
    high = math.inf if column.maximum is None else column.maximum
    return np.asarray((values < low) | (values > high))
