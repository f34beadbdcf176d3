"""The frozen slots of one feature: where each kind of value is counted.

Numbers are compared as 32-bit floats, for that is how they travel to the model: 0.1 of a CSV and 0.1 of a request
are the same value and must fall into the same slot. Exact ones travel in 64 bits, and are compared so.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

NUMBER_BINS = 32
PREDICTION_BINS = 200
VOCABULARY = 256
RARE = 10_000
"""Further words of training that are remembered, so that a rare word is not taken for an unseen one."""


def as_floats(values: np.ndarray) -> np.ndarray:
    """Values as the model sees them: rounded to 32 bits, None as NaN; what 32 bits cannot hold is infinite.

    Raises: ValueError or TypeError for what is not a number.
    """
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(np.float32).astype(np.float64)


def as_seen(values: np.ndarray, exact: bool) -> np.ndarray:
    """Values as the model sees them, *exact* ones in all their 64 bits. Raises: ValueError, TypeError.

    What 32 bits cannot hold is infinite for exact ones too: less a centre it would be so in the graph.
    """
    rounded = as_floats(values)
    return np.where(np.isfinite(rounded), np.asarray(values, np.float64), rounded) if exact else rounded


@dataclass(frozen=True)
class NumberBins:
    """Slots of a number: below the edges, the bins between them, above them, and missing last.

    `edges` has shape (bins + 1,), increasing; the last bin holds both its edges. Slots: len(edges) + 2.
    """

    edges: tuple[float, ...]
    kind: str = "number"
    exact: bool = False

    @property
    def slots(self) -> int:
        return len(self.edges) + 2

    def place(self, values: np.ndarray) -> np.ndarray:
        """Slot of each value, shape (rows,); infinities are above or below, NaN is missing."""
        numbers = as_seen(values, self.exact)
        slots = np.searchsorted(np.asarray(self.edges), numbers, side="right")
        slots[numbers == self.edges[-1]] = len(self.edges) - 1
        slots[np.isnan(numbers)] = self.slots - 1
        return slots

    def count(self, values: np.ndarray) -> np.ndarray:
        """Rows in each slot: int64, shape (slots,)."""
        return np.bincount(self.place(values), minlength=self.slots).astype(np.int64)

    def outside(self, counts: np.ndarray) -> int:
        """Rows below or above everything that training saw."""
        return int(counts[0] + counts[-2])


@dataclass(frozen=True)
class Vocabulary:
    """Slots of a category: each frequent word, the rare ones together, unseen ones, and missing last.

    Missing is None, "" or NaN. `complete` is False when training had more words than `words` and `rare` hold: then
    unseen words cannot be told from the rarest, and both are counted as rare.
    """

    words: tuple[str, ...]
    rare: tuple[str, ...] = ()
    complete: bool = True
    kind: str = "category"

    @property
    def slots(self) -> int:
        return len(self.words) + 3

    @cached_property
    def _slot(self) -> dict[Any, int]:
        rare = len(self.words)
        slots: dict[Any, int] = dict.fromkeys(self.rare, rare)
        slots |= {word: slot for slot, word in enumerate(self.words)}
        return slots | {None: rare + 2, "": rare + 2}

    def _place(self, value: Any) -> int:
        if value != value:  # NaN
            return len(self.words) + 2
        other = len(self.words) + int(self.complete)
        return self._slot.get(value, other)

    def place(self, values: np.ndarray) -> np.ndarray:
        """Slot of each value, shape (rows,); each distinct one is looked up once."""
        listed = np.asarray(values).tolist()
        known = {value: self._place(value) for value in set(listed)}
        return np.fromiter((known[value] for value in listed), np.int64, len(listed))

    def count(self, values: np.ndarray) -> np.ndarray:
        """Rows in each slot: int64, shape (slots,)."""
        counts = np.zeros(self.slots, np.int64)
        for value, rows in Counter(np.asarray(values).tolist()).items():
            counts[self._place(value)] += rows
        return counts

    def outside(self, counts: np.ndarray) -> int:
        """Rows with a word that training never saw."""
        return int(counts[-2])


@dataclass(frozen=True)
class Presence:
    """Slots of a value whose distribution moves by nature (a timestamp): there, or missing."""

    kind: str = "timestamp"
    slots: int = 2

    def count(self, values: np.ndarray) -> np.ndarray:
        """Rows with a value, and rows without (NaT, NaN, None, or the smallest int64): int64, shape (2,)."""
        missing = int(self._missing(np.asarray(values)).sum())
        return np.array([len(values) - missing, missing], np.int64)

    def _missing(self, values: np.ndarray) -> np.ndarray:
        if values.dtype.kind == "M":
            return np.asarray(np.isnat(values))
        if values.dtype.kind == "i":
            return np.asarray(values == np.iinfo(values.dtype).min)
        return np.fromiter((value is None or value != value for value in values), bool, len(values))

    def outside(self, counts: np.ndarray) -> int:
        """Nothing: time is always new."""
        return 0


Slots = NumberBins | Vocabulary | Presence


def fit(values: np.ndarray, kind: str, bins: int = NUMBER_BINS) -> Slots:
    """Freeze the slots of one feature from a training sample of shape (rows,).

    Raises: ValueError for a kind other than number, exact (a number in 64 bits), boolean, category, timestamp.
    """
    if kind in ("number", "boolean", "exact"):
        exact = kind == "exact"
        return NumberBins(_edges(as_seen(values, exact), bins), exact=exact)
    if kind == "category":
        return _words(values)
    if kind == "timestamp":
        return Presence()
    raise ValueError(f"the kind {kind!r} is not one of number, exact, boolean, category, timestamp")


def _edges(values: np.ndarray, bins: int) -> tuple[float, ...]:
    """Quantiles; each value its own bin where there are few, and the largest too where it is frequent."""
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return (0.0, 1.0)
    quantiles = np.quantile(finite, np.linspace(0, 1, bins + 1))
    distinct = np.unique(finite)
    edges = distinct if len(distinct) < bins else np.unique(quantiles)
    if len(distinct) < bins or quantiles[-2] == quantiles[-1]:
        edges = np.append(edges, np.nextafter(edges[-1], np.inf))
    return tuple(float(edge) for edge in edges)


def _words(values: np.ndarray) -> Vocabulary:
    found = Counter(np.asarray(values).tolist()).items()
    counts = {value: rows for value, rows in found if value is not None and value == value and value != ""}
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    frequent, rare = ranked[:VOCABULARY], ranked[VOCABULARY:]
    return Vocabulary(tuple(frequent), tuple(rare[:RARE]), len(rare) <= RARE)


def to_dict(slots: Slots) -> dict[str, object]:
    """Plain JSON values."""
    if isinstance(slots, NumberBins):
        return {"kind": "number", "edges": list(slots.edges), **({"exact": True} if slots.exact else {})}
    if isinstance(slots, Vocabulary):
        words = {"words": list(slots.words), "rare": list(slots.rare)}
        return {"kind": "category", **words, "complete": slots.complete}
    return {"kind": "timestamp"}


def from_dict(state: Any) -> Slots:
    """The inverse of `to_dict`."""
    if state["kind"] == "number":
        return NumberBins(tuple(state["edges"]), exact=state.get("exact", False))
    if state["kind"] == "category":
        return Vocabulary(tuple(state["words"]), tuple(state.get("rare", ())), state["complete"])
    return Presence()
