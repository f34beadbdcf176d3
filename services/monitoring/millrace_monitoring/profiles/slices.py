"""Slices of an endpoint's rows: parts of the data that are watched on their own, chosen from the baseline.

A column of categories or of few numbers is cut by value, the most frequent ones in the baseline; another column of
numbers into quarters of the baseline's rows. What is not watched is said in words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from millrace_contracts.signature import Input
from millrace_core.names import shortened
from millrace_monitoring.profiles.baseline import Baseline
from millrace_stats.bins import NumberBins, Vocabulary, as_seen

MOST_VALUES = 10
"""Values of one column that are watched."""
MOST_SLICES = 50
"""Slices of an endpoint; more detectors would each have to be too sure."""
QUARTERS = 4
LONGEST = 120
"""Characters of a slice's name; a longer one is cut and told apart by its digest."""


@dataclass(frozen=True)
class Slice:
    """Rows whose *feature* is one of *words*, or a number with low <= x < high."""

    name: str
    feature: str
    words: frozenset[str] = frozenset()
    low: float = 0.0
    high: float = 0.0
    exact: bool = False

    def of(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Which rows lie in it, bool of shape (rows,)."""
        values = columns[self.feature]
        if self.words:
            return np.fromiter((value in self.words for value in values), bool, len(values))
        numbers = as_seen(values, self.exact)
        return (numbers >= self.low) & (numbers < self.high)


@dataclass(frozen=True)
class Plan:
    """The slices that are watched, and what is not watched and why."""

    slices: Sequence[Slice] = ()
    left_out: Sequence[str] = field(default_factory=tuple)


def plan(columns: Sequence[str], inputs: Sequence[Input], baseline: Baseline) -> Plan:
    """Cut *columns* of the data into slices, in their order and at most MOST_SLICES."""
    slices, words = list[Slice](), list[str]()
    for column in columns:
        parts, said = _column(column, inputs, baseline)
        room = MOST_SLICES - len(slices)
        if len(parts) > room:
            said = (
                f"{column}: {room} of {len(parts)} slices are watched; an endpoint has at most {MOST_SLICES}"
            )
        slices += parts[:room]
        words += [said] if said else []
    return Plan(tuple(slices), tuple(words))


def _column(column: str, inputs: Sequence[Input], baseline: Baseline) -> tuple[list[Slice], str]:
    tensor = next((item for item in inputs if item.column == column), None)
    if tensor is None:
        return [], f"{column}: no input of the model, so its slices cannot be told from the log"
    feature = next((name for name in (tensor.name, column) if name in baseline.spec.features), None)
    counts = baseline.reference(feature) if feature is not None else None
    if feature is None or counts is None:
        return [], f"{column}: the champion's baseline does not know it"
    slots = baseline.spec.features[feature]
    if isinstance(slots, Vocabulary):
        return _of_words(column, feature, slots, counts)
    if isinstance(slots, NumberBins):
        return _of_numbers(column, feature, slots, counts, tensor.kind == "boolean")
    return [], f"{column}: a time has no slices"


def _of_words(column: str, feature: str, slots: Vocabulary, counts: np.ndarray) -> tuple[list[Slice], str]:
    order = sorted(range(len(slots.words)), key=lambda place: (-counts[place], slots.words[place]))
    kept = [place for place in order if counts[place] > 0][:MOST_VALUES]
    named = ((place, str(slots.words[place])) for place in kept)
    slices = [Slice(_name(column, text), feature, frozenset({slots.words[place]})) for place, text in named]
    return slices, _left_out(column, len(slots.words) + len(slots.rare), kept, counts)


def _of_numbers(
    column: str, feature: str, slots: NumberBins, counts: np.ndarray, boolean: bool
) -> tuple[list[Slice], str]:
    edges = slots.edges
    if edges[-1] != np.nextafter(edges[-2], np.inf):
        return _quarters(column, feature, slots, counts), ""
    order = sorted(range(len(edges) - 1), key=lambda place: (-counts[place + 1], edges[place]))
    kept = sorted(order[:MOST_VALUES])
    slices = []
    for place in kept:
        text = ("true" if edges[place] else "false") if boolean else _shown(edges[place], slots)
        high = float(np.nextafter(edges[place], np.inf))
        slices.append(Slice(_name(column, text), feature, low=edges[place], high=high, exact=slots.exact))
    return slices, _left_out(column, len(edges) - 1, [place + 1 for place in kept], counts)


def _quarters(column: str, feature: str, slots: NumberBins, counts: np.ndarray) -> list[Slice]:
    edges = slots.edges
    inner = np.cumsum(counts[1 : len(edges)])
    goals = inner[-1] * np.arange(1, QUARTERS) / QUARTERS
    cuts = sorted({int(place) + 1 for place in np.searchsorted(inner, goals)} - {0, len(edges) - 1})
    bounds = [edges[0], *(edges[cut] for cut in cuts), edges[-1]]
    slices = []
    for low, high in pairwise(bounds):
        last = float(np.nextafter(high, np.inf)) if high == edges[-1] else high
        name = _name(column, f"{_shown(low, slots)}..{_shown(high, slots)}")
        slices.append(Slice(name, feature, low=low, high=last, exact=slots.exact))
    return slices


def _shown(number: float, slots: NumberBins) -> str:
    """A number for people: of exact ones all digits, for the first ones are alike."""
    return f"{number:.15g}" if slots.exact else f"{number:g}"


def _left_out(column: str, values: int, kept: Sequence[int], counts: np.ndarray) -> str:
    if len(kept) >= values:
        return ""
    share = float(counts[list(kept)].sum() / max(counts.sum(), 1))
    return f"{column}: the {len(kept)} most frequent of {values} values are watched, {share:.1%} of the baseline's rows"


def _name(column: str, value: str) -> str:
    return shortened(f"{column}={value}", LONGEST)
