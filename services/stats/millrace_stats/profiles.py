"""Profiles: counts in bins frozen at training, so that profiles of hours, days and replicas merge by addition."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

NUMBER_BINS = 32
PREDICTION_BINS = 200
VOCABULARY = 256
PREDICTION = "__prediction__"
"""Name under which the model's own output is profiled."""


@dataclass(frozen=True)
class NumberBins:
    """Slots of a number: below the edges, the bins between them, above them, and missing last.

    `edges` has shape (bins + 1,), increasing. Slots: len(edges) + 2.
    """

    edges: tuple[float, ...]
    kind: str = "number"

    @property
    def slots(self) -> int:
        return len(self.edges) + 2

    def place(self, values: np.ndarray) -> np.ndarray:
        """Slot of each value; infinities are above or below, NaN is missing."""
        numbers = np.asarray(values, np.float64)
        edges = np.asarray(self.edges)
        slots = np.searchsorted(edges, numbers, side="right")
        slots[numbers == edges[-1]] = len(edges) - 1
        slots[np.isnan(numbers)] = self.slots - 1
        return slots


@dataclass(frozen=True)
class Vocabulary:
    """Slots of a category: each known word, all others together, and missing last (None, "" or NaN)."""

    words: tuple[str, ...]
    complete: bool
    kind: str = "category"

    @property
    def slots(self) -> int:
        return len(self.words) + 2

    def place(self, values: np.ndarray) -> np.ndarray:
        """Slot of each value."""
        lookup: dict[Any, int] = {word: slot for slot, word in enumerate(self.words)}
        other, missing = len(self.words), len(self.words) + 1
        lookup |= {None: missing, "": missing}
        return np.fromiter(
            (missing if value != value else lookup.get(value, other) for value in values),
            np.int64,
            len(values),
        )


@dataclass(frozen=True)
class Presence:
    """Slots of a value whose distribution moves by nature (a timestamp): there, or missing."""

    kind: str = "timestamp"
    slots: int = 2

    def place(self, values: np.ndarray) -> np.ndarray:
        """1 where the value is missing (NaT, None, or the smallest int64), else 0."""
        array = np.asarray(values)
        if array.dtype.kind == "M":
            return np.isnat(array).astype(np.int64)
        if array.dtype.kind == "i":
            return (array == np.iinfo(np.int64).min).astype(np.int64)
        return np.fromiter((value is None or value != value for value in array), np.int64, len(array))


Slots = NumberBins | Vocabulary | Presence


@dataclass(frozen=True)
class ProfileSpec:
    """The frozen slots of every feature, in order; part of a model version."""

    features: Mapping[str, Slots]

    @property
    def digest(self) -> str:
        """Identity of the slots: profiles of different ones never merge."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        return {"features": {name: _slots_to_dict(slots) for name, slots in self.features.items()}}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "ProfileSpec":
        return cls({name: _slots_from_dict(item) for name, item in state["features"].items()})


def _slots_to_dict(slots: Slots) -> dict[str, Any]:
    if isinstance(slots, NumberBins):
        return {"kind": "number", "edges": list(slots.edges)}
    if isinstance(slots, Vocabulary):
        return {"kind": "category", "words": list(slots.words), "complete": slots.complete}
    return {"kind": "timestamp"}


def _slots_from_dict(state: Mapping[str, Any]) -> Slots:
    if state["kind"] == "number":
        return NumberBins(tuple(state["edges"]))
    if state["kind"] == "category":
        return Vocabulary(tuple(state["words"]), state["complete"])
    return Presence()


def fit_spec(
    columns: Mapping[str, np.ndarray], kinds: Mapping[str, str], prediction: np.ndarray | None = None
) -> ProfileSpec:
    """Freeze the slots from a training sample.

    Args:
        columns: values by feature, each of shape (rows,).
        kinds: `number`, `boolean`, `category` or `timestamp` by feature; features without one are left out.
        prediction: the model's outputs on held-out rows, shape (rows,), to profile predictions too.
    """
    features: dict[str, Slots] = {name: _fit(columns[name], kinds[name]) for name in columns if name in kinds}
    if prediction is not None:
        features[PREDICTION] = NumberBins(_edges(np.asarray(prediction, np.float64), PREDICTION_BINS))
    return ProfileSpec(features)


def _fit(values: np.ndarray, kind: str) -> Slots:
    if kind in ("number", "boolean"):
        return NumberBins(_edges(np.asarray(values, np.float64), NUMBER_BINS))
    if kind == "category":
        return _words(values)
    if kind == "timestamp":
        return Presence()
    raise ValueError(f"the kind {kind!r} is not one of number, boolean, category, timestamp")


def _edges(values: np.ndarray, bins: int) -> tuple[float, ...]:
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return (0.0, 1.0)
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, bins + 1)))
    if len(edges) == 1:
        edges = np.array([edges[0], np.nextafter(edges[0], np.inf)])
    return tuple(float(edge) for edge in edges)


def _words(values: np.ndarray) -> Vocabulary:
    counts: dict[str, int] = {}
    for value in values:
        if value is not None and value == value and value != "":
            counts[value] = counts.get(value, 0) + 1
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return Vocabulary(tuple(ranked[:VOCABULARY]), len(ranked) <= VOCABULARY)


@dataclass
class Profile:
    """Counts of one span of rows, by feature and slot; also sums, so that means need no rows."""

    spec: str
    rows: int
    counts: dict[str, np.ndarray]
    sums: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Sum and sum of squares of the finite values, by number feature."""

    def __add__(self, other: "Profile") -> "Profile":
        """Both spans together. Raises: ValueError if they were binned differently."""
        if self.spec != other.spec:
            raise ValueError("profiles with different bins cannot be merged")
        counts = {name: values + other.counts[name] for name, values in self.counts.items()}
        sums = {
            name: (a + other.sums[name][0], b + other.sums[name][1]) for name, (a, b) in self.sums.items()
        }
        return Profile(self.spec, self.rows + other.rows, counts, sums)

    def missing_share(self, feature: str) -> float:
        """Share of rows in which *feature* is missing."""
        return float(self.counts[feature][-1]) / self.rows if self.rows else 0.0

    def outside_share(self, spec: ProfileSpec, feature: str) -> float:
        """Share of rows whose value lies outside what training saw: below, above, or an unknown word."""
        slots, counts = spec.features[feature], self.counts[feature]
        if self.rows == 0 or isinstance(slots, Presence):
            return 0.0
        outside = counts[0] + counts[-2] if isinstance(slots, NumberBins) else counts[-2]
        return float(outside) / self.rows

    def to_dict(self) -> dict[str, Any]:
        counts = {name: values.tolist() for name, values in self.counts.items()}
        sums = {name: list(pair) for name, pair in self.sums.items()}
        return {"spec": self.spec, "rows": self.rows, "counts": counts, "sums": sums}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "Profile":
        counts = {name: np.asarray(values, np.int64) for name, values in state["counts"].items()}
        sums = {name: (pair[0], pair[1]) for name, pair in state.get("sums", {}).items()}
        return cls(state["spec"], state["rows"], counts, sums)


def profile(spec: ProfileSpec, columns: Mapping[str, np.ndarray]) -> Profile:
    """Count one span of rows.

    Args:
        columns: values of every feature of *spec* that is to be counted, each of shape (rows,); a feature that is
            absent gets zero counts.
    Raises: ValueError if the columns differ in length.
    """
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise ValueError(f"columns differ in length: {sorted(lengths)}")
    counts, sums = {}, {}
    for name, slots in spec.features.items():
        values = columns.get(name)
        placed = np.zeros(0, np.int64) if values is None else slots.place(values)
        counts[name] = np.bincount(placed, minlength=slots.slots).astype(np.int64)
        if isinstance(slots, NumberBins):
            sums[name] = _sums(values)
    return Profile(spec.digest, lengths.pop() if lengths else 0, counts, sums)


def _sums(values: np.ndarray | None) -> tuple[float, float]:
    if values is None:
        return 0.0, 0.0
    numbers = np.asarray(values, np.float64)
    finite = numbers[np.isfinite(numbers)]
    return float(finite.sum()), float(finite @ finite)


def empty(spec: ProfileSpec) -> Profile:
    """The profile of no rows: the zero of addition."""
    return profile(spec, {})
