"""How wrong the estimate was on this very loop: days whose labels came judge it; only then may it raise an alarm."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from millrace_stats.performance import Detector, Reference, threshold
from millrace_stats.series import inflation

KNOWN_DAYS = 28
"""Settled days from which the estimator's error on a loop is known."""
LAST_DAYS = 60
"""Settled days that say how wrong it is now."""
LEAST_HELD = 0.75
"""Of 95 % bands; if fewer of them held what was measured, the estimate raises no alarm."""


@dataclass(frozen=True)
class Settled:
    """A day whose labels came: what was expected of the labelled rows' loss, what it was, and the error allowed for.

    *chance*: the part of that error which the labels of so few rows have by themselves; the estimate has none of it.
    """

    expected: float
    measured: float
    error: float
    chance: float = 0.0


@dataclass(frozen=True)
class Standing:
    """What settled days say of the estimator.

    Attributes:
        days: how many. bias: mean of measured less estimated. distance: mean absolute difference.
        held: share of days whose band held what was measured. widen: by how much bands must be wider than the
        reference said, at least 1.
    """

    days: int
    bias: float | None = None
    distance: float | None = None
    held: float | None = None
    widen: float = 1.0

    @property
    def known(self) -> bool:
        """Whether there are days enough."""
        return self.days >= KNOWN_DAYS

    @property
    def trusted(self) -> bool:
        """Whether an alarm may rest on it."""
        return self.known and self.held is not None and self.held >= LEAST_HELD


@dataclass(frozen=True)
class Risen:
    """The estimated loss has risen at this place of the series."""

    place: int
    expected: float
    reference: float
    scale: float
    log_value: float
    log_level: float


def standing(settled: Sequence[Settled]) -> Standing:
    """Of the last LAST_DAYS settled days, in order; *held* is of bands as they were before they were widened."""
    last = settled[-LAST_DAYS:]
    if not last:
        return Standing(0)
    off = np.array([day.measured - day.expected for day in last])
    error = np.array([max(day.error, 1e-12) for day in last])
    held = float(np.mean(np.abs(off) <= 1.96 * error))
    # With few days the factor is drawn to 1: as if so many days had been as wrong as expected.
    square = (float(np.sum(np.minimum((off / error) ** 2, 25.0))) + 7) / (len(last) + 7)
    return Standing(len(settled), float(off.mean()), float(np.abs(off).mean()), held, max(1.0, square**0.5))


def risen(
    expected: Sequence[float],
    settled: Sequence[Settled | None],
    false_alarms_per_year: float,
    tolerance: float = 3.0,
) -> list[Risen]:
    """Where the estimated loss has risen beyond its usual change and its known error, in order.

    The reference are the first KNOWN_DAYS settled days of a version. Its scale holds both the usual change of the
    estimate and by how much more than chance it was off, so that an estimator that is often wrong seldom calls. After
    a call it begins anew.

    Args:
        expected: estimated loss by day, in order.
        settled: the day's, where it settled and its labels are a fair sample.
    """
    places = [place for place, day in enumerate(settled) if day is not None][:KNOWN_DAYS]
    if len(places) < KNOWN_DAYS:
        return []
    found, begin = [], places[-1] + 1
    reference = _reference([day for day in settled[:begin] if day is not None], tolerance)
    detector = Detector(reference, threshold(false_alarms_per_year))
    for place in range(begin, len(expected)):
        value = detector.update(expected[place])
        if detector.alarm:
            level = float(np.log(detector.level))
            found.append(Risen(place, expected[place], reference.mean, reference.scale, value, level))
            detector = Detector(reference, detector.level)
    return found


def _reference(settled: Sequence[Settled], tolerance: float) -> Reference:
    said = np.array([day.expected for day in settled])
    off = np.array([day.measured - day.expected for day in settled])
    usual = Reference.fit(said, tolerance=tolerance)
    chance = float(np.mean([day.chance**2 for day in settled]))
    wrong = max(0.0, float(off.var(ddof=1)) - chance) ** 0.5 * inflation(usual.autocorrelation)
    return replace(usual, scale=float(np.hypot(usual.scale, wrong)))
