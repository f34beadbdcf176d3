"""Profiles: counts in bins frozen at training, so that profiles of hours, days and replicas merge by addition."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from millrace_stats import bins
from millrace_stats.bins import PREDICTION_BINS, NumberBins, Presence, Slots, Vocabulary
from millrace_stats.tasks.task import PREDICTION, Reduced

__all__ = ["PREDICTION", "NumberBins", "Presence", "Profile", "ProfileSpec", "Totals", "Vocabulary"]
__all__ += ["empty", "fit_spec", "profile"]


@dataclass(frozen=True)
class ProfileSpec:
    """The frozen slots of every feature, in order; part of a model version."""

    features: Mapping[str, Slots]

    @cached_property
    def digest(self) -> str:
        """Identity of the slots: profiles of different ones never merge."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self) -> dict[str, object]:
        return {"features": {name: bins.to_dict(slots) for name, slots in self.features.items()}}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "ProfileSpec":
        return cls({name: bins.from_dict(item) for name, item in state["features"].items()})


def fit_spec(
    columns: Mapping[str, np.ndarray],
    kinds: Mapping[str, str],
    prediction: np.ndarray | Mapping[str, Reduced] | None = None,
) -> ProfileSpec:
    """Freeze the slots from a training sample.

    Args:
        columns: values by feature, each of shape (rows,); numbers as numbers, categories as text.
        kinds: `number`, `boolean`, `category` or `timestamp` by feature; features without one are left out.
        prediction: the model's outputs on held-out rows, shape (rows,), or what a task reduces them to, to profile
            predictions too.
    Raises: ValueError for another kind.
    """
    features = {name: bins.fit(columns[name], kinds[name]) for name in columns if name in kinds}
    reduced = (
        {PREDICTION: Reduced("number", prediction)} if isinstance(prediction, np.ndarray) else prediction
    )
    for name, item in (reduced or {}).items():
        features[name] = bins.fit(item.values, item.kind, PREDICTION_BINS)
    return ProfileSpec(features)


class Totals(NamedTuple):
    """Sums over the finite values of a number, so that means need no rows; the range is None without any."""

    finite: int = 0
    infinite: int = 0
    sum: float = 0.0
    squares: float = 0.0
    low: float | None = None
    high: float | None = None

    def merge(self, other: "Totals") -> "Totals":
        """Both spans together."""
        lows = [value for value in (self.low, other.low) if value is not None]
        highs = [value for value in (self.high, other.high) if value is not None]
        return Totals(
            self.finite + other.finite,
            self.infinite + other.infinite,
            self.sum + other.sum,
            self.squares + other.squares,
            min(lows, default=None),
            max(highs, default=None),
        )

    @classmethod
    def of(cls, values: np.ndarray, exact: bool = False) -> "Totals":
        """Of values of shape (rows,); *exact* ones are summed in all their 64 bits."""
        numbers = bins.as_seen(values, exact)
        finite = numbers[np.isfinite(numbers)]
        infinite = int(np.isinf(numbers).sum())
        if len(finite) == 0:
            return cls(infinite=infinite)
        sums = float(finite.sum()), float(finite @ finite)
        return cls(len(finite), infinite, *sums, float(finite.min()), float(finite.max()))


@dataclass
class Profile:
    """Counts of one span of rows, by feature and slot (int64; missing is the last slot), and sums of numbers."""

    spec: str
    rows: int
    counts: dict[str, np.ndarray]
    sums: dict[str, Totals] = field(default_factory=dict)

    def __add__(self, other: "Profile") -> "Profile":
        """Both spans together; counts are exact in any order, float sums up to rounding.

        Raises: ValueError if they were binned differently.
        """
        if self.spec != other.spec:
            raise ValueError("profiles with different bins cannot be merged")
        counts = {name: values + other.counts[name] for name, values in self.counts.items()}
        names = [*self.sums, *(name for name in other.sums if name not in self.sums)]
        sums = {name: self.sums.get(name, Totals()).merge(other.sums.get(name, Totals())) for name in names}
        return Profile(self.spec, self.rows + other.rows, counts, sums)

    def missing_share(self, feature: str) -> float:
        """Share of rows in which *feature* is missing."""
        return float(self.counts[feature][-1]) / self.rows if self.rows else 0.0

    def outside_share(self, spec: ProfileSpec, feature: str) -> float:
        """Share of rows whose value lies outside what training saw: below, above, or an unseen word."""
        outside = spec.features[feature].outside(self.counts[feature])
        return outside / self.rows if self.rows else 0.0

    def to_dict(self) -> dict[str, object]:
        counts = {name: values.tolist() for name, values in self.counts.items()}
        sums = {name: list(totals) for name, totals in self.sums.items()}
        return {"spec": self.spec, "rows": self.rows, "counts": counts, "sums": sums}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "Profile":
        counts = {name: np.asarray(values, np.int64) for name, values in state["counts"].items()}
        sums = {name: Totals(*totals) for name, totals in state.get("sums", {}).items()}
        return cls(state["spec"], state["rows"], counts, sums)


def profile(spec: ProfileSpec, columns: Mapping[str, np.ndarray]) -> Profile:
    """Count one span of rows; feed a long one in chunks and add the profiles.

    Args:
        columns: values of every feature of *spec* that is to be counted, each of shape (rows,); a feature that is
            absent gets zero counts.
    Raises: ValueError if the columns differ in length, or text stands where numbers are counted.
    """
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise ValueError(f"columns differ in length: {sorted(lengths)}")
    counts, sums = {}, {}
    for name, slots in spec.features.items():
        values = columns.get(name, ())
        counts[name] = slots.count(np.asarray(values)) if len(values) else np.zeros(slots.slots, np.int64)
        if isinstance(slots, NumberBins):
            given = np.asarray(values, float if len(values) == 0 else None)
            sums[name] = Totals.of(given, slots.exact)
    return Profile(spec.digest, lengths.pop() if lengths else 0, counts, sums)


def empty(spec: ProfileSpec) -> Profile:
    """The profile of no rows: the zero of addition."""
    return profile(spec, {})
