"""Faults in the data of one day: found at once, without statistics, and named so that they can be mended."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from millrace_contracts.bodies import Document
from millrace_contracts.closings import QualityRead
from millrace_contracts.monitors import QualityPolicy
from millrace_monitoring.alarms.findings import AlarmFinding, Ending
from millrace_monitoring.detectors import slices
from millrace_monitoring.detectors.day import Facts, JudgedDay, usual
from millrace_monitoring.detectors.slices import Normal
from millrace_monitoring.profiles.baseline import ANSWERS, Baseline
from millrace_stats.profiles import Presence, Profile

LABEL_DAYS = 7
"""Days before a falling share of labels is judged."""
SHARES = 28
SERVED_SHARE = 0.001
"""Share of served answers that may differ from the graph's own."""


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
class QualityState:
    """Shares of labelled rows on the days before, and what is normal in each slice."""

    shares: tuple[float, ...] = ()
    slices: Mapping[str, Normal] = field(default_factory=dict)


@dataclass(frozen=True)
class QualityFinding:
    """The day's data in figures, and what calls for action."""

    told: QualityRead = field(default_factory=QualityRead)
    faulty: frozenset[str] = frozenset()
    alarms: tuple[AlarmFinding, ...] = ()
    endings: frozenset[Ending] = frozenset()


def judge(day: JudgedDay, state: QualityState) -> tuple[QualityFinding, QualityState]:
    """Name every fault; a day on which nobody was answered says only why: nobody asked, or nothing worked."""
    policy = day.policy.quality
    if day.profile is None:
        return QualityFinding(alarms=_alarms(of_records(day.facts, policy))), state
    faults = _of_day(day, day.profile, state.shares)
    faulty = frozenset(fault.feature for fault in faults if fault.feature)
    parts, normal = slices.judge(day, state.slices, {(fault.check, fault.feature) for fault in faults})
    told = _told(day, day.profile, [fault.cause for fault in faults] + [alarm.cause for alarm in parts])
    alarms = (*_alarms(faults), *parts)
    shares = (*state.shares, day.facts.share)[-SHARES:]
    return QualityFinding(told, faulty, alarms, frozenset({Ending("quality")})), QualityState(shares, normal)


def _alarms(faults: list[Fault]) -> tuple[AlarmFinding, ...]:
    return tuple(AlarmFinding("quality", fault.cause, fault.reason, fault.evidence) for fault in faults)


def _told(day: JudgedDay, profile: Profile, causes: list[str]) -> QualityRead:
    spec, facts = day.baseline.spec, day.facts
    return QualityRead(
        faults=causes,
        missing={name: profile.missing_share(name) for name in spec.features},
        outside={name: profile.outside_share(spec, name) for name in spec.features},
        label_share=facts.share,
        served_differs=facts.differing,
        served_compared=facts.compared,
        repeated=facts.repeated,
    )


def _of_day(day: JudgedDay, profile: Profile, shares: tuple[float, ...]) -> list[Fault]:
    """Everything wrong with the day; little is said about days with too few rows."""
    facts, policy = day.facts, day.policy.quality
    if facts.answered < policy.minimum_rows:
        return of_records(facts, policy)
    features = _features(profile, day.baseline, policy)
    return [*features, *_answers(facts), *of_records(facts, policy), *_labels(facts, shares)]


def _features(profile: Profile, baseline: Baseline, policy: QualityPolicy) -> list[Fault]:
    total = baseline.total
    if total is None or profile.rows < policy.minimum_rows or profile.spec != baseline.spec.digest:
        return []
    faults = []
    for name in baseline.spec.features:
        if name not in ANSWERS:
            faults += _nulls(name, profile, total, policy)
            faults += _strange(name, profile, total, baseline, policy)
            faults += _constant(name, profile, baseline)
    return faults


def _nulls(name: str, profile: Profile, total: Profile, policy: QualityPolicy) -> list[Fault]:
    share, normal = profile.missing_share(name), total.missing_share(name)
    allowed = max(policy.null_factor * normal, normal + policy.null_points)
    if share <= allowed:
        return []
    reason = f"{name} is missing in {share:.1%} of rows; {normal:.1%} is normal, {allowed:.1%} is allowed"
    evidence = {"share": share, "normal": normal, "allowed": allowed, "rows": profile.rows}
    return [Fault("nulls", name, reason, evidence)]


def _strange(
    name: str, profile: Profile, total: Profile, baseline: Baseline, policy: QualityPolicy
) -> list[Fault]:
    share, normal = profile.outside_share(baseline.spec, name), total.outside_share(baseline.spec, name)
    allowed = max(policy.strange, 3 * normal)
    if share <= allowed:
        return []
    reason = f"{share:.1%} of {name} lies outside what training saw; {allowed:.1%} is allowed"
    evidence = {"share": share, "normal": normal, "allowed": allowed, "rows": profile.rows}
    return [Fault("strange", name, reason, evidence)]


def _constant(name: str, profile: Profile, baseline: Baseline) -> list[Fault]:
    """One slot for all rows, though no reference day looked like that."""
    if (
        isinstance(baseline.spec.features[name], Presence)
        or np.max(profile.counts[name], initial=0) < profile.rows
    ):
        return []
    if any(np.max(day.counts[name], initial=0) >= day.rows for day in baseline.days):
        return []
    reason = f"{name} has one value in all {profile.rows} rows"
    return [Fault("constant", name, reason, {"rows": profile.rows})]


def _answers(facts: Facts) -> list[Fault]:
    faults = []
    if facts.not_finite:
        reason = f"{facts.not_finite} of {facts.answered} answers are not finite numbers"
        faults.append(Fault("answers", "", reason, {"not_finite": facts.not_finite, "rows": facts.answered}))
    if facts.differing > SERVED_SHARE * max(facts.compared, 1):
        reason = f"{facts.differing} of {facts.compared} served answers differ from the champion's graph"
        faults.append(Fault("served", "", reason, {"differing": facts.differing, "rows": facts.compared}))
    return faults


def of_records(facts: Facts, policy: QualityPolicy) -> list[Fault]:
    """Requests without rows, and rows that came more than once."""
    faults = list[Fault]()
    if facts.records < policy.minimum_rows and facts.answered < policy.minimum_rows:
        return faults
    for fault, count in sorted(facts.faults.items()):
        share = count / max(facts.records, 1)
        if share > policy.strange:
            reason = f"{share:.1%} of {facts.records} requests have no rows in the log ({fault})"
            faults.append(Fault(fault, "", reason, {"share": share, "requests": facts.records}))
    share = facts.repeated / max(facts.answered, 1)
    if share > policy.strange:
        reason = f"{share:.1%} of rows came more than once under one request id"
        faults.append(Fault("duplicates", "", reason, {"share": share, "rows": facts.answered}))
    return faults


def _labels(facts: Facts, shares: tuple[float, ...]) -> list[Fault]:
    before = usual(shares)
    if before is None or len(shares) < LABEL_DAYS or facts.share >= before / 2:
        return []
    reason = f"{facts.share:.1%} of the day's rows have a label, {before:.1%} is usual"
    return [Fault("labels", "", reason, {"share": facts.share, "usual": before})]
