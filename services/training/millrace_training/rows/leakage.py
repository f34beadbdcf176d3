"""The leakage screen: does one feature, or the mere lack of its value, give the target away?

A strong feature is not a leak: flight distance explains 98 % of the air time, the best single measurement
of a tumour ranks it with an AUC of .98, a petal's length tells one kind of iris from the two others. A leak *is* the
target, or determines it. So the bar is how well one feature alone predicts rows that were held out: R2 above 0.9999, an
AUC above 0.999, or more than 99.5 % of the rows told exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

MOST_R2 = 0.9999
MOST_AUC = 0.999
MOST_EXACT = 0.995
CLOSE = 0.001
"""A prediction within this share of the target's standard deviation counts as exact."""
ROWS = 50_000
LEAST_ROWS = 50
LEAST_SHARE = 0.2
LEAST_CLASS = 8
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Leak:
    """A column that gives the target away: how (`value` or `null pattern`) and how well."""

    column: str
    how: str
    score: str


@dataclass(frozen=True)
class Labels:
    """What is to be predicted: *numbers* (rows,), the places of the *classes* where there are any (0: none)."""

    numbers: Floats
    classes: int


def screen(features: pa.Table, labels: Labels) -> list[Leak]:
    """The columns of *features* that alone predict *labels* almost perfectly."""
    chosen = _sample(len(labels.numbers))
    features, target = features.take(pa.array(chosen)), labels.numbers[chosen]
    score = SCORES.get(labels.classes, _many)
    leaks = []
    for name in features.column_names:
        leak = _of_column(name, features.column(name), target, score)
        if leak is not None:
            leaks.append(leak)
    return leaks


def _sample(rows: int) -> npt.NDArray[np.int64]:
    """Rows in a fixed random order, at most ROWS of them."""
    return np.random.default_rng(0).permutation(rows)[:ROWS]


Score = Callable[[Floats, Floats], str | None]


def _of_column(name: str, values: pa.ChunkedArray, target: Floats, score: Score) -> Leak | None:
    missing = np.asarray(values.is_null())
    if LEAST_CLASS <= missing.sum() <= len(missing) - LEAST_CLASS:
        told = score(missing.astype(np.float64), target)
        if told is not None:
            return Leak(name, "null pattern", told)
    present = ~missing
    if present.sum() < max(LEAST_ROWS, LEAST_SHARE * len(missing)):
        return None
    told = score(_codes(values.drop_null()), target[present])
    return None if told is None else Leak(name, "value", told)


def _codes(values: pa.ChunkedArray) -> Floats:
    """Numbers as they are; text as codes."""
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    if pa.types.is_string(values.type):
        values = values.combine_chunks().dictionary_encode().indices
    return np.asarray(pc.cast(values, pa.float64(), safe=False), np.float64)


def _halves(feature: Floats, target: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Every second row to learn from, the others to be asked about (the rows are in random order)."""
    return feature[::2], target[::2], feature[1::2], target[1::2]


def _means(feature: Floats, target: Floats) -> tuple[Floats, Floats]:
    values, inverse = np.unique(feature, return_inverse=True)
    return values, np.bincount(inverse, target) / np.bincount(inverse)


def _regression(feature: Floats, target: Floats) -> str | None:
    x, y, asked, truth = _halves(feature, target)
    spread = truth.std()
    if spread == 0 or len(np.unique(x)) < 2:
        return None
    values, means = _means(x, y)
    line = np.polynomial.Polynomial.fit(x, y, 1)
    for guess in (line(asked), np.interp(asked, values, means)):
        r2 = 1 - float(np.mean((guess - truth) ** 2)) / spread**2
        exact = _exact(guess, truth, CLOSE * spread)
        if r2 > MOST_R2:
            return f"R2 {r2:.6f} on rows held out"
        if exact > MOST_EXACT:
            return f"{exact:.2%} of the rows held out are told exactly"
    return None


def _exact(guess: Floats, truth: Floats, close: float) -> float:
    """Share of rows that are told exactly, among those without the commonest value: any feature tells that."""
    values, counts = np.unique(truth, return_counts=True)
    varied = truth != values[counts.argmax()]
    return float(np.mean(np.abs(guess - truth)[varied] <= close)) if varied.sum() >= LEAST_ROWS / 2 else 0.0


def _binary(feature: Floats, target: Floats) -> str | None:
    x, y, asked, truth = _halves(feature, target)
    ones = int(truth.sum())
    if min(ones, len(truth) - ones) < LEAST_CLASS:
        return None
    for guess in (asked, _share_by_bin(x, y, asked)):
        auc = _auc(guess, truth)
        if max(auc, 1 - auc) > MOST_AUC:
            return f"AUC {max(auc, 1 - auc):.5f} on rows held out"
    return None


def _share_by_bin(x: Floats, y: Floats, asked: Floats) -> Floats:
    """The share of ones among the rows learnt from that are in the same of at most 64 bins."""
    edges = np.unique(x)
    if len(edges) > 64:
        edges = np.unique(np.quantile(x, np.linspace(0, 1, 65)[:-1]))
    bins = np.clip(np.searchsorted(edges, x, "right") - 1, 0, None)
    counts = np.bincount(bins, minlength=len(edges))
    shares = (np.bincount(bins, y, minlength=len(edges)) + y.mean()) / (counts + 1)
    return shares[np.clip(np.searchsorted(edges, asked, "right") - 1, 0, None)]


def _auc(score: Floats, truth: Floats) -> float:
    """Area under the ROC curve, ties counted half."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    ones = float(truth.sum())
    return float((ranks[truth == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(truth) - ones)))


def _many(feature: Floats, target: Floats) -> str | None:
    """Every row is taken for what most rows of the nearest value were: that tells a copy under any coding."""
    x, y, asked, truth = _halves(feature, target)
    values, place = np.unique(x, return_inverse=True)
    if len(values) < 2:
        return None
    guess = _commonest(place, y)[_nearest(values, asked)]
    exact = min(float(np.mean(guess == truth)), _exact(guess, truth, 0.0))
    return f"{exact:.2%} of the rows held out are told exactly" if exact > MOST_EXACT else None


def _commonest(place: npt.NDArray[np.int64], target: Floats) -> Floats:
    """The commonest target at each place; of equally common ones the smallest."""
    pairs, counts = np.unique(np.stack([place, target]), axis=1, return_counts=True)
    order = np.lexsort((pairs[1], -counts, pairs[0]))
    first = np.unique(pairs[0][order], return_index=True)[1]
    return np.asarray(pairs[1][order][first])


def _nearest(values: Floats, asked: Floats) -> npt.NDArray[np.int64]:
    """Index of the nearest of the ascending *values*."""
    right = np.clip(np.searchsorted(values, asked), 1, len(values) - 1)
    return np.asarray(right - (asked - values[right - 1] < values[right] - asked))


SCORES: dict[int, Score] = {0: _regression, 2: _binary}
"""How a feature is scored against numbers, and against two classes; against more: `_many`."""
