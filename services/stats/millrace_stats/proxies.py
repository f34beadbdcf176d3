"""How well one feature tells a protected attribute, and whether that is more than chance."""

import numpy as np

from millrace_stats import telling
from millrace_stats.telling import Floats

LEAST = 0.65
"""Concordance from which a feature is named as a proxy."""
ERRORS = 4.0
"""Standard errors by which it must lie above chance: one feature in 30,000 that says nothing does so."""
BIN_ROWS = 25
"""Rows learnt from in each bin of a number, about: fewer say little that holds for others."""
CLASSES, CLASS_ROWS = 20, 20
"""The commonest classes that are looked at, and rows below which a class is not."""


def strength(x: Floats, protected: Floats, named: bool, classes: bool, features: int) -> float | None:
    """The concordance of *protected* with what *x* says of it out of fold; None if that is little, or may be chance.

    Args:
        x: float64 (rows,) in random order; nan where there is no value, which says something, too.
        protected: float64 (rows,); numbers, or codes of *classes*; rows without one are left out.
        named: the values of x are codes of names, in no order.
        features: how many features are looked at: none of them should be named by chance.
    """
    x, protected = x[~np.isnan(protected)], protected[~np.isnan(protected)]
    values, counts = np.unique(protected, return_counts=True)
    if len(values) < 2 or len(x) < 2 * CLASS_ROWS:
        return None
    x = _filled(x)
    if not classes and len(values) > CLASSES:
        return _judged(x, protected, named, len(x) / 2, len(x) / 2, features)
    common = values[np.argsort(-counts, kind="stable")][: 1 if len(values) == 2 else CLASSES]
    told = [
        _one(x, (protected == value).astype(np.float64), named, features * len(common)) for value in common
    ]
    return max((item for item in told if item is not None), default=None)


def _one(x: Floats, truth: Floats, named: bool, looks: int) -> float | None:
    ones = float(truth.sum())
    if min(ones, len(truth) - ones) < CLASS_ROWS:
        return None
    return _judged(x, truth, named, ones, len(truth) - ones, looks)


def _judged(x: Floats, truth: Floats, named: bool, ones: float, others: float, looks: int) -> float | None:
    bins = min(telling.BINS, max(4, len(x) // (2 * BIN_ROWS)))
    told = telling.out_of_fold_concordance(x, truth, named, bins)
    error = np.sqrt((ones + others + 1) / (12 * ones * others))
    bar = 0.5 + (ERRORS + 0.5 * np.log10(max(looks, 1))) * error
    return told if told >= max(LEAST, bar) else None


def _filled(x: Floats) -> Floats:
    """Missing values as a value of their own, below all others."""
    missing = np.isnan(x)
    if not missing.any():
        return x
    return np.where(missing, np.nanmin(x) - 1 if not missing.all() else 0.0, x)
