"""How well one column alone tells another, on rows that were not learnt from: what leaks and proxies are judged by.

Every score is a concordance or a share, so that it means the same for any unit, any monotone scale and any tail.
Arrays are float64 (rows,), in random order, without missing values, unless said otherwise.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
BINS = 64
SMALL = 5_000
"""Rows up to which nine tenths are learnt from, ten times; above it one half, twice."""


def folds(rows: int) -> list[tuple[Places, Places]]:
    """Rows to learn from and rows to be asked about, so that each row is asked about once."""
    count = 10 if rows <= SMALL else 2
    place = np.arange(rows)
    return [(place[place % count != at], place[place % count == at]) for at in range(count)]


def concordance(x: Floats, y: Floats) -> float:
    """Of two rows with different *y*, how often the one with the greater *x* has the greater *y*; ties of *x* half.

    0.5 says nothing, 1 everything; a falling order is as good as a rising one. For a y of two values this is the AUC.
    nan if *x* or *y* has one value only.
    """
    tau, pairs_x, pairs_y = _kendall(x, y)
    if not (pairs_x and pairs_y):
        return float("nan")
    return float(0.5 + abs(tau) * (pairs_x / pairs_y) ** 0.5 / 2)


def _kendall(x: Floats, y: Floats) -> tuple[float, float, float]:
    """Kendall's tau-b, and the pairs of rows with different *x* and with different *y*."""
    pairs = len(x) * (len(x) - 1) / 2
    places = [np.unique(values, return_inverse=True)[1] for values in (x, y)]
    both = places[0] * (places[1].max(initial=0) + 1) + places[1]
    tied_x, tied_y, tied = (_tied(values) for values in (*places, both))
    if min(pairs - tied_x, pairs - tied_y) <= 0:
        return 0.0, pairs - tied_x, pairs - tied_y
    agreeing = pairs - tied_x - tied_y + tied - 2 * _inversions(places[1][np.argsort(both)])
    return agreeing / ((pairs - tied_x) * (pairs - tied_y)) ** 0.5, pairs - tied_x, pairs - tied_y


def _inversions(places: Places) -> float:
    """Pairs that stand the wrong way round, counted while sorting runs of doubling length."""
    size = 1 << max(0, int(len(places) - 1).bit_length())
    wide = int(places.max(initial=0)) + 2
    rows = np.full(size, wide - 1)
    rows[: len(places)] = places
    count, length = 0, 1
    while length < size:
        runs = rows.reshape(-1, 2, length)
        shift = np.arange(len(runs))[:, None] * wide
        before = np.searchsorted((runs[:, 0] + shift).ravel(), (runs[:, 1] + shift).ravel(), "right")
        count += int(((np.arange(len(runs)) + 1).repeat(length) * length - before).sum())
        rows, length = np.sort(rows.reshape(-1, 2 * length), axis=1).ravel(), 2 * length
    return float(count)


def _tied(places: Places) -> float:
    counts = np.unique(places, return_counts=True)[1].astype(np.float64)
    return float((counts * (counts - 1) / 2).sum())


def auc(score: Floats, truth: Floats) -> float:
    """Area under the ROC curve of *score* for *truth* of zeros and ones, ties counted half."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    ones = float(truth.sum())
    return float((ranks[truth == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(truth) - ones)))


def by_level(x: Floats, y: Floats, asked: Floats) -> Floats:
    """The mean *y* of the rows that have the same value as each *asked* one; a value never seen gets the mean of all.

    Means are drawn towards the mean of all by one row, so that a value seen once says little.
    """
    levels, place = np.unique(x, return_inverse=True)
    means = (np.bincount(place, y) + y.mean()) / (np.bincount(place) + 1)
    at = np.clip(np.searchsorted(levels, asked), 0, len(levels) - 1)
    return np.asarray(np.where(levels[at] == asked, means[at], y.mean()))


def by_bin(x: Floats, y: Floats, asked: Floats, bins: int = BINS) -> Floats:
    """The mean *y* of the rows in the same of at most *bins* bins, drawn towards the mean of all by one row."""
    edges = np.unique(x)
    if len(edges) > bins:
        edges = np.unique(np.quantile(x, np.linspace(0, 1, bins + 1)[:-1]))
    places = np.clip(np.searchsorted(edges, x, "right") - 1, 0, None)
    counts = np.bincount(places, minlength=len(edges))
    means = (np.bincount(places, y, minlength=len(edges)) + y.mean()) / (counts + 1)
    return np.asarray(means[np.clip(np.searchsorted(edges, asked, "right") - 1, 0, None)])


def interpolated(x: Floats, y: Floats, asked: Floats) -> Floats:
    """*y* between the neighbours of each *asked* value; nan beyond the values of *x*."""
    values, place = np.unique(x, return_inverse=True)
    means = np.bincount(place, y) / np.bincount(place)
    return np.asarray(np.interp(asked, values, means, left=np.nan, right=np.nan))


def out_of_fold_concordance(x: Floats, y: Floats, named: bool, bins: int = BINS) -> float:
    """Concordance of *y* with what *x* says about it, on rows that were not learnt from: the mean over two halves.

    *named*: the values of x are codes of names, in no order. A half without two values of y counts 0.5.
    """
    half = len(x) // 2
    scores = []
    for learnt, asked in ((slice(0, half), slice(half, None)), (slice(half, None), slice(0, half))):
        given = x[learnt], y[learnt], x[asked]
        score = _rising(by_level(*given) if named else by_bin(*given, bins), y[asked])
        scores.append(0.5 if np.isnan(score) else score)
    return float(np.mean(scores))


def _rising(guess: Floats, truth: Floats) -> float:
    """Concordance that counts a falling order as worse than none."""
    tau, pairs_x, pairs_y = _kendall(guess, truth)
    if not pairs_y:
        return float("nan")
    return float(0.5 + tau * (pairs_x / pairs_y) ** 0.5 / 2)
