"""How far two spans lie apart by nothing but their days: how much days differ, and what chance then reaches.

A day's histogram is a vector of shares. Weekdays have a mean of their own each where the reference is long enough; what
is left is taken for an AR(1) series, whose scatter and correlation are estimated without the bias that estimated means
bring. A feature's correlation is drawn towards that of all features as far as they agree.
Source: degrees of freedom of a quadratic form after Satterthwaite (1946); shrinkage by the method of moments (Morris,
1983). The tail of a weighted sum of squares of normals lies below that of a single one (Szekely and Bakirov, 2003), so
that one t-distribution serves histograms of any number of slots.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

LEAST_DAYS = 14
LEAST_PER_WEEKDAY = 4
"""Reference days of a weekday from which on it has a mean of its own."""
RARE, MOST_RARE = -1, 0.1
"""The kind of the days of all rarer weekdays, and the share of reference days that these may be."""
LAGS = 3
"""Days ahead whose resemblance is summed up. The next one alone says too little where a day's noise, or its weekday,
hides what lasts: with weekdays and r=0.7, 25 % of years had a false alarm instead of 4 % (24 years each)."""
BIAS = 3.0
"""Over the days: what an estimate from a ratio of sums still falls short of r, at r from 0.3 to 0.85."""
UNSURE = 2.2
"""Variance of that estimate, in (1 - r^2) / days: 1.5 to 3.2 at r from 0 to 0.85 on 30 to 180 days (400 series)."""
GRID = np.concatenate([np.arange(-0.4, 0.9, 0.05), [0.9, 0.92, 0.94, 0.96]])
MOST = 0.95
STEP = 0.01
LEAST_FREEDOM = 3.0
LEAST_VARIANCE = 1e-12
HIGHEST, CLOSE = 500.0, 1e-3
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(32)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def kinds(weekdays: np.ndarray) -> np.ndarray:
    """The kind of each reference day: its weekday where there are enough days of nearly all, else all are of one kind.

    A shop that opened on one Sunday is still one with weekdays.
    """
    _, place, counts = np.unique(weekdays, return_inverse=True, return_counts=True)
    rare = counts[place] < LEAST_PER_WEEKDAY
    return np.zeros_like(weekdays) if rare.mean() > MOST_RARE else np.where(rare, RARE, weekdays)


@dataclass(frozen=True)
class Moments:
    """What an AR(1) series of variance 1 leaves on days whose means are taken out, for each correlation of GRID.

    Attributes:
        scatter: mean square of what is left. freedom: its degrees.
        ratio: sum of the products of days up to LAGS apart, as a share of the sum of squares.
    """

    scatter: np.ndarray
    ratio: np.ndarray
    freedom: np.ndarray


@lru_cache(maxsize=256)
def moments(places: tuple[int, ...], of_kind: tuple[int, ...]) -> Moments:
    """Of days at these places in time, with the mean of each kind of day taken out."""
    left, apart = _left(of_kind), _apart(places)
    found = []
    for r in GRID:
        kept = left @ _resembling(apart, r) @ left
        scatter = float(np.trace(kept))
        ratio = float(kept[_near(apart)].sum()) / 2 / scatter
        found.append((scatter / len(places), ratio, scatter**2 / float((kept * kept).sum())))
    return Moments(*np.array(found).T)


def _apart(places: tuple[int, ...] | np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(np.subtract.outer(places, places)))


def _near(apart: np.ndarray) -> np.ndarray:
    return np.asarray((apart >= 1) & (apart <= LAGS))


def _resembling(apart: np.ndarray, r: float) -> np.ndarray:
    """Correlation of days so far apart; of the sign that a negative *r* has."""
    return np.asarray(np.where(apart % 2, np.sign(r), 1.0) * np.abs(r) ** apart)


def _left(of_kind: tuple[int, ...]) -> np.ndarray:
    """The matrix that takes the mean of each kind of day out."""
    same = np.equal.outer(of_kind, of_kind).astype(float)
    return np.asarray(np.eye(len(of_kind)) - same / same.sum(1, keepdims=True))


@dataclass(frozen=True)
class Scatter:
    """How the reference days of one feature differ, in the metric of PSI.

    Attributes:
        square: mean square of what weekdays leave. r: correlation of a day with the next; 0 where days are all alike.
        days: how many, of so many *kinds*.
    """

    square: float
    r: float
    days: int
    kinds: int
    moments: Moments

    @classmethod
    def of(cls, shares: np.ndarray, rows: np.ndarray, of_kind: np.ndarray, places: np.ndarray) -> "Scatter":
        """From the shares of the slots on each day, divided by the roots of their means: shape (days, slots)."""
        known = moments(tuple(map(int, places)), tuple(map(int, of_kind)))
        left = _left(tuple(map(int, of_kind))) @ shares * np.sqrt(rows / rows.mean())[:, None]
        products = left @ left.T
        square = float(np.trace(products)) / len(shares)
        near = float(products[_near(_apart(places))].sum()) / 2 / len(shares)
        differ = square > LEAST_VARIANCE
        r = float(np.interp(near / square, known.ratio, GRID)) + BIAS / len(shares) if differ else 0.0
        return cls(square, r, len(shares), len(np.unique(of_kind)), known)

    @property
    def differs(self) -> bool:
        """Whether its days differ by more than numbers are rounded; else they say nothing of how they resemble."""
        return self.square > LEAST_VARIANCE

    @property
    def error(self) -> float:
        """Variance of the estimated correlation."""
        return UNSURE * max(1 - self.r**2, 1 - 0.9**2) / max(self.days - self.kinds, 1)

    def at(self, r: float) -> tuple[float, float]:
        """Variance of a day and its degrees of freedom, if the correlation is *r*."""
        scatter, freedom = (np.interp(r, GRID, each) for each in (self.moments.scatter, self.moments.freedom))
        return max(self.square / float(scatter), LEAST_VARIANCE), float(freedom)


@dataclass(frozen=True)
class Correlation:
    """Of a day with the next, and the variance of that estimate."""

    r: float
    error: float


def drawn_together(scatters: Mapping[str, Scatter]) -> dict[str, Correlation]:
    """The correlation of each feature, drawn towards all as far as they do not differ more than by chance.

    One whose days are all alike, a constant column say, has none and no say in that of others.
    """
    alike = {name: Correlation(one.r, one.error) for name, one in scatters.items() if not one.differs}
    scatters = {name: one for name, one in scatters.items() if one.differs}
    if not scatters:
        return alike
    r, error = (np.array([getattr(one, name) for one in scatters.values()]) for name in ("r", "error"))
    differing = max(0.0, float(r.var(ddof=1) - error.mean())) if len(r) > 1 else np.inf
    own = np.ones(len(r)) if len(r) == 1 else differing / (differing + error)
    drawn = np.clip(r.mean() + own * (r - r.mean()), 0, MOST)
    unsure = own * error + (1 - own) ** 2 * error / len(r)
    return alike | {
        name: Correlation(float(one), float(of))
        for name, one, of in zip(scatters, drawn, unsure, strict=True)
    }


@dataclass(frozen=True)
class DayNull:
    """What days alone do to the distance of a window from its reference.

    Attributes:
        variance: expected PSI. freedom: degrees of that estimate.
        shared: correlation of this window's difference with the next one's, for the reference is the same.
    """

    variance: float
    freedom: float
    shared: float

    def alone(self, psi: float) -> float:
        """Chance that one window lies at least so far off."""
        return float(2 * special.stdtr(self.freedom, -np.sqrt(psi / self.variance)))

    def twice(self, psi: float) -> float:
        """Chance that two windows in a row lie at least so far off, on the same side."""
        height = min(float(np.sqrt(psi / self.variance)), HIGHEST)
        return _twice(height, _rounded(self.freedom), _rounded(self.shared))

    def reaches(self, chance: float) -> float:
        """The PSI that two windows in a row both exceed with this chance."""
        return _height(chance, _rounded(self.freedom), _rounded(self.shared)) ** 2 * self.variance


def chance(
    scatter: Scatter,
    correlation: Correlation,
    weights: np.ndarray,
    places: np.ndarray,
    shares: np.ndarray,
    least: float = 0.0,
) -> DayNull:
    """What days alone do to a window.

    Args:
        weights: of the reference days, at these *places* in time; of sum 1.
        shares: of the rows of the window on each of its days.
        least: PSI of a window that has the very shares of the reference: smoothing alone brings it.
    """
    r = correlation.r
    day, freedom = scatter.at(r)
    normal, window = _widened(weights, _apart(places), r), _widened(shares, _apart(np.arange(len(shares))), r)
    ahead = len(shares) + np.subtract.outer(np.arange(len(shares)), np.arange(len(shares)))
    following = float(shares @ _resembling(ahead, r) @ shares)

    def log_variance(at: float) -> float:
        spread = _widened(weights, _apart(places), at) + _widened(shares, _apart(np.arange(len(shares))), at)
        return float(np.log(scatter.at(at)[0] * spread))

    low, high = max(r - STEP, 0.0), min(r + STEP, MOST)
    slope = (log_variance(high) - log_variance(low)) / (high - low)
    unsure = 1 / freedom + slope**2 * correlation.error / 2
    shared = min((normal + following) / (normal + window), 0.99)
    return DayNull(max(day * (normal + window), least), max(1 / unsure, LEAST_FREEDOM), shared)


def _widened(weights: np.ndarray, apart: np.ndarray, r: float) -> float:
    """Variance of a weighted mean of days of variance 1."""
    return float(weights @ _resembling(apart, r) @ weights)


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
