"""Has the error risen? A robust Shiryaev-Roberts e-detector on the daily mean loss of one model.

Source: Shin, Ramdas, Rinaldo, "E-detectors: a nonparametric framework for sequential change detection" (2023);
the robust form (clipping, tolerance for an estimated reference, inflation for dependent days) is Millrace's own
and is simulated in docs/simulations.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from millrace_stats import weeks
from millrace_stats.series import around_step, autocorrelation, inflation

LAMBDAS = (0.5, 1.0, 2.0)
CLIP = 3.0
MINIMUM_REFERENCE_DAYS = 14
WATCH_SIGMAS = 3.0
SLICE_TOLERANCE = 2.0
"""Added to the tolerance where many slices are watched: each one's reference is estimated, and the worst estimate of
many would otherwise raise the false alarm (docs/simulations.md)."""


def threshold(false_alarms_per_year: float) -> float:
    """The level A at which an alarm is raised: within T days the chance of a false one is at most T/A."""
    if not 0 < false_alarms_per_year <= 1:
        raise ValueError("false alarms a year must lie in (0, 1]")
    return 365.0 / false_alarms_per_year


@dataclass(frozen=True)
class Reference:
    """What is normal, frozen: mean and inflated scale of the daily loss, and the tolerance in those units.

    *week*: what each weekday adds to the mean, Monday first; empty where weekdays are alike or not known.
    """

    mean: float
    scale: float
    tolerance: float
    days: int
    autocorrelation: float
    week: tuple[float, ...] = ()

    @classmethod
    def fit(
        cls,
        losses: np.ndarray,
        mean: float | None = None,
        tolerance: float = 3.0,
        weekdays: np.ndarray | None = None,
    ) -> "Reference":
        """From the daily mean losses of a reference span.

        Args:
            losses: shape (days,), in order; at least MINIMUM_REFERENCE_DAYS.
            mean: the mean under the null, if it is known (0 for a difference); else it is estimated.
            tolerance: in standard errors of the reference mean (`tolerance / sqrt(days)` in units of a day).
            weekdays: 0 to 6 for each day. Where they differ by more than chance, each has its own mean, and the scale
                is that of what is left, widened by what these means are unsure of.
        Raises: ValueError with fewer days, or with values that are not finite.
        """
        values = np.asarray(losses, float)
        if not np.isfinite(values).all():
            raise ValueError("reference losses must be finite")
        if len(values) < MINIMUM_REFERENCE_DAYS:
            raise ValueError(f"a reference needs {MINIMUM_REFERENCE_DAYS} days, there are {len(values)}")
        days = len(values)
        day = np.zeros(days, int) if weekdays is None else np.asarray(weekdays, int)
        week = () if weekdays is None else weeks.adds(values, day)
        left = values - np.array(week)[day] if week else values
        known = len(np.unique(day)) if week else 1
        r = autocorrelation(left)
        square = float(((left - left.mean()) ** 2).sum()) / (days - known)
        spread = float(np.sqrt(square * (1 + (known - 1) / days))) * inflation(r)
        floor = 1e-9 * max(1.0, abs(float(np.mean(values))))
        centre = float(np.mean(values)) if mean is None else mean
        return cls(centre, max(spread, floor), float(tolerance / np.sqrt(days)), days, r, week)

    @classmethod
    def of_differences(cls, differences: np.ndarray, tolerance: float = 1.0) -> "Reference":
        """From daily differences of two models, which are equal under the null: their mean is 0.

        The scale is that around the largest step: such days often hold the very change for which one is asked now.

        Args:
            differences: shape (days,), in order; at least MINIMUM_REFERENCE_DAYS.
        Raises: ValueError with fewer days, or with values that are not finite.
        """
        plain = cls.fit(differences, mean=0.0, tolerance=tolerance)
        spread, r = around_step(differences)
        floor = 1e-9 * max(1.0, abs(float(np.mean(differences))))
        return replace(plain, scale=max(spread * inflation(r), floor), autocorrelation=r)

    def added(self, weekday: int) -> float:
        """What this weekday (0 for Monday) adds to the mean; taken from a loss before it is scored."""
        return self.week[weekday] if self.week else 0.0

    def score(self, loss: float) -> float:
        """How far *loss* lies above normal, in days' standard deviations: clipped, less the tolerance.

        Raises: ValueError for NaN, which would silence a detector for ever.
        """
        if np.isnan(loss):
            raise ValueError("a day's loss must be a number")
        return float(np.clip((loss - self.mean) / self.scale, -CLIP, CLIP)) - self.tolerance


SINCE_DAYS = 7
"""Days since a change that are judged at the least: each weekday once."""
ONSET_DAYS = 28
"""Newest days among which the first of a rise is looked for."""


def risen_for(scores: Sequence[float]) -> int:
    """For how many of the newest days, today's with them, losses have been high; 0: they are not.

    Args:
        scores: of the newest days as `Reference.score` has them, in order.
    Source: the likeliest day of a change to a higher mean that is not known (Siegmund and Venkatraman, 1995). A sum
        that only has to stay above 0 would let a mild start count for a rise that is steep by now.
    """
    sums = np.cumsum(np.asarray(scores, float)[::-1])
    if not (sums > 0).any():
        return 0
    return int(np.argmax(np.where(sums > 0, sums * sums / np.arange(1, len(sums) + 1), -1.0))) + 1


LEAST_SHARE = 0.25
"""Of the rows that a reference day usually had: days with fewer add up until there are so many."""


@dataclass
class Samples:
    """Days with far fewer rows than the reference's are no samples of the same kind: their means vary much more.

    *usual*: rows of the median reference day; None if that is not known, and every day is a sample. *days*, *rows*,
    *total*: of those that add up, with the sum of their losses.
    """

    usual: float | None = None
    days: int = 0
    rows: int = 0
    total: float = 0.0

    @property
    def wanted(self) -> float:
        """Rows that make a sample."""
        return LEAST_SHARE * (self.usual or 0.0)

    def take(self, rows: int, loss: float) -> float | None:
        """Add a day's *rows* with their mean *loss*; the mean of a sample when it is complete, else None."""
        self.days, self.rows, self.total = self.days + 1, self.rows + rows, self.total + rows * loss
        if self.rows < self.wanted:
            return None
        mean = loss if self.days == 1 else self.total / self.rows
        self.days, self.rows, self.total = 0, 0, 0.0
        return mean


@dataclass
class Detector:
    """The running detector; `to_dict` and `from_dict` carry it over a restart bit for bit."""

    reference: Reference
    level: float
    log_values: list[float] = field(default_factory=lambda: [-np.inf] * len(LAMBDAS))
    days: int = 0

    def update(self, loss: float) -> float:
        """Take in one closed day and return log of the detector's value.

        Source: the recursion L = log(e^L + 1) + lambda z - lambda^2/2 for each lambda; their equal-weight mean.
        """
        z = self.reference.score(loss)
        self.log_values = [
            float(np.logaddexp(value, 0.0) + rate * z - rate**2 / 2)
            for value, rate in zip(self.log_values, LAMBDAS, strict=True)
        ]
        self.days += 1
        return self.log_value

    @property
    def log_value(self) -> float:
        """Log of the mean over lambdas."""
        return float(np.logaddexp.reduce(self.log_values) - np.log(len(LAMBDAS)))

    @property
    def alarm(self) -> bool:
        """Whether the value has reached the level."""
        return bool(self.log_value >= np.log(self.level))

    def watch(self, loss: float) -> bool:
        """Whether this one day stands out (three scales above normal): worth a look, never an action."""
        return (loss - self.reference.mean) / self.reference.scale > WATCH_SIGMAS

    def to_dict(self) -> dict[str, object]:
        values = [None if value == -np.inf else value for value in self.log_values]
        return {
            "reference": {**asdict(self.reference), "week": list(self.reference.week)},
            "level": self.level,
            "log_values": values,
            "days": self.days,
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "Detector":
        values = [-np.inf if value is None else value for value in state["log_values"]]
        told = state["reference"]
        reference = Reference(**{**told, "week": tuple(told.get("week", ()))})
        return cls(reference, state["level"], values, state["days"])
