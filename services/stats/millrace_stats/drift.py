"""Has a feature's distribution moved more than days do by themselves, in two windows in a row?

Days are the sample, never rows. How much days differ, and how much each resembles the next, is learnt from the
reference (`between`); from that follows what PSI two windows in a row both reach by chance. The chance that is allowed
is one of a model: shared among its features and the windows of a year. Weekdays are compared with their like.
Simulated in docs/simulations.md; why this and not cyclic shifts: docs/decisions/drift-spends-a-yearly-chance.md.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from millrace_stats import between

SMOOTHING = 0.5
THRESHOLD = 0.1
MINIMUM_REFERENCE_DAYS = 30
MINIMUM_ROWS = 150
"""Fewer would let PSI pass the threshold by noise alone (docs/simulations.md)."""
RATE = 0.1
"""False alarms that a model may raise in a year, over all its features (docs/simulations.md has the curve)."""
YEAR = 365
SLOTS_PER_ROW = 0.02
Weekdays = tuple[np.ndarray, np.ndarray]
"""Of the reference days and of the window's, each of shape (days,)."""


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
    """PSI row by row: shapes (pairs, slots) to (pairs,)."""
    slots = reference.shape[1]
    p = (current + SMOOTHING) / (current.sum(1, keepdims=True) + SMOOTHING * slots)
    q = (reference + SMOOTHING) / (reference.sum(1, keepdims=True) + SMOOTHING * slots)
    return np.asarray(((p - q) * np.log(p / q)).sum(1))


def joined(days: np.ndarray, rows: int) -> np.ndarray:
    """Daily counts with neighbouring slots joined as `join` says: shape (days, groups)."""
    groups = join(days.sum(0), rows)
    first = np.flatnonzero(np.diff(groups, prepend=-1))
    return np.asarray(np.add.reduceat(days, first, axis=1).astype(float))


@dataclass(frozen=True)
class Score:
    """One feature in one window.

    Attributes:
        null_high: the PSI that two windows in a row both reach by chance, as often as is allowed.
        p: chance that days alone bring as much in this window.
        adjusted: false alarms a year that would come of two such windows in a row, over all features; at most 1.
        fires: whether PSI lies above the threshold and above what chance reaches.
    """

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


def cannot_fire(reference_days: int, current_days: int) -> str | None:
    """Why a rule with these spans could never alarm, in words; None if it can. A rule that cannot fire is a bug."""
    if reference_days < MINIMUM_REFERENCE_DAYS:
        return f"{reference_days} reference days are too few, {MINIMUM_REFERENCE_DAYS} are needed"
    if current_days < 1 or reference_days < 2 * current_days:
        return f"{current_days} current days need a reference at least twice as long"
    return None


def judge(
    reference: Mapping[str, np.ndarray],
    current: Mapping[str, np.ndarray],
    threshold: float = THRESHOLD,
    rate: float = RATE,
    weekdays: Weekdays | None = None,
) -> Window:
    """Score every feature in one window.

    A feature fires when its PSI is above *threshold* and above what two windows in a row both reach by chance, where
    all features and all windows of a year together are allowed *rate* false alarms.

    Args:
        reference: daily counts by feature, each of shape (reference days, slots).
        current: the same for the window, each of shape (current days, slots).
        weekdays: left out: days are taken to be of one kind.
    Raises: ValueError if the features or the numbers of days do not agree.
    """
    if set(reference) != set(current):
        raise ValueError("reference and current need the same features")
    shapes = {(len(reference[name]), len(current[name])) for name in current}
    if len(shapes) > 1:
        raise ValueError("all features need the same days")
    if not shapes:
        return Window([], 0, "there are no features")
    days, window = shapes.pop()
    rows = int(max(values.sum() for values in current.values()))
    reason = cannot_fire(days, window)
    if reason is None and rows < MINIMUM_ROWS:
        reason = f"{rows} rows are too few, {MINIMUM_ROWS} are needed; widen the window"
    kinds = weekdays if weekdays is not None else (np.zeros(days, int), np.zeros(window, int))
    spans = {name: _span(reference[name], current[name], kinds) for name in sorted(current)}
    each = rate * max(window, 1) / YEAR / len(spans)
    return Window(_scores(spans, threshold, rate, each, reason is None), rows, reason)


@dataclass(frozen=True)
class Span:
    """One feature's window beside the reference days of its like.

    Attributes:
        weights: of the reference days, places: where they stand in time, scatter: how they differ; None where too few
            of them know the feature to say so.
        shares: of the window's rows on each of its days. least: PSI that smoothing alone brings.
    """

    psi: float
    rows: int
    weights: np.ndarray
    places: np.ndarray
    shares: np.ndarray
    scatter: between.Scatter | None
    least: float = 0.0


def _span(reference: np.ndarray, current: np.ndarray, weekdays: Weekdays) -> Span:
    merged = joined(np.concatenate([current, reference]), int(min(current.sum(), reference.sum())))
    window, days = merged[: len(current)], merged[len(current) :]
    places = np.flatnonzero(days.sum(1) > 0)
    rows, shares = days[places].sum(1), window.sum(1) / max(window.sum(), 1)
    if len(places) < between.LEAST_DAYS or window.sum() == 0:
        return Span(
            float(_psi(days.sum(0)[None], window.sum(0)[None])[0]),
            int(window.sum()),
            rows,
            places,
            shares,
            None,
        )
    kinds = between.kinds(weekdays[0][places])
    weights = _like(rows, kinds, shares, weekdays[1])
    normal = weights @ (days[places] / rows[:, None]) * rows.sum()
    expected = (normal + SMOOTHING) / (normal.sum() + SMOOTHING * len(normal))
    scatter = between.Scatter.of(days[places] / rows[:, None] / np.sqrt(expected), rows, kinds, places)
    alike = normal / normal.sum() * window.sum()
    observed, least = _psi(np.stack([normal, normal]), np.stack([window.sum(0), alike]))
    return Span(float(observed), int(window.sum()), weights, places, shares, scatter, float(least))


def _like(rows: np.ndarray, kinds: np.ndarray, shares: np.ndarray, weekdays: np.ndarray) -> np.ndarray:
    """Weights of reference days, so that each weekday has the share of rows that it has in the window."""
    weights = np.zeros(len(rows))
    differ = bool((kinds != kinds[0]).any())
    for weekday in np.flatnonzero(np.bincount(weekdays)):
        alike = rows * (kinds == weekday)
        alike = alike if differ and alike.any() else rows
        weights += shares[weekdays == weekday].sum() * alike / alike.sum()
    return weights


def _scores(
    spans: Mapping[str, Span], threshold: float, rate: float, each: float, decides: bool
) -> list[Score]:
    """Of every feature. *each*: chance that is allowed to one feature in one pair of windows."""
    known = {name: span.scatter for name, span in spans.items() if span.scatter is not None}
    correlations = between.drawn_together(known)
    scores = []
    for name, span in spans.items():
        if span.scatter is None:
            scores.append(Score(name, span.psi, span.psi, 1.0, 1.0, span.rows, False))
            continue
        chance = between.chance(
            span.scatter, correlations[name], span.weights, span.places, span.shares, span.least
        )
        high = chance.reaches(each)
        fires = decides and span.rows >= MINIMUM_ROWS and span.psi > max(threshold, high)
        often = min(1.0, chance.twice(span.psi) / each * rate)
        scores.append(Score(name, span.psi, high, chance.alone(span.psi), often, span.rows, fires))
    return scores


def alarms(before: Window | None, now: Window) -> list[str]:
    """Features that fire in two consecutive windows that share no day; the caller sees to both."""
    if before is None:
        return []
    return [name for name in now.firing if name in before.firing]
