"""Is a feature missing or strange within a slice, though not over all rows? Judged by the slice's own first days.

What is normal over all rows need not be normal in a slice, and a training baseline does not know: so each slice's
first days say it. Many slices and features are looked at every day, so a share must exceed what is allowed by
SIGMAS standard errors; that is also why a small slice says nothing.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from pydantic import BaseModel, ConfigDict

from millrace_contracts.monitors import QualityPolicy
from millrace_core.names import shortened
from millrace_monitoring.alarms.findings import LONGEST_CAUSE, SLICE, AlarmFinding
from millrace_monitoring.detectors.day import JudgedDay, SliceDay
from millrace_monitoring.profiles.baseline import ANSWERS

NORMAL_DAYS = 7
"""Days with enough rows from which it is taken what is normal in a slice."""
SIGMAS = 4.5
"""One-sided chance 3e-6: fifty slices of forty features are judged 730,000 times a year."""
Checked = tuple[str, str]
"""A check and its feature."""


class Normal(BaseModel):
    """Rows of a slice's first days, and in how many of them each feature was missing or unlike training."""

    model_config = ConfigDict(frozen=True)

    days: int = 0
    rows: int = 0
    nulls: dict[str, int] = {}
    strange: dict[str, int] = {}

    def plus(self, counts: Mapping[Checked, int], rows: int) -> "Normal":
        """With one day more."""
        summed = {
            check: {
                name: getattr(self, check).get(name, 0) + count
                for (one, name), count in counts.items()
                if one == check
            }
            for check in ("nulls", "strange")
        }
        return Normal(days=self.days + 1, rows=self.rows + rows, **summed)

    def share(self, checked: Checked) -> float:
        """What is normal."""
        check, name = checked
        return getattr(self, check).get(name, 0) / max(self.rows, 1)


def judge(
    day: JudgedDay, normal: Mapping[str, Normal], told: Iterable[Checked]
) -> tuple[tuple[AlarmFinding, ...], dict[str, Normal]]:
    """Alarms of the day's slices, and what is normal so far; what was *told* of all rows is not repeated."""
    after, alarms, of_all = dict(normal), list[AlarmFinding](), set(told)
    for part in day.slices:
        if part.rows < day.policy.quality.minimum_rows:
            continue
        before, counts = normal.get(part.name, Normal()), _counts(day, part)
        if before.days < NORMAL_DAYS:
            after[part.name] = before.plus(counts, part.rows)
        else:
            wrong = [one for one in counts if one not in of_all]
            alarms += filter(None, (_alarm(part, one, counts[one], before, day) for one in wrong))
    return tuple(alarms), after


def _counts(day: JudgedDay, part: SliceDay) -> dict[Checked, int]:
    """Rows of the slice in which each feature is missing, or unlike anything in training."""
    column = part.name.partition("=")[0]
    features = {
        name: slots
        for name, slots in day.baseline.spec.features.items()
        if name not in ANSWERS and name != column
    }
    counts = {("nulls", name): int(part.profile.counts[name][-1]) for name in features}
    return counts | {
        ("strange", name): slots.outside(part.profile.counts[name]) for name, slots in features.items()
    }


def _alarm(
    part: SliceDay, checked: Checked, count: int, normal: Normal, day: JudgedDay
) -> AlarmFinding | None:
    check, feature = checked
    usual, rows = normal.share(checked), part.rows
    allowed = _allowed(check, usual, day.policy.quality)
    most = allowed * rows + SIGMAS * float(np.sqrt(allowed * (1 - min(allowed, 1.0)) * rows))
    if count <= most:
        return None
    what = "is missing" if check == "nulls" else "is unlike anything in training"
    reason = (
        f"where {part.name}, {feature} {what} in {count / rows:.1%} of {rows} rows; "
        f"{usual:.1%} was normal in its first {normal.days} days"
    )
    evidence = {"share": count / rows, "normal": usual, "allowed": allowed, "rows": rows, "slice": part.name}
    cause = shortened(f"quality:{check}:{feature}{SLICE}{part.name}", LONGEST_CAUSE)
    return AlarmFinding("quality", cause, reason, evidence)


def _allowed(check: str, usual: float, policy: QualityPolicy) -> float:
    if check == "nulls":
        return min(max(policy.null_factor * usual, usual + policy.null_points), 1.0)
    return min(max(policy.strange, 3 * usual), 1.0)
