"""Columns that are missing, strange or constant in some rows, held against the champion's baseline."""

from dataclasses import dataclass

import numpy as np

from millrace_contracts.bodies import Document
from millrace_contracts.monitors import QualityPolicy
from millrace_monitoring.detectors.gathering import runs
from millrace_monitoring.profiles.baseline import ANSWERS, Baseline
from millrace_stats import shares
from millrace_stats.profiles import Presence, Profile


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


def of_features(profile: Profile, baseline: Baseline, policy: QualityPolicy) -> tuple[list[Fault], bool]:
    """Faults of the rows, and whether anything else is suspected, which more rows would settle."""
    total = baseline.total
    if total is None or profile.spec != baseline.spec.digest:
        return [], False
    faults, suspected = list[Fault](), False
    for name in baseline.spec.features:
        if name in ANSWERS:
            continue
        for found in (_nulls(name, profile, total, policy), _strange(name, profile, total, baseline, policy)):
            faults += [found] if isinstance(found, Fault) else []
            suspected |= found == "suspected"
        faults += _constant(name, profile, total, baseline, policy)
    return faults, suspected


def _nulls(name: str, profile: Profile, total: Profile, policy: QualityPolicy) -> Fault | shares.Finding:
    count, normal = int(profile.counts[name][-1]), total.missing_share(name)
    allowed = max(policy.null_factor * normal, normal + policy.null_points)
    careful = shares.expected(int(total.counts[name][-1]), total.rows)
    found = shares.above(count, profile.rows, careful, allowed, policy.minimum_rows)
    if found != "fault":
        return found
    share = count / profile.rows
    reason = f"{name} is missing in {share:.1%} of rows; {normal:.1%} is normal, {allowed:.1%} is allowed"
    evidence = {"share": share, "normal": normal, "allowed": allowed, "rows": profile.rows}
    return Fault("nulls", name, reason, evidence)


def _strange(
    name: str, profile: Profile, total: Profile, baseline: Baseline, policy: QualityPolicy
) -> Fault | shares.Finding:
    slots = baseline.spec.features[name]
    count, seen = slots.outside(profile.counts[name]), slots.outside(total.counts[name])
    normal = seen / max(total.rows, 1)
    allowed = max(policy.strange, 3 * normal)
    found = shares.above(count, profile.rows, shares.expected(seen, total.rows), allowed, policy.minimum_rows)
    if found != "fault":
        return found
    share = count / profile.rows
    reason = f"{share:.1%} of {name} lies outside what training saw; {allowed:.1%} is allowed"
    evidence = {"share": share, "normal": normal, "allowed": allowed, "rows": profile.rows}
    return Fault("strange", name, reason, evidence)


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
