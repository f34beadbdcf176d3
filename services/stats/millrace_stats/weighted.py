"""Means over rows that were chosen with unequal, known chances: what they say of all rows, and how surely.

Weights are inverse probabilities (Horvitz and Thompson 1952), the mean is Hájek's ratio, its error the linearised one
of independent draws with replacement, which is a little too large rather than too small.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class WeightedMean:
    """A mean of *rows* rows, and its standard error; None for one row, which says nothing of it."""

    mean: float
    error: float | None
    rows: int


def mean(values: np.ndarray, weights: np.ndarray) -> WeightedMean | None:
    """The mean of *values*, (rows,), by *weights*, (rows,); rows without a value or with weight 0 do not count."""
    counts = np.isfinite(values) & (weights > 0)
    kept, shares = values[counts], weights[counts]
    if not len(kept):
        return None
    total = float(shares.sum())
    middle = float(shares @ kept / total)
    if len(kept) == 1:
        return WeightedMean(middle, None, 1)
    spread = float((shares**2) @ (kept - middle) ** 2) * len(kept) / (len(kept) - 1)
    return WeightedMean(middle, float(np.sqrt(spread) / total), len(kept))
