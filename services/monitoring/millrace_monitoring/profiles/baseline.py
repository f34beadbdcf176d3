"""The champion's baseline.json: frozen bins, daily reference profiles, the holdout's daily losses, an estimator."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson

from millrace_stats import clusters
from millrace_stats.estimates.estimator import Estimator
from millrace_stats.profiles import PREDICTION, NumberBins, Profile, ProfileSpec
from millrace_stats.tasks import CONFIDENCE

ANSWERS = (PREDICTION, CONFIDENCE)
"""Features that are no input but the model's own answer."""


@dataclass(frozen=True)
class Baseline:
    """What was normal when the version was trained; everything may be empty."""

    spec: ProfileSpec
    days: list[Profile] = field(default_factory=list)
    losses: list[tuple[date, float]] = field(default_factory=list)
    usual_labels: float | None = None
    """Labelled rows of the median day of the losses."""
    estimator: Estimator | None = None
    """What estimates its performance without labels; None for a version that was trained without one."""
    unread: str | None = None
    """Why its estimator cannot be read, if so; the version is scored and watched all the same."""
    dates: list[date] = field(default_factory=list)
    """Of the reference days; empty where the rows know no time."""

    @cached_property
    def total(self) -> Profile | None:
        """The reference days together."""
        return sum(self.days[1:], self.days[0]) if self.days else None

    def holdout_from(self, zone: ZoneInfo) -> datetime | None:
        """The pre-refit graph has seen nothing from here on; None if there is no holdout in time."""
        if not self.losses:
            return None
        first = self.losses[0][0]
        return datetime(first.year, first.month, first.day, tzinfo=zone)

    def loss_values(self) -> list[float]:
        return [loss for _, loss in self.losses]

    def is_daily(self, feature: str) -> bool:
        """Whether every reference day knows the feature; predictions are known out of sample only on some."""
        return feature not in ANSWERS or all(_known(day) for day in self.days)

    def told(self, feature: str, counts: np.ndarray) -> np.ndarray:
        """Counts, shape (..., slots), in the bins by which drift is told, (..., bins): an answer's are wider."""
        wide = self._wide.get(feature)
        if wide is None:
            return counts
        starts = np.flatnonzero(np.diff(wide, prepend=-1))
        return np.asarray(np.add.reduceat(counts, starts, axis=-1))

    @cached_property
    def _wide(self) -> dict[str, np.ndarray]:
        """Of each answer that is a number, the wide bin of each slot."""
        wide = dict[str, np.ndarray]()
        for name in self.spec.features.keys() & set(ANSWERS):
            slots, counts = self.spec.features[name], self.reference(name)
            if isinstance(slots, NumberBins) and counts is not None:
                wide[name] = clusters.groups(np.asarray(slots.edges), counts)
        return wide

    def reference(self, feature: str) -> np.ndarray | None:
        """Counts of one feature over the reference days that know it, shape (slots,); None if none does."""
        days = [day for day in self.days if feature not in ANSWERS or _known(day)]
        return np.sum([day.counts[feature] for day in days], axis=0) if days else None

    def daily(self, feature: str) -> np.ndarray:
        """Counts of one feature on the reference days, shape (days, slots)."""
        return np.stack([day.counts[feature] for day in self.days])


EMPTY = Baseline(ProfileSpec({}))


def _known(day: Profile) -> bool:
    """Whether predictions were made for most rows of a reference day."""
    return PREDICTION in day.counts and day.missing_share(PREDICTION) < 0.5


def parse(data: bytes) -> Baseline:
    """Read baseline.json. Raises: ValueError if it is not one."""
    try:
        return _parse(orjson.loads(data))
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"not a baseline ({type(error).__name__}: {error})") from error


def _parse(state: dict[str, Any]) -> Baseline:
    spec = ProfileSpec.from_dict(state["profile"])
    counted = [item for item in state.get("days") or [] if item.get("counts")]
    days = [_day(spec, item) for item in counted]
    dates = [date.fromisoformat(str(item["day"])[:10]) for item in counted if item.get("day")]
    losses = [
        (date.fromisoformat(str(item["day"])[:10]), float(item["loss"]))
        for item in state.get("loss") or []
        if item.get("loss") is not None
    ]
    estimator, unread = _estimator(state.get("estimate"))
    dates = dates if len(dates) == len(days) else []
    return Baseline(spec, days, sorted(losses), _usual(state.get("loss") or []), estimator, unread, dates)


def _estimator(state: Mapping[str, Any] | None) -> tuple[Estimator | None, str | None]:
    """The estimator, or why it cannot be read: only estimates rest on it, so no more is lost."""
    if state is None:
        return None, None
    try:
        return Estimator.from_dict(state), None
    except ValueError as error:
        return None, str(error)


def _usual(losses: list[dict[str, Any]]) -> float | None:
    rows = [int(item["n"]) for item in losses if item.get("loss") is not None and item.get("n")]
    return float(np.median(rows)) if rows else None


def _day(spec: ProfileSpec, item: dict[str, Any]) -> Profile:
    rows = int(item.get("rows", item.get("n", 0)))
    return Profile.from_dict(
        {"spec": spec.digest, "rows": rows, "counts": item["counts"], "sums": item.get("sums", {})}
    )
