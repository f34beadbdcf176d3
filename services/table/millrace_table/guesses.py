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


def unknown_words(column: ColumnContract, values: pa.Array, unknown: Mask) -> str | None:
    """Why the words that a guessed column did not know are too many, or None if they may come.

    Args:
        unknown: rows with a word that is not among the known ones.
    """
    known, count = column.allowed or [], int(unknown.sum())
    if not known or count <= tolerated(len(values), column.unknown_at_most):
        return None
    new = [word for word in pc.unique(values.filter(pa.array(unknown))).to_pylist() if word is not None]
    folded = {_folded(word) for word in known}
    again = sum(_folded(word) in folded for word in new)
    if again:
        return f"{again} of {len(new)} new values are known ones in another spelling"
    if len(new) > max(1, NEW_WORDS * len(known)):
        return f"{len(new)} new values beside {len(known)} known ones"
    return None


def _folded(word: str) -> str:
    return "".join(word.split()).casefold()


def grown(column: ColumnContract, values: pa.Array, kept: Mask) -> ColumnContract:
    """The guess after the *kept* rows of a delivery were taken."""
    taken = values.filter(pa.array(kept)) if not kept.all() else values
    present = taken.drop_null()
    if not column.guessed or not len(taken):
        return column
    change: dict[str, object] = {}
    if column.missing_at_most > 0:
        change["missing_at_most"] = max(column.missing_at_most, _share(taken.null_count / len(taken)))
    if column.minimum is not None and column.maximum is not None and len(present):
        ends = pc.min_max(present).as_py()
        change["minimum"] = min(column.minimum, float(ends["min"]))
        change["maximum"] = max(column.maximum, float(ends["max"]))
    if column.allowed is not None:
        change["allowed"] = _more(column.allowed, present)
    return column.model_copy(update=change)


def _more(known: list[str], present: pa.Array) -> list[str] | None:
    counts = {item["values"]: item["counts"] for item in pc.value_counts(present).to_pylist()}
    words = {*known, *(word for word, count in counts.items() if count >= min(OFTEN, len(present)))}
    return None if len(words) > OPEN else sorted(words)


def _share(seen: float) -> float:
    return min(1.0, round(seen, 3)) if seen else 0.0


def beyond(column: ColumnContract, values: np.ndarray) -> Mask:
    """Which numbers lie outside what was seen, though they may be taken."""
    low = -math.inf if column.minimum is None else column.minimum
    high = math.inf if column.maximum is None else column.maximum
    return np.asarray((values < low) | (values > high))
