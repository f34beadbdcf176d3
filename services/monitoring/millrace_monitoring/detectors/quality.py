"""Faults in the data of a day, or of as many days as it takes to have rows enough, named so that they can be mended."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from millrace_contracts.closings import Gathered, QualityRead
from millrace_contracts.monitors import QualityPolicy
from millrace_monitoring.alarms.findings import AlarmFinding, Ending
from millrace_monitoring.detectors import columns, slices
from millrace_monitoring.detectors.columns import Column, Fault
from millrace_monitoring.detectors.day import Facts, JudgedDay, usual
from millrace_monitoring.detectors.gathering import ColumnDays, DaysTogether
from millrace_monitoring.detectors.slices import Normal
from millrace_stats import shares
from millrace_stats.profiles import Profile

LABEL_DAYS = 7
"""Judged days before a falling share of labels is judged."""
SHARES = 28
SERVED_SHARE = 0.001
"""Share of served answers that may differ from the graph's own."""


@dataclass(frozen=True)
class QualityState:
    """Shares of labelled rows on the days before, what is normal in each slice, and days that add up.

    block: of what is counted over all rows and requests. columns: of each column by itself.
    standing: the feature of each cause that stands since the last rows that were judged; "" is no column.
    """

    shares: tuple[float, ...] = ()
    slices: Mapping[str, Normal] = field(default_factory=dict)
    block: DaysTogether = field(default_factory=DaysTogether)
    columns: ColumnDays = field(default_factory=ColumnDays)
    standing: Mapping[str, str] = field(default_factory=dict)

    def afresh(self) -> "QualityState":
        """For a new champion: what does not depend on the baseline of one."""
        return QualityState(
            self.shares, standing={cause: "" for cause, name in self.standing.items() if not name}
        )


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


@dataclass(frozen=True)
class Rest:
    """What is counted over all rows and requests: its block with today, what it shows, and whether it ends."""

    block: DaysTogether
    faults: list[Fault]
    ended: bool

    @property
    def goes_on(self) -> bool:
        """Whether the next day adds to it: a fault that was told ends it too."""
        return not self.ended and not self.faults


@dataclass(frozen=True)
class Blocks:
    """What every block shows with today's rows: each column by itself, and what is counted over all rows."""

    columns: Mapping[str, Column]
    rest: Rest

    @property
    def faults(self) -> list[Fault]:
        """Those that last until a block that ends does not show them."""
        return [*(fault for column in self.columns.values() for fault in column.faults), *self.rest.faults]

    @property
    def waiting(self) -> frozenset[str]:
        """Columns of which today does not say what is over; "" stands for the rest."""
        rest = () if self.rest.ended else ("",)
        return frozenset((*(name for name, one in self.columns.items() if not one.ended), *rest))

    @property
    def since(self) -> dict[str, date]:
        """When the block of each column began that goes on."""
        return {name: one.since for name, one in self.columns.items() if one.goes_on}

    def gathered(self, wanted: int) -> Gathered | None:
        """The one that has the fewest rows of those that go on; None when none does."""
        open_ones = [(one.rows, one.since) for one in self.columns.values() if one.goes_on]
        if self.rest.goes_on:
            open_ones.append((self.rest.block.answered, self.rest.block.days[0]))
        if not open_ones:
            return None
        rows, since = min(open_ones)
        return Gathered(rows=rows, wanted=wanted, since=since)


def judge(day: JudgedDay, state: QualityState) -> tuple[QualityFinding, QualityState]:
    """Name every fault. Days with few rows add up to blocks; one is judged when it has enough, or is surely faulty.

    Each column has a block of its own, so that what is wrong with one delays nothing that is said of another. A day on
    which nobody was answered says only why: nobody asked, or nothing worked.
    """
    if day.profile is None:
        return _unanswered(day, state)
    blocks = Blocks(columns.judge(day, state.columns.since), _over_all(day, state))
    faults = [*blocks.faults, *_answers(day.facts)]
    parts, normal = slices.judge(day, state.slices, {(fault.check, fault.feature) for fault in faults})
    alarms = (*_alarms(faults), *parts)
    before = {cause: name for cause, name in state.standing.items() if name in blocks.waiting}
    standing = before | {fault.cause: fault.feature for fault in blocks.faults}
    finding = QualityFinding(
        _told(day, day.profile, [alarm.cause for alarm in alarms], blocks),
        frozenset(name for name in standing.values() if name),
        alarms,
        _endings(blocks.waiting, before),
        frozenset(standing) | {fault.cause for fault in faults},
    )
    return finding, _after(day, state, blocks, normal, standing)


def _after(
    day: JudgedDay,
    state: QualityState,
    blocks: Blocks,
    normal: Mapping[str, Normal],
    standing: Mapping[str, str],
) -> QualityState:
    rest = blocks.rest
    return QualityState(
        (*state.shares, rest.block.share)[-SHARES:] if rest.ended else state.shares,
        normal,
        rest.block if rest.goes_on else DaysTogether(),
        state.columns.plus(day.date, blocks.since),
        standing,
    )


def _endings(waiting: frozenset[str], before: Mapping[str, str]) -> frozenset[Ending]:
    """All that was judged today: nothing of columns that wait for rows, nor what else stands and was not judged."""
    of_columns = {f"quality:{check}:{name}" for name in waiting if name for check in columns.CHECKS}
    return frozenset({Ending("quality", but=frozenset(of_columns | set(before)))})


def _unanswered(day: JudgedDay, state: QualityState) -> tuple[QualityFinding, QualityState]:
    policy = day.policy.quality
    block = state.block.plus(day.facts, None)
    found = of_records(block, policy)
    ended = found.faults or shares.ends(block.records, policy.minimum_rows, found.suspected)
    after = replace(state, block=DaysTogether() if ended else block)
    return QualityFinding(alarms=_alarms(found.faults)), after


def _over_all(day: JudgedDay, state: QualityState) -> Rest:
    policy = day.policy.quality
    block = state.block.plus(day.facts, day.date)
    found, enough = of_records(block, policy), block.answered >= policy.minimum_rows
    labels = _labels(block, state.shares) if enough else Judgement()
    ended = shares.ends(block.answered, policy.minimum_rows, found.suspected or labels.suspected)
    return Rest(block, [*found.faults, *labels.faults], ended)


def _alarms(faults: list[Fault]) -> tuple[AlarmFinding, ...]:
    return tuple(AlarmFinding("quality", fault.cause, fault.reason, fault.evidence) for fault in faults)


def _told(day: JudgedDay, profile: Profile, causes: list[str], blocks: Blocks) -> QualityRead:
    spec, facts = day.baseline.spec, day.facts
    return QualityRead(
        faults=causes,
        missing={name: profile.missing_share(name) for name in spec.features},
        outside={name: profile.outside_share(spec, name) for name in spec.features},
        label_share=facts.share,
        served_differs=facts.differing,
        served_compared=facts.compared,
        repeated=facts.repeated,
        gathered=blocks.gathered(day.policy.quality.minimum_rows),
    )


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
    share = block.share
    reason = f"{share:.1%} of {block.answered} rows have a label, {normal:.1%} is usual"
    return Judgement([Fault("labels", "", reason, {"share": share, "usual": normal})])
