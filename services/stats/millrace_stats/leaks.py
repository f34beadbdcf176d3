"""Does one column, or the mere lack of its value, give the target away? Judged on values alone; see leakage.py.

A strong feature is not a leak: flight distance explains 98 % of the air time, the best single measurement of a tumour
ranks it with an AUC of .98. A leak *is* the target, or is made of it. What is *sure* refuses the data; what is very
strong and may be honest is only named. How often honest columns are called leaks is measured (docs/simulations.md).
"""

from dataclasses import dataclass

import numpy as np

from millrace_stats import telling
from millrace_stats.telling import Floats, Places

MOST_R2, STRONG_R2 = 0.9999, 0.999
MOST_CONCORDANCE, STRONG_CONCORDANCE = 0.997, 0.99
"""For numbers. 0.997 is the concordance of two normal variables of which one explains 99.99 % of the other."""
MOST_AUC, STRONG_AUC = 0.999, 0.99
MOST_EXACT, STRONG_EXACT = 0.995, 0.985
CLOSE = 0.001
"""A prediction within this share of the target's standard deviation counts as exact."""
LEAST_ROWS = 50
LEAST_CLASS, SURE_CLASS = 8, 20
"""Rows of the rarer of two classes to be looked at, and to be sure: few are apart by chance if a feature is strong."""
LEAST_ABSENT = 20
"""Rows with (or without) a value from which their targets are looked at."""
PURE, COMMON, CHANCE, ODD = 0.995, 0.6, 1e-9, 1e-6
"""A pattern of missing values is a leak if one class has at least PURE of the rows, while at most COMMON of all rows
are of it, and chance would do that with a probability below CHANCE; it is named below ODD."""
ROW_NUMBER = 0.9
"""Concordance from which a row number is a leak: the table is sorted by its target."""
STEPS, STEP_ROWS, STEP_GAP = 50, 20, 8.0
FINE = 10
"""Ranges of the target from which a column that tells them is a leak; fewer give only a part of it away."""


@dataclass(frozen=True)
class Told:
    """How a column gives the target away (`value`, `null pattern`, `row number`), how well, and if that is *sure*."""

    how: str
    score: str
    sure: bool


def judge(x: Floats, target: Floats, classes: int, named: bool = False, counter: bool = True) -> Told | None:
    """What the column *x* tells of the target.

    Args:
        x: float64 (rows,) in random order; nan where there is no value.
        target: float64 (rows,): numbers, or the places of *classes* (0: none).
        named: the values of x are codes of names, in no order.
        counter: a row number may be judged as such; not where rows are numbered in the order of their time.
    """
    missing = np.isnan(x)
    told = [absence(missing, target, classes)]
    if (~missing).sum() >= max(LEAST_ROWS, 0.2 * len(x)):
        x, target = x[~missing], target[~missing]
        told.append(_row_number(x, target, classes) if counter and not named else None)
        told.append(value(x, target, classes, named))
    found = [item for item in told if item is not None]
    return max(found, key=lambda item: item.sure, default=None)


def value(x: Floats, target: Floats, classes: int, named: bool) -> Told | None:
    """What the values of *x* tell, none of them missing."""
    if len(np.unique(x)) < 2 or len(np.unique(target)) < 2:
        return None
    if classes == 0:
        return _number(x, target, named)
    return _two(x, target, named) if classes == 2 else _many(x, target)


def _number(x: Floats, y: Floats, named: bool) -> Told | None:
    varied = _varied(y)
    order = _order(x[varied], y[varied], named) if varied.sum() >= LEAST_ROWS / 2 else 0.0
    if order > MOST_CONCORDANCE:
        return Told("value", f"it orders {order:.2%} of all pairs of rows as the target does", True)
    if steps := _steps(x, y):
        return Told("value", f"its {steps} values stand for ranges of the target that touch", steps >= FINE)
    r2, exact = _fit(x, y, named)
    if r2 > MOST_R2:
        return Told("value", f"R2 {r2:.6f} on rows held out", True)
    if exact > MOST_EXACT:
        return Told("value", f"{exact:.2%} of the rows held out are told exactly", True)
    if max(r2 - STRONG_R2, order - STRONG_CONCORDANCE) > 0:
        return Told(
            "value", f"R2 {r2:.4f} on rows held out, {order:.2%} of all pairs of rows ordered rightly", False
        )
    return None


def _order(x: Floats, y: Floats, named: bool) -> float:
    """Concordance; a first look at 2,000 rows spares the others for columns that say little."""
    if named:
        return telling.out_of_fold_concordance(x, y, named)
    first = telling.concordance(x[:2000], y[:2000])
    return (
        telling.concordance(x, y)
        if first > STRONG_CONCORDANCE - 0.02 and len(x) > 2000
        else np.nan_to_num(first)
    )


def _fit(x: Floats, y: Floats, named: bool) -> tuple[float, float]:
    """R2 of the best of three guesses on rows held out, and the share of rows that one of them tells exactly."""
    guesses = np.full((3, len(y)), np.nan)
    for learnt, asked in telling.folds(len(x)):
        if named:
            guesses[2, asked] = _seen(x[learnt], y[learnt], x[asked])
            continue
        if np.ptp(x[learnt]) > 0:
            guesses[0, asked] = np.polynomial.Polynomial.fit(x[learnt], y[learnt], 1)(x[asked])
        guesses[1, asked] = telling.interpolated(x[learnt], y[learnt], x[asked])
    scores = [_score(guess, y) for guess in guesses]
    return max(r2 for r2, _ in scores), max(exact for _, exact in scores)


def _seen(x: Floats, y: Floats, asked: Floats) -> Floats:
    """The mean *y* of the same value; the mean of all for values never seen."""
    levels, place = np.unique(x, return_inverse=True)
    means = np.bincount(place, y) / np.bincount(place)
    at = np.clip(np.searchsorted(levels, asked), 0, len(levels) - 1)
    return np.asarray(np.where(levels[at] == asked, means[at], y.mean()))


def _score(guess: Floats, truth: Floats) -> tuple[float, float]:
    inside = ~np.isnan(guess)
    spread = truth[inside].std() if inside.sum() >= LEAST_ROWS / 2 else 0.0
    if spread == 0:
        return 0.0, 0.0
    r2 = 1 - float(np.mean((guess[inside] - truth[inside]) ** 2)) / spread**2
    return r2, _exact(guess[inside], truth[inside], CLOSE * spread)


def _varied(y: Floats) -> np.ndarray:
    """Rows without the commonest value, bool: a target that is mostly zero is told by any feature that is, too."""
    values, counts = np.unique(y, return_counts=True)
    return np.asarray(y != values[counts.argmax()])


def _exact(guess: Floats, truth: Floats, close: float) -> float:
    """Share of rows that are told exactly, among those without the commonest value: any feature tells that."""
    varied = _varied(truth)
    return float(np.mean(np.abs(guess - truth)[varied] <= close)) if varied.sum() >= LEAST_ROWS / 2 else 0.0


def _steps(x: Floats, y: Floats) -> int:
    """How many values of x own a range of y each, ranges that touch and do not overlap: y was cut to make x. Else 0.

    Honest groups that are apart leave gaps between them, and honest groups that touch overlap. Whether ranges touch is
    told between values with STEP_ROWS rows each.
    """
    levels, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    different = np.unique(y)
    if len(levels) > max(STEPS, len(x) // 10) or len(different) < 5 * len(levels):
        return 0
    low, high = np.full(len(levels), np.inf), np.full(len(levels), -np.inf)
    np.minimum.at(low, place, y)
    np.maximum.at(high, place, y)
    order = np.argsort(low)
    low, high, counts = low[order], high[order], counts[order]
    gaps, widths = low[1:] - high[:-1], high - low
    near = np.where(counts >= STEP_ROWS, widths / np.maximum(counts - 1, 1), 0)
    judged = (near[1:] > 0) & (near[:-1] > 0)
    touch = STEP_GAP * np.maximum(np.maximum(near[1:], near[:-1]), np.median(np.diff(different)))
    cut = bool(judged.any() and (gaps >= 0).all() and (gaps <= touch)[judged].all())
    return len(levels) if cut else 0


def _two(x: Floats, y: Floats, named: bool) -> Told | None:
    half = len(y) // 2
    if min(min(part.sum(), len(part) - part.sum()) for part in (y[:half], y[half:])) < LEAST_CLASS:
        return None
    enough = min(y.sum(), len(y) - y.sum()) >= SURE_CLASS
    plain = 0.0 if named else abs(telling.auc(x, y) - 0.5) + 0.5
    best = max(plain, telling.out_of_fold_concordance(x, y, named))
    return (
        Told("value", f"AUC {best:.5f} on rows held out", bool(best > MOST_AUC and enough))
        if best > STRONG_AUC
        else None
    )


def _many(x: Floats, y: Floats) -> Told | None:
    """Every row is taken for what most rows of the nearest value were: that tells a copy under any coding."""
    exact = _nearest_class(x, y)
    if exact <= STRONG_EXACT:
        return None
    return Told("value", f"{exact:.2%} of the rows held out are told exactly", exact > MOST_EXACT)


def _nearest_class(x: Floats, y: Floats) -> float:
    guess = np.full(len(y), -1.0)
    for learnt, asked in telling.folds(len(x)):
        values, place = np.unique(x[learnt], return_inverse=True)
        if len(values) > 1:
            guess[asked] = _commonest(place, y[learnt])[_nearest(values, x[asked])]
    return min(float(np.mean(guess == y)), _exact(guess, y, 0.0))


def _commonest(place: Places, target: Floats) -> Floats:
    """The commonest target at each place; of equally common ones the smallest."""
    pairs, counts = np.unique(np.stack([place, target]), axis=1, return_counts=True)
    order = np.lexsort((pairs[1], -counts, pairs[0]))
    first = np.unique(pairs[0][order], return_index=True)[1]
    return np.asarray(pairs[1][order][first])


def _nearest(values: Floats, asked: Floats) -> Places:
    """Index of the nearest of the ascending *values*."""
    right = np.clip(np.searchsorted(values, asked), 1, len(values) - 1)
    return np.asarray(right - (asked - values[right - 1] < values[right] - asked))


def counts_rows(x: Floats) -> bool:
    """Whether *x* holds each whole number of a range once, or nearly so: what numbers rows."""
    if len(x) < LEAST_ROWS or not np.array_equal(x, np.round(x)):
        return False
    return len(np.unique(x)) == len(x) and bool(np.ptp(x) + 1 <= 1.05 * len(x))


def _row_number(x: Floats, y: Floats, classes: int) -> Told | None:
    if not counts_rows(x) or len(np.unique(y)) < 2:
        return None
    strength = max(telling.concordance(x, y), _nearest_class(x, y) if classes > 2 else 0.0)
    if strength <= ROW_NUMBER:
        return None
    return Told(
        "row number", f"it numbers the rows, and the table is sorted by the target ({strength:.2%})", True
    )


def _by_no_chance(rows: int, base: float) -> bool:
    return rows >= LEAST_ABSENT and base <= COMMON and base**rows < CHANCE


def absence(missing: np.ndarray, target: Floats, classes: int) -> Told | None:
    """What it tells of the target that a value is *missing*, bool (rows,), or is there.

    Where numbers of rows with and without a value lie apart, that may be honest: they are two kinds of rows. Where they
    touch and do not overlap, the gap was cut by the target.
    """
    few = min(int(missing.sum()), int((~missing).sum()))
    if few < LEAST_CLASS:
        return None
    apart = telling.concordance(missing.astype(np.float64), target) if classes <= 2 else 0.5
    if classes == 0:
        apart = telling.auc(target, missing.astype(np.float64))
        apart = max(apart, 1 - apart)
    if few >= LEAST_ABSENT and apart > MOST_AUC:
        cut = bool(classes) or _steps(missing.astype(np.float64), target) > 0
        return Told("null pattern", f"AUC {apart:.5f}", cut)
    if classes:
        return _pure(missing, target)
    return Told("null pattern", f"AUC {apart:.4f}", False) if apart > 0.95 and few >= LEAST_ABSENT else None


def _pure(missing: np.ndarray, target: Floats) -> Told | None:
    """Whether all rows with a value, or all without, are of one class which is not that of nearly all rows anyway."""
    told = []
    for words, side in (("without", missing), ("with", ~missing)):
        values, counts = np.unique(target[side], return_counts=True)
        rows, share = int(side.sum()), counts.max() / side.sum()
        base = float(np.mean(target == values[counts.argmax()]))
        if rows < LEAST_CLASS or share < PURE or base**rows >= ODD:
            continue
        score = f"{share:.1%} of the {rows} rows {words} a value are of one class, and {base:.1%} of all rows"
        told.append(Told("null pattern", score, _by_no_chance(rows, base)))
    return max(told, key=lambda item: item.sure, default=None)
