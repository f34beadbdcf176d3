"""Has a feature's distribution moved more than consecutive days do by themselves?

The null is cyclic: reference and current days stand on a circle, and every window of the current length is compared
with the rest. Days resemble their neighbours, so permuting single days would alarm far too often; whole windows
keep the resemblance (simulated in docs/simulations.md).
Source: cyclic shifts as in permutation tests for time series (Romano and Tirlea, 2022, discuss why plain permutation
fails); max-T over features with common shifts after Westfall and Young (1993); FDR by Benjamini and Hochberg (1995).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from millrace_stats import discoveries

SMOOTHING = 0.5
THRESHOLD = 0.1
MINIMUM_REFERENCE_DAYS = 30
MINIMUM_ROWS = 150
"""Fewer would let PSI pass the threshold by noise alone (docs/simulations.md)."""
RATE = 0.05
SLOTS_PER_ROW = 0.02
SPARSE = 0.1
QUANTILE_DAYS = 100
"""From this many shifts on the 99 % quantile is asked for; below, it would be the maximum anyway."""


def join(pooled: np.ndarray, rows: int) -> np.ndarray:
    """Group of each slot after neighbours are joined until there are at most 1 + 0.02 rows groups.

    Args:
        pooled: counts of all days together, shape (slots,).
        rows: rows in the smaller sample; few rows in many slots make PSI large by noise alone.
    Returns: shape (slots,), groups numbered from 0 without gaps.
    """
    most = max(2, min(len(pooled), int(1 + SLOTS_PER_ROW * rows)))
    if most >= len(pooled):
        return np.arange(len(pooled))
    before = np.cumsum(pooled) - pooled / 2
    groups = np.minimum((before / max(pooled.sum(), 1) * most).astype(int), most - 1)
    return np.unique(groups, return_inverse=True)[1]


def psi(reference: np.ndarray, current: np.ndarray) -> float:
    """Population stability index of two histograms with the same slots, smoothed by 0.5 a slot.

    Args:
        reference, current: counts, shape (slots,).
    """
    return float(_psi(np.asarray(reference)[None, :], np.asarray(current)[None, :])[0])


def _psi(reference: np.ndarray, current: np.ndarray) -> np.ndarray:
    """PSI row by row: shapes (shifts, slots) to (shifts,)."""
    slots = reference.shape[1]
    p = (current + SMOOTHING) / (current.sum(1, keepdims=True) + SMOOTHING * slots)
    q = (reference + SMOOTHING) / (reference.sum(1, keepdims=True) + SMOOTHING * slots)
    return np.asarray(((p - q) * np.log(p / q)).sum(1))


def joined(days: np.ndarray, rows: int) -> np.ndarray:
    """Daily counts with neighbouring slots joined as `join` says: shape (days, groups)."""
    groups = join(days.sum(0), rows)
    merged = np.zeros((len(days), int(groups.max()) + 1))
    np.add.at(merged.T, groups, days.T)
    return merged


def cyclic_null(reference: np.ndarray, current: np.ndarray) -> np.ndarray:
    """PSI of every window of the circle of days against the rest.

    Args:
        reference: daily counts, shape (reference days, slots), in order.
        current: daily counts, shape (current days, slots), following it.
    Returns: shape (all days,); entry 0 is the observed window (the current days), the others are the null. Windows
        with less than a tenth of the observed rows say nothing and are NaN (days on which it was not recorded).
    """
    days = np.concatenate([current, reference])
    length = len(current)
    days = joined(days, int(min(current.sum(), reference.sum())))
    sums = np.concatenate([np.zeros((1, days.shape[1])), np.cumsum(np.concatenate([days, days]), axis=0)])
    starts = np.arange(len(days))
    windows = sums[starts + length] - sums[starts]
    found = _psi(days.sum(0)[None, :] - windows, windows)
    found[1:][windows[1:].sum(1) < SPARSE * windows[0].sum()] = np.nan
    return found


@dataclass(frozen=True)
class Score:
    """One feature in one window: PSI, what chance does, and whether all three conditions hold."""

    feature: str
    psi: float
    null_high: float
    p: float
    adjusted: float
    rows: int
    fires: bool

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class Window:
    """All features in one window; `observing` says why nothing can be decided, if so."""

    scores: list[Score]
    rows: int
    observing: str | None

    @property
    def firing(self) -> list[str]:
        return [score.feature for score in self.scores if score.fires]


def cannot_fire(reference_days: int, current_days: int, rate: float = RATE) -> str | None:
    """Why a rule with these spans could never alarm, in words; None if it can. A rule that cannot fire is a bug."""
    days = reference_days + current_days
    if reference_days < MINIMUM_REFERENCE_DAYS:
        return f"{reference_days} reference days are too few, {MINIMUM_REFERENCE_DAYS} are needed"
    if current_days < 1 or reference_days < 2 * current_days:
        return f"{current_days} current days need a reference at least twice as long"
    if 1 / days >= rate:
        return f"with {days} days no p-value is below {1 / days:.3f}, which is not under the rate of {rate}"
    return None


def judge(
    reference: Mapping[str, np.ndarray],
    current: Mapping[str, np.ndarray],
    threshold: float = THRESHOLD,
    rate: float = RATE,
) -> Window:
    """Score every feature in one window.

    A feature fires when its PSI is above *threshold*, its window is the largest of all cyclic shifts (or beyond the
    99 % quantile of 100 and more), and it survives control over features: Benjamini-Hochberg where the number of
    days allows it, else max-T with common shifts.

    Args:
        reference: daily counts by feature, each of shape (reference days, slots).
        current: the same for the window, each of shape (current days, slots).
    Raises: ValueError if the features or the numbers of days do not agree.
    """
    if set(reference) != set(current):
        raise ValueError("reference and current need the same features")
    shapes = {(len(reference[name]), len(current[name])) for name in current}
    if len(shapes) > 1:
        raise ValueError("all features need the same days")
    if not shapes:
        return Window([], 0, "there are no features")
    rows = int(max(values.sum() for values in current.values()))
    reason = cannot_fire(*shapes.pop(), rate)
    if reason is None and rows < MINIMUM_ROWS:
        reason = f"{rows} rows are too few, {MINIMUM_ROWS} are needed; widen the window"
    nulls = {name: cyclic_null(reference[name], current[name]) for name in sorted(current)}
    return Window(_scores(nulls, current, threshold, rate, reason is None), rows, reason)


def _scores(
    nulls: dict[str, np.ndarray],
    current: Mapping[str, np.ndarray],
    threshold: float,
    rate: float,
    decides: bool,
) -> list[Score]:
    p_values = {name: _p(values, values[0]) for name, values in nulls.items()}
    adjusted = _adjusted(nulls, p_values, rate)
    scores = []
    for name, values in nulls.items():
        observed, high, rows = float(values[0]), _high(values), int(current[name].sum())
        moved = observed > threshold and observed > high and adjusted[name] < rate
        fires = decides and rows >= MINIMUM_ROWS and moved
        scores.append(Score(name, observed, high, p_values[name], adjusted[name], rows, fires))
    return scores


def _p(values: np.ndarray, observed: float) -> float:
    """Share of the shifts, the observed one included, that are at least as large."""
    known = values[~np.isnan(values)]
    return float(np.mean(known >= observed))


def _high(values: np.ndarray) -> float:
    """What chance reaches: the largest of the other shifts, or their 99 % quantile where that says more."""
    others = values[1:][~np.isnan(values[1:])]
    if len(others) == 0:
        return float(values[0])
    return float(np.quantile(others, 0.99)) if len(others) >= QUANTILE_DAYS else float(others.max())


def _adjusted(nulls: dict[str, np.ndarray], p_values: dict[str, float], rate: float) -> dict[str, float]:
    """p-values controlled over features: BH where one drifter could pass it, else max-T with common shifts.

    For max-T every feature's PSI is divided by its mean over *all* shifts. Leaving the observed window out of its own
    scale would find more, but treats one shift unlike the others: false alarms then come several times as often.
    """
    days = min(int(np.sum(~np.isnan(values))) for values in nulls.values())
    if len(nulls) / days < rate:
        controlled = discoveries.adjusted(list(p_values.values()))
        return dict(zip(p_values, map(float, controlled), strict=True))
    scaled = {name: values / max(float(np.nanmean(values)), 1e-12) for name, values in nulls.items()}
    largest = np.fmax.reduce(np.stack(list(scaled.values())))
    return {name: _p(largest, float(values[0])) for name, values in scaled.items()}


def alarms(before: Window | None, now: Window) -> list[str]:
    """Features that fire in two consecutive windows that share no day; the caller sees to both."""
    if before is None:
        return []
    return [name for name in now.firing if name in before.firing]
