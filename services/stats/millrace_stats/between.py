"""How far two spans lie apart by nothing but their days: how much days differ, and what chance then reaches.

A day's histogram is a vector of shares. Weekdays have a mean of their own each where the reference is long enough; what
is left is taken for an AR(1) series, whose scatter and correlation are estimated without the bias that estimated means
bring. A feature's correlation is drawn towards that of all features as far as they agree.
Source: degrees of freedom of a quadratic form after Satterthwaite (1946); shrinkage by the method of moments (Morris,
1983). The tail of a weighted sum of squares of normals lies below that of a single one (Szekely and Bakirov, 2003), so
that one t-distribution serves histograms of any number of slots.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special

from millrace_stats import twice

LEAST_DAYS = 14
LEAST_PER_WEEKDAY = 4
"""Reference days of a weekday from which on it has a mean of its own."""
RARE, MOST_RARE = -1, 0.1
"""The kind of the days of all rarer weekdays, and the share of reference days that these may be."""
LAGS, FURTHER = 3, 7
"""Days ahead whose resemblance is summed up: of each feature, and of many together. The next one alone says too little
where a day's noise, or its weekday, hides what lasts; and three do where it hides most of it: with weekdays and r=0.7
quiet windows lay 1.27 times as far off (in PSI) as was reckoned, with seven 1.0 times. One feature alone knows seven
too badly."""
BIAS = 3.0
"""Over the days: what an estimate from a ratio of sums still falls short of r, at r from 0.3 to 0.85."""
UNSURE, FURTHER_UNSURE = 2.2, 5.0
"""Variance of that estimate from so many days ahead, in (1 - r^2) / days: 1.5 to 3.2 at r from 0 to 0.85 on 30 to 180
days (400 series); from seven days ahead 3.6 to 6.5 at r from 0.4 to 0.8 (by the variance of a ratio)."""
WEEK = 7
GRID = np.concatenate([np.arange(-0.4, 0.9, 0.05), [0.9, 0.92, 0.94, 0.96]])
MOST = 0.95
STEP = 0.01
LEAST_FREEDOM = 3.0
LEAST_VARIANCE = 1e-12
TINY = 1e-12


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
        ratio, further: sum of the products of days up to LAGS (FURTHER) apart, as a share of the sum of squares.
        left: the matrix that takes the means out. near, nearer: half of 1 for days up to FURTHER (LAGS) apart.
    """

    left: np.ndarray
    nearer: np.ndarray
    near: np.ndarray
    scatter: np.ndarray
    ratio: np.ndarray
    further: np.ndarray
    freedom: np.ndarray


@lru_cache(maxsize=256)
def moments(places: tuple[int, ...], of_kind: tuple[int, ...]) -> Moments:
    """Of days at these places in time, with the mean of each kind of day taken out."""
    left, apart = _left(of_kind), _apart(places)
    nearer, near = _near(apart, LAGS), _near(apart, FURTHER)
    found = []
    for r in GRID:
        kept = left @ _resembling(apart, r) @ left
        scatter = float(np.trace(kept))
        ratios = [float((kept * of).sum()) / scatter for of in (nearer, near)]
        found.append((scatter / len(places), *ratios, scatter**2 / float((kept * kept).sum())))
    return Moments(left, nearer, near, *np.array(found).T)


def _apart(places: tuple[int, ...] | np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(np.subtract.outer(places, places)))


def _near(apart: np.ndarray, lags: int) -> np.ndarray:
    return np.asarray(((apart >= 1) & (apart <= lags)) / 2)


def _resembling(apart: np.ndarray, r: float) -> np.ndarray:
    """Correlation of days so far apart; of the sign that a negative *r* has."""
    return np.asarray(_powers(r, int(apart.max()) + 1)[apart])


def _powers(r: float, number: int) -> np.ndarray:
    """Correlation of days 0, 1, 2 … apart."""
    far = np.arange(number)
    return np.asarray(np.where(far % 2, np.sign(r), 1.0) * np.abs(r) ** far)


def _left(of_kind: tuple[int, ...]) -> np.ndarray:
    """The matrix that takes the mean of each kind of day out."""
    same = np.equal.outer(of_kind, of_kind).astype(float)
    return np.asarray(np.eye(len(of_kind)) - same / same.sum(1, keepdims=True))


@dataclass(frozen=True)
class Scatter:
    """How the reference days of one feature differ, in the metric of PSI.

    Attributes:
        square: mean square of what weekdays leave. r: correlation of a day with the next; 0 where days are all alike.
        lasts: how much greater *r* is by FURTHER days ahead than by LAGS.
        pull: what each week of the reference does to *r*, by the week's number, in units of their own.
        days: how many, of so many *kinds*.
    """

    square: float
    r: float
    lasts: float
    pull: tuple[float, ...]
    days: int
    kinds: int
    moments: Moments

    @classmethod
    def of(cls, shares: np.ndarray, rows: np.ndarray, of_kind: np.ndarray, places: np.ndarray) -> "Scatter":
        """From the shares of the slots on each day, divided by the roots of their means: shape (days, slots)."""
        known = moments(tuple(map(int, places)), tuple(map(int, of_kind)))
        left = known.left @ shares * np.sqrt(rows / rows.mean())[:, None]
        products = left @ left.T
        square = float(np.trace(products)) / len(shares)
        if square <= LEAST_VARIANCE:
            return cls(square, 0.0, 0.0, (), len(shares), len(np.unique(of_kind)), known)
        near = (products * known.nearer).sum(1)
        ratio = float(near.mean()) / square
        further = float((products * known.near).sum()) / len(shares) / square
        r = float(np.interp(ratio, known.ratio, GRID))
        lasts = float(np.interp(further, known.further, GRID)) - r
        pull = np.bincount(places // WEEK, near - ratio * np.diag(products)) / square
        days, kinds = len(shares), len(np.unique(of_kind))
        return cls(square, r + BIAS / days, lasts, tuple(map(float, pull)), days, kinds, known)

    @property
    def differs(self) -> bool:
        """Whether its days differ by more than numbers are rounded; else they say nothing of how they resemble."""
        return self.square > LEAST_VARIANCE

    @property
    def error(self) -> float:
        """Variance of the estimated correlation."""
        return UNSURE * self._each

    @property
    def further_error(self) -> float:
        """What FURTHER days ahead add to that."""
        return (FURTHER_UNSURE - UNSURE) * self._each

    @property
    def _each(self) -> float:
        return max(1 - self.r**2, 1 - 0.9**2) / max(self.days - self.kinds, 1)

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

    Features err together where the same days make them so, and know no more than one of them then; the further they
    know each by itself, the more of what FURTHER days ahead say is taken in. One whose days are all alike, a constant
    column say, has no correlation and no say in that of others.
    """
    alike = {name: Correlation(one.r, one.error) for name, one in scatters.items() if not one.differs}
    scatters = {name: one for name, one in scatters.items() if one.differs}
    if not scatters:
        return alike
    each = list(scatters.values())
    r, error, lasts, further = (
        np.array([getattr(one, name) for one in each]) for name in ("r", "error", "lasts", "further_error")
    )
    common = in_common(each)
    apart = 1.0 - common
    differing = max(0.0, float(r.var(ddof=1) - apart * error.mean())) if len(r) > 1 else np.inf
    own = np.ones(len(r)) if len(r) == 1 else differing / (differing + apart * error + TINY)
    drawn = np.clip(r.mean() + own * (r - r.mean()) + apart * lasts.mean(), 0, MOST)
    unsure = own * error + (1 - own) ** 2 * error * common + apart**2 * further.mean() * common
    return alike | {
        name: Correlation(float(one), float(of))
        for name, one, of in zip(scatters, drawn, unsure, strict=True)
    }


def in_common(scatters: Sequence[Scatter]) -> float:
    """Variance of the mean of the features' correlations, as a share of that of one: from 1 over their number, where
    each errs by itself, to 1, where all err as one does. Told from what each week of the reference does to them."""
    weeks = max(len(one.pull) for one in scatters)
    pulls = np.array([one.pull + (0.0,) * (weeks - len(one.pull)) for one in scatters])
    single = float((pulls**2).sum(1).mean())
    mean = float((pulls.mean(0) ** 2).sum())
    return float(np.clip(mean / single, 1 / len(pulls), 1.0)) if single > 0 else 1.0


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
        return twice.chance(float(np.sqrt(psi / self.variance)), self.freedom, self.shared)

    def reaches(self, chance: float) -> float:
        """The PSI that two windows in a row both exceed with this chance."""
        return twice.height(chance, self.freedom, self.shared) ** 2 * self.variance


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
    r, days = correlation.r, len(shares)
    day, freedom = scatter.at(r)
    of_reference, of_window = _by_distance(weights, places), _by_distance(shares, np.arange(days))
    normal, window = _widened(of_reference, r), _widened(of_window, r)
    following = float(np.correlate(shares, shares, "full") @ _powers(r, 2 * days)[1:])

    def log_variance(at: float) -> float:
        return float(np.log(scatter.at(at)[0] * (_widened(of_reference, at) + _widened(of_window, at))))

    low, high = max(r - STEP, 0.0), min(r + STEP, MOST)
    slope = (log_variance(high) - log_variance(low)) / (high - low)
    unsure = 1 / freedom + slope**2 * correlation.error / 2
    shared = min((normal + following) / (normal + window), 0.99)
    return DayNull(max(day * (normal + window), least), max(1 / unsure, LEAST_FREEDOM), shared)


def _by_distance(weights: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Sum of the products of the weights of days that lie 0, 1, 2 … apart."""
    placed = np.zeros(int(places[-1] - places[0]) + 1)
    placed[places - places[0]] = weights
    found = np.correlate(placed, placed, "full")[len(placed) - 1 :]
    found[1:] *= 2
    return np.asarray(found)


def _widened(by_distance: np.ndarray, r: float) -> float:
    """Variance of a weighted mean of days of variance 1."""
    return float(by_distance @ _powers(r, len(by_distance)))
