"""Many tests at once: p-values that bound the share of false discoveries."""

from collections.abc import Sequence

import numpy as np


def adjusted(p_values: Sequence[float]) -> np.ndarray:
    """The smallest false discovery rate at which each hypothesis is rejected, shape of *p_values*.

    Holds for independent and for positively dependent tests.
    Source: Benjamini and Hochberg (1995), Controlling the false discovery rate, J. R. Stat. Soc. B 57.
    """
    values = np.asarray(p_values, float)
    order = np.argsort(values)[::-1]
    ranks = np.arange(len(values), 0, -1)
    rates = np.empty_like(values)
    rates[order] = np.minimum.accumulate(values[order] * len(values) / ranks)
    return np.asarray(np.minimum(rates, 1.0))
