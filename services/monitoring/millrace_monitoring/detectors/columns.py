"""Columns that are missing, strange or constant in some rows, held against the champion's baseline."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from millrace_contracts.bodies import Document
from millrace_contracts.monitors import QualityPolicy
from millrace_monitoring.detectors.day import JudgedDay
from millrace_monitoring.detectors.gathering import blocks, runs
from millrace_monitoring.profiles.baseline import ANSWERS, Baseline
from millrace_stats import shares
from millrace_stats.profiles import Presence, Profile

CHECKS = ("nulls", "strange", "constant")
"""Of a column."""


@dataclass(frozen=True)
class Fault:
    """One finding; *cause* is `quality:<check>:<feature or ''>`."""

    check: str
    feature: str
    reason: str
    evidence: Document

    @property
    def cause(self) -> str:
        return f"quality:{self.check}:{self.feature}".rstrip(":")


@dataclass(frozen=True)
class Column:
    """What the block of one column shows, which began on *since* and has so many *rows*.

    ended: it has rows enough, and what is suspected has had its chance to be settled.
    """

    since: date
    rows: int
    faults: tuple[Fault, ...]
    ended: bool

    @property
    def goes_on(self) -> bool:
        """Whether the next day adds to it: a fault that was told ends it too."""
        return not self.ended and not self.faults


def judge(day: JudgedDay, since: Mapping[str, date]) -> dict[str, Column]:
    """Every column that has slots, by the rows of its own block, today's among them."""
    names = [name for name in day.baseline.spec.features if name not in ANSWERS]
    starts = {name: since.get(name, day.date) for name in names}
    together = blocks(day, set(starts.values()))
    judged = {}
    for name, start in starts.items():
        profile = together[start]
        faults, suspected = _of_column(name, profile, day)
        ended = shares.ends(profile.rows, day.policy.quality.minimum_rows, suspected)
        judged[name] = Column(start, profile.rows, tuple(faults), ended)
    return judged


def _of_column(name: str, profile: Profile, day: JudgedDay) -> tuple[list[Fault], bool]:
    """Faults of the rows, and whether anything else is suspected, which more rows would settle."""
    total, baseline, policy = day.baseline.total, day.baseline, day.policy.quality
    if total is None or profile.spec != baseline.spec.digest:
        return [], False
    found = _nulls(name, profile, total, policy), _strange(name, profile, total, baseline, policy)
    faults = [one for one in found if isinstance(one, Fault)]
    return [*faults, *_constant(name, profile, total, baseline, policy)], "suspected" in found


@dataclass(frozen=True)
class Share:
    """A share of the rows that may be too large: *count* of *rows* now, *normal* before, and what is *allowed*."""

    count: int
    rows: int
    normal: float
    allowed: float

    def judged(
        self, check: str, name: str, seen: int, total: int, least: int, words: str
    ) -> Fault | shares.Finding:
        """A fault, in *words* that may name share, normal and allowed; *seen* of *total* rows were like that before."""
        found = shares.above(self.count, self.rows, shares.expected(seen, total), self.allowed, least)
        if found != "fault":
            return found
        share = self.count / self.rows
        evidence = {"share": share, "normal": self.normal, "allowed": self.allowed, "rows": self.rows}
        return Fault(check, name, words.format(name=name, **evidence), evidence)


MISSING = "{name} is missing in {share:.1%} of rows; {normal:.1%} is normal, {allowed:.1%} is allowed"
OUTSIDE = "{share:.1%} of {name} lies outside what training saw; {allowed:.1%} is allowed"


def _nulls(name: str, profile: Profile, total: Profile, policy: QualityPolicy) -> Fault | shares.Finding:
    seen, normal = int(total.counts[name][-1]), total.missing_share(name)
    allowed = max(policy.null_factor * normal, normal + policy.null_points)
    now = Share(int(profile.counts[name][-1]), profile.rows, normal, allowed)
    return now.judged("nulls", name, seen, total.rows, policy.minimum_rows, MISSING)


def _strange(
    name: str, profile: Profile, total: Profile, baseline: Baseline, policy: QualityPolicy
) -> Fault | shares.Finding:
    slots = baseline.spec.features[name]
    seen = slots.outside(total.counts[name])
    normal = seen / max(total.rows, 1)
    now = Share(slots.outside(profile.counts[name]), profile.rows, normal, max(policy.strange, 3 * normal))
    return now.judged("strange", name, seen, total.rows, policy.minimum_rows, OUTSIDE)


def _constant(
    name: str, profile: Profile, total: Profile, baseline: Baseline, policy: QualityPolicy
) -> list[Fault]:
    """One slot for all rows, though no reference rows of as many days or more looked like that."""
    slot = int(np.argmax(profile.counts[name])) if len(profile.counts[name]) else 0
    if (
        profile.rows < policy.minimum_rows
        or isinstance(baseline.spec.features[name], Presence)
        or profile.counts[name][slot] < profile.rows
    ):
        return []
    days = [day for day in baseline.days if day.rows >= policy.minimum_rows]
    if len(days) < len(baseline.days):
        days = runs(baseline.days, policy.minimum_rows)
        share = shares.expected(int(total.counts[name][slot]), total.rows)
        if not shares.surely_constant(share, profile.rows):
            return []
    if any(np.max(day.counts[name], initial=0) >= day.rows for day in days):
        return []
    reason = f"{name} has one value in all {profile.rows} rows"
    return [Fault("constant", name, reason, {"rows": profile.rows})]
