"""How often two windows in a row both lie far off, on the same side, by chance.

The standard deviation is estimated with so many degrees of freedom, and a part of both windows' difference is shared.
"""

from functools import lru_cache

import numpy as np
from scipy import special

HIGHEST, CLOSE = 500.0, 1e-3
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(32)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def chance(height: float, freedom: float, shared: float) -> float:
    """That both exceed *height* or both its negative, in standard deviations."""
    return _twice(min(height, HIGHEST), _rounded(freedom), _rounded(shared))


def height(chance: float, freedom: float, shared: float) -> float:
    """What both exceed with this chance."""
    return _height(chance, _rounded(freedom), _rounded(shared))


def _rounded(value: float) -> float:
    """So that what is reckoned for one feature serves others."""
    return round(value, 1 if value > 1 else 2)


def _twice(height: float, freedom: float, shared: float) -> float:
    """Chance that two normal values, *shared* of whose variance is common, both exceed *height* or both its negative,
    in standard deviations that were estimated with so many degrees of freedom."""
    scale, weight = _scales(freedom)
    common = np.sqrt(shared) * NODES[:, None]
    above = special.ndtr((common - height * scale) / np.sqrt(1 - shared))
    return float(2 * WEIGHTS @ (above**2 @ weight))


@lru_cache(maxsize=4096)
def _height(chance: float, freedom: float, shared: float) -> float:
    """The inverse of `_twice`."""
    if _twice(HIGHEST, freedom, shared) >= chance:
        return HIGHEST
    low, high = 0.0, HIGHEST
    while high - low > CLOSE:
        middle = (low + high) / 2
        low, high = (middle, high) if _twice(middle, freedom, shared) > chance else (low, middle)
    return (low + high) / 2


@lru_cache(maxsize=256)
def _scales(freedom: float) -> tuple[np.ndarray, np.ndarray]:
    """How far an estimated standard deviation may lie from the true one, as points and weights."""
    points = np.exp(np.linspace(np.log(0.02), np.log(4.0), 64))
    squared = points**2 * freedom
    told = np.log(points**2) + (freedom / 2 - 1) * np.log(squared) - squared / 2
    density = np.exp(told - told.max())
    return points, density / density.sum()
