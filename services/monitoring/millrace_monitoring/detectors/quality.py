"""Faults in the data of a day, or of as many days as it takes to have rows enough, named so that they can be mended."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from millrace_contracts.closings import QualityRead
from millrace_contracts.monitors import QualityPolicy
from millrace_monitoring.alarms.findings import AlarmFinding, Ending
from millrace_monitoring.detectors import slices
from millrace_monitoring.detectors.columns import Fault, of_features
from millrace_monitoring.detectors.day import Facts, JudgedDay, usual
from millrace_monitoring.detectors.gathering import DaysTogether
from millrace_monitoring.detectors.slices import Normal
from millrace_stats import shares
from millrace_stats.profiles import Profile

LABEL_DAYS = 7
"""Judged days before a falling share of labels is judged."""
SHARES = 28
SERVED_SHARE = 0.001
"""Share of served answers that may differ from the graph's own."""
AT_ONCE = frozenset({Ending("quality", "quality:answers"), Ending("quality", "quality:served")})
"""What any day ends that has answers: these faults need no count of rows."""


@dataclass(frozen=True)
class QualityState:
    """Shares of labelled rows on the days before, what is normal in each slice, and days that add up.

    standing: the feature of each cause that stands since the last rows that were judged.
    """

    shares: tuple[float, ...] = ()
    slices: Mapping[str, Normal] = field(default_factory=dict)
    block: DaysTogether = field(default_factory=DaysTogether)
    standing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class QualityFinding:
    """The day's data in figures, and what calls for action. *standing*: causes found before, not judged again today."""

    told: QualityRead = field(default_factory=QualityRead)
    faulty: frozenset[str] = frozenset()
    alarms: tuple[AlarmFinding, ...] = ()
    endings: frozenset[Ending] = frozenset()
    standing: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Judgement:
    """What a block of days shows: faults, and whether anything else is suspected, which more rows would settle."""

    faults: list[Fault] = field(default_factory=list)
    suspected: bool = False


def judge(day: JudgedDay, state: QualityState) -> tuple[QualityFinding, QualityState]:
    """Name every fault. Days with few rows add up to a block; it is judged when it has enough, or is surely faulty.

    A day on which nobody was answered says only why: nobody asked, or nothing worked.
    """
    if day.profile is None:
        return _unanswered(day, state)
    block = state.block.plus(day.facts, day.date)
    profile = _together(day, day.profile)
    found = _of_block(day, block, profile, state.shares)
    full = _full(block.answered, day, found)
    at_once = _answers(day.facts)
    faults = [*found.faults, *at_once]
    parts, normal = slices.judge(day, state.slices, {(fault.check, fault.feature) for fault in faults})
    alarms = (*_alarms(faults), *parts)
    new = {fault.cause: fault.feature for fault in faults}
    standing = new if full else {**state.standing, **new}
    kept = {cause: name for cause, name in standing.items() if cause not in {one.cause for one in at_once}}
    told = _told(day, day.profile, [alarm.cause for alarm in alarms])
    if full or found.faults:
        labelled = block.labelled / max(block.answered, 1)
        seen = (*state.shares, labelled)[-SHARES:] if full else state.shares
        after = QualityState(seen, normal, DaysTogether(), kept)
    else:
        told = told.model_copy(update={"gathered": block.told(day.policy.quality.minimum_rows)})
        after = QualityState(state.shares, normal, block, kept)
    faulty = frozenset(name for name in standing.values() if name)
    endings = frozenset({Ending("quality")}) if full else AT_ONCE
    return QualityFinding(told, faulty, alarms, endings, frozenset(standing)), after


def _unanswered(day: JudgedDay, state: QualityState) -> tuple[QualityFinding, QualityState]:
    block = state.block.plus(day.facts, None)
    found = of_records(block, day.policy.quality)
    ended = found.faults or _full(block.records, day, found)
    after = replace(state, block=DaysTogether() if ended else block)
    return QualityFinding(alarms=_alarms(found.faults)), after


def _full(rows: int, day: JudgedDay, found: Judgement) -> bool:
    """Whether a block ends: it has rows enough, and what is suspected has had its chance to be settled."""
    return shares.ends(rows, day.policy.quality.minimum_rows, found.suspected)


def _together(day: JudgedDay, today: Profile) -> Profile:
    """The block's rows; days that were counted in other slots are left out."""
    return sum((one for one in day.gathered if one.spec == today.spec), today)


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


def _of_block(day: JudgedDay, block: DaysTogether, profile: Profile, before: tuple[float, ...]) -> Judgement:
    """Everything that is wrong with the rows, and what may be."""
    policy = day.policy.quality
    features, suspected = of_features(profile, day.baseline, policy)
    records, labels = of_records(block, policy), _labels(block, before)
    if block.answered < policy.minimum_rows:
        return Judgement([*features, *records.faults])
    faults = [*features, *records.faults, *labels.faults]
    return Judgement(faults, suspected or records.suspected or labels.suspected)


def _answers(facts: Facts) -> list[Fault]:
    faults = []
    if facts.not_finite:
        reason = f"{facts.not_finite} of {facts.answered} answers are not finite numbers"
        faults.append(Fault("answers", "", reason, {"not_finite": facts.not_finite, "rows": facts.answered}))
    if facts.differing > SERVED_SHARE * max(facts.compared, 1):
        reason = f"{facts.differing} of {facts.compared} served answers differ from the champion's graph"
        faults.append(Fault("served", "", reason, {"differing": facts.differing, "rows": facts.compared}))
    return faults


def of_records(block: DaysTogether, policy: QualityPolicy) -> Judgement:
    """Requests without rows, and rows that came more than once."""
    faults, suspected = list[Fault](), False
    for fault, count in sorted(block.faults.items()):
        found = shares.above(count, block.records, 0.0, policy.strange, policy.minimum_rows)
        suspected |= found == "suspected"
        if found == "fault":
            share = count / block.records
            reason = f"{share:.1%} of {block.records} requests have no rows in the log ({fault})"
            faults.append(Fault(fault, "", reason, {"share": share, "requests": block.records}))
    found = shares.above(block.repeated, block.answered, 0.0, policy.strange, policy.minimum_rows)
    if found == "fault":
        share = block.repeated / block.answered
        reason = f"{share:.1%} of rows came more than once under one request id"
        faults.append(Fault("duplicates", "", reason, {"share": share, "rows": block.answered}))
    return Judgement(faults, suspected or found == "suspected")


def _labels(block: DaysTogether, before: tuple[float, ...]) -> Judgement:
    """Labels that have become rare."""
    normal = usual(before)
    if normal is None or len(before) < LABEL_DAYS:
        return Judgement()
    found = shares.below(block.labelled, block.answered, normal, normal / 2)
    if found != "fault":
        return Judgement(suspected=found == "suspected")
    share = block.labelled / block.answered
    reason = f"{share:.1%} of {block.answered} rows have a label, {normal:.1%} is usual"
    return Judgement([Fault("labels", "", reason, {"share": share, "usual": normal})])
