"""Faults in the data of one day: found at once, without statistics, and named so that they can be mended."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from millrace_monitoring.profiles.baseline import Baseline
from millrace_stats.profiles import PREDICTION, Presence, Profile

LABEL_DAYS = 7
"""Days before a falling share of labels is judged."""
SERVED_SHARE = 0.001
"""Share of served answers that may differ from the graph's own."""


@dataclass(frozen=True)
class Fault:
    """One finding; *cause* is `quality:<check>:<feature or ''>`."""

    check: str
    feature: str
    reason: str
    evidence: dict[str, Any]

    @property
    def cause(self) -> str:
        return f"quality:{self.check}:{self.feature}".rstrip(":")


@dataclass(frozen=True)
class Facts:
    """Counts of the day that no profile holds."""

    answered: int = 0
    not_finite: int = 0
    compared: int = 0
    differing: int = 0
    records: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    share: float = 0.0
    shares: tuple[float, ...] = ()


def faults(profile: Profile, baseline: Baseline, facts: Facts, policy: dict[str, Any]) -> list[Fault]:
    """Everything wrong with the day; nothing is said about days with too few rows."""
    if facts.answered < policy["minimum_rows"]:
        return of_records(facts, policy)
    return [
        *_features(profile, baseline, policy),
        *_answers(facts),
        *of_records(facts, policy),
        *_labels(facts),
    ]


def _features(profile: Profile, baseline: Baseline, policy: dict[str, Any]) -> list[Fault]:
    total = baseline.total
    if total is None or profile.rows < policy["minimum_rows"] or profile.spec != baseline.spec.digest:
        return []
    found = []
    for name in baseline.spec.features:
        if name != PREDICTION:
            found += _nulls(name, profile, total, policy)
            found += _strange(name, profile, total, baseline, policy)
            found += _constant(name, profile, baseline)
    return found


def _nulls(name: str, profile: Profile, total: Profile, policy: dict[str, Any]) -> list[Fault]:
    share, normal = profile.missing_share(name), total.missing_share(name)
    allowed = max(policy["null_factor"] * normal, normal + policy["null_points"])
    if share <= allowed:
        return []
    reason = f"{name} is missing in {share:.1%} of rows; {normal:.1%} is normal, {allowed:.1%} is allowed"
    return [
        Fault(
            "nulls",
            name,
            reason,
            {"share": share, "normal": normal, "allowed": allowed, "rows": profile.rows},
        )
    ]


def _strange(
    name: str, profile: Profile, total: Profile, baseline: Baseline, policy: dict[str, Any]
) -> list[Fault]:
    share, normal = profile.outside_share(baseline.spec, name), total.outside_share(baseline.spec, name)
    allowed = max(policy["strange"], 3 * normal)
    if share <= allowed:
        return []
    reason = f"{share:.1%} of {name} lies outside what training saw; {allowed:.1%} is allowed"
    return [
        Fault(
            "strange",
            name,
            reason,
            {"share": share, "normal": normal, "allowed": allowed, "rows": profile.rows},
        )
    ]


def _constant(name: str, profile: Profile, baseline: Baseline) -> list[Fault]:
    """One slot for all rows, though no reference day looked like that."""
    if (
        isinstance(baseline.spec.features[name], Presence)
        or np.max(profile.counts[name], initial=0) < profile.rows
    ):
        return []
    if any(np.max(day.counts[name], initial=0) >= day.rows for day in baseline.days):
        return []
    return [
        Fault("constant", name, f"{name} has one value in all {profile.rows} rows", {"rows": profile.rows})
    ]


def _answers(facts: Facts) -> list[Fault]:
    found = []
    if facts.not_finite:
        reason = f"{facts.not_finite} of {facts.answered} answers are not finite numbers"
        found.append(Fault("answers", "", reason, {"not_finite": facts.not_finite, "rows": facts.answered}))
    if facts.differing > SERVED_SHARE * max(facts.compared, 1):
        reason = f"{facts.differing} of {facts.compared} served answers differ from the champion's graph"
        found.append(Fault("served", "", reason, {"differing": facts.differing, "rows": facts.compared}))
    return found


def of_records(facts: Facts, policy: dict[str, Any]) -> list[Fault]:
    """Requests without rows, and rows that came more than once."""
    found = list[Fault]()
    if facts.records < policy["minimum_rows"] and facts.answered < policy["minimum_rows"]:
        return found
    for fault, count in sorted(facts.faults.items()):
        share = count / max(facts.records, 1)
        if share > policy["strange"]:
            reason = f"{share:.1%} of {facts.records} requests have no rows in the log ({fault})"
            found.append(Fault(fault, "", reason, {"share": share, "requests": facts.records}))
    share = facts.repeated / max(facts.answered, 1)
    if share > policy["strange"]:
        reason = f"{share:.1%} of rows came more than once under one request id"
        found.append(Fault("duplicates", "", reason, {"share": share, "rows": facts.answered}))
    return found


def _labels(facts: Facts) -> list[Fault]:
    if len(facts.shares) < LABEL_DAYS:
        return []
    usual = float(np.median(facts.shares))
    if facts.share >= usual / 2:
        return []
    reason = f"{facts.share:.1%} of the day's rows have a label, {usual:.1%} is usual"
    return [Fault("labels", "", reason, {"share": facts.share, "usual": usual})]
