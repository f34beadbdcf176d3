"""What follows from one day's rows, labels and the states so far: pure, so that a repeat finds the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from millrace_contracts.arms import PairingRead
from millrace_contracts.closings import PerformanceRead, QualityRead, SliceRead, SlicesRead
from millrace_contracts.fairness import FairnessDay
from millrace_contracts.monitors import MonitorWrite
from millrace_contracts.newcomers import NewcomersRead
from millrace_contracts.reviews import ReviewedDay
from millrace_monitoring.alarms.findings import AlarmFinding, Ending
from millrace_monitoring.closing.rows import Rows
from millrace_monitoring.closing.states import States
from millrace_monitoring.closing.versions import Version
from millrace_monitoring.comparisons import mirror
from millrace_monitoring.detectors import drift, newcomers, performance, quality, switchback
from millrace_monitoring.detectors.day import Facts, JudgedDay, SliceDay
from millrace_monitoring.detectors.drift import DriftFinding as DriftFinding
from millrace_monitoring.detectors.switchback import SwitchBackFinding as SwitchBackFinding
from millrace_monitoring.graphs.running import Graphs
from millrace_monitoring.ingest.answers import Answers
from millrace_monitoring.monitors.watermark import Day
from millrace_monitoring.profiles import daily, losses, protected
from millrace_monitoring.profiles.losses import DayLoss
from millrace_monitoring.profiles.slices import Plan
from millrace_stats.profiles import Profile
from millrace_stats.tasks import class_text

SAME = 1e-4
"""A served answer this close to the graph's own (relative, absolute below 1) is the graph's answer."""


@dataclass(frozen=True)
class Given:
    """What a day is judged by.

    versions: champion first; window, gathered: profiles of earlier days that are judged together with this one.
    """

    spec: MonitorWrite
    day: Day
    rows: Rows
    versions: Sequence[Version]
    states: States
    window: Sequence[Profile] = ()
    gathered: Mapping[date, Profile] = field(default_factory=dict)
    plan: Plan = field(default_factory=Plan)

    @property
    def answers(self) -> Answers:
        return Answers.of(self.spec.task, self.spec.signature)


@dataclass(frozen=True)
class Judged:
    """Everything that one closed day leaves behind."""

    states: States
    labelled: int = 0
    profile: Profile | None = None
    losses: Mapping[int, DayLoss] = field(default_factory=dict)
    served: DayLoss | None = None
    reviewed: ReviewedDay | None = None
    fairness: FairnessDay | None = None
    pairings: Sequence[PairingRead] = ()
    alarms: Sequence[AlarmFinding] = ()
    endings: frozenset[Ending] = frozenset()
    quality: QualityRead = field(default_factory=QualityRead)
    performance: PerformanceRead = field(default_factory=PerformanceRead)
    switchback: SwitchBackFinding = field(default_factory=SwitchBackFinding)
    drift: DriftFinding = field(default_factory=DriftFinding)
    slices: SlicesRead = field(default_factory=SlicesRead)
    newcomers: NewcomersRead | None = None
    standing: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Scored:
    """The answers of each version to the day's rows, and their losses by row; the champion's as they were given."""

    champion: np.ndarray
    losses: Mapping[int, np.ndarray]
    served: np.ndarray
    facts: Facts


def close(given: Given, graphs: Graphs) -> Judged:
    """Judge the day (CPU work: in a thread; every version's graph must be loaded)."""
    if len(given.rows) == 0:
        day = JudgedDay(given.day.date, given.spec.policy, facts=_facts(given.rows))
        return _fold(day, given.states)
    scored = _score(given, graphs)
    weights = given.rows.weights
    means = {number: losses.of_day(rows, weights) for number, rows in scored.losses.items()}
    day = _day(given, scored, {number: loss for number, loss in means.items() if loss is not None})
    judged = _fold(day, given.states)
    return replace(
        judged,
        labelled=int(np.isfinite(given.rows.labels).sum()),
        profile=day.profile,
        losses=day.losses,
        served=losses.of_day(scored.served, weights),
        reviewed=_reviewed(given, scored),
        fairness=_fairness(given, scored),
        pairings=mirror.compare(given.answers, given.rows.table),
        slices=judged.slices.model_copy(update={"left_out": list(given.plan.left_out)}),
    )


def _reviewed(given: Given, scored: Scored) -> ReviewedDay | None:
    """What people's labels say of the champion."""
    found = given.rows.reviewed
    return None if found is None else found.told(scored.losses[given.versions[0].number])


def _fairness(given: Given, scored: Scored) -> FairnessDay | None:
    """Sums of the champion's answers by group, where attributes are declared."""
    spec, rows, answers = given.spec, given.rows, given.answers
    if spec.fairness is None:
        return None
    inputs, drawn = spec.signature.inputs, rows.weights is not None
    about = (answers.task, answers.classes, inputs, rows.columns, scored.champion, rows.labels, drawn)
    return protected.of_day(spec.fairness, *about)


def _fold(day: JudgedDay, states: States) -> Judged:
    """Each detector in turn; a quality fault hides what drift its feature shows."""
    faults, of_quality = quality.judge(day, states.quality)
    error, of_performance = performance.judge(day, states.performance)
    back, of_switchback = switchback.judge(day, states.switchback)
    moved, of_drift = drift.judge(replace(day, faulty=faults.faulty), states.drift)
    new, of_newcomers = newcomers.judge(day, states.newcomers)
    return Judged(
        states=replace(
            states,
            quality=of_quality,
            performance=of_performance,
            switchback=of_switchback,
            drift=of_drift,
            newcomers=of_newcomers,
        ),
        alarms=(*faults.alarms, *error.alarms, *new.alarms, *moved.alarms),
        endings=faults.endings | error.endings | new.endings | moved.endings,
        standing=faults.standing,
        quality=faults.told,
        performance=error.told,
        switchback=back if day.profile is not None else SwitchBackFinding(),
        drift=moved,
        newcomers=new.told,
        slices=SlicesRead(parts={part.name: _part(part, error.slices.get(part.name)) for part in day.slices}),
    )


def _part(part: SliceDay, told: PerformanceRead | None) -> SliceRead:
    if part.loss is None:
        return SliceRead(rows=part.rows, performance=told)
    return SliceRead(rows=part.rows, labelled=part.loss.n, loss=part.loss.loss, performance=told)


def _score(given: Given, graphs: Graphs) -> Scored:
    champion, (answers, labels) = given.versions[0], _truth(given)
    scores = {
        version.number: _answers_of(given, graphs, version, answers)
        for version in given.versions
        if version is not champion and version.broken is None
    }
    given_out, facts = _champion(given, _answers_of(given, graphs, champion, given.answers))
    scores = {champion.number: given_out} | scores
    rows = {number: answers.task.losses(labels, values) for number, values in scores.items()}
    return Scored(given_out, rows, answers.task.losses(labels, given.rows.served), facts)


def _truth(given: Given) -> tuple[Answers, np.ndarray]:
    """Labels to judge by, and their classes: those of the champion, then new ones that an archived version knows.

    Classes that nobody knows lie behind all of them: every version gave them no chance.
    """
    answers, rows = given.answers, given.rows
    known = {class_text(value) for version in given.versions for value in version.classes or ()}
    kept = [place for place, value in enumerate(rows.new) if class_text(value) in known]
    if not kept:
        return answers, rows.labels
    first = len(answers.classes)
    places = np.full(len(rows.new), float(first + len(kept)))
    places[kept] = first + np.arange(len(kept))
    new = rows.labels >= first
    labels = rows.labels.copy()
    labels[new] = places[rows.labels[new].astype(np.int64) - first]
    return replace(answers, classes=(*answers.classes, *(rows.new[place] for place in kept))), labels


def _answers_of(given: Given, graphs: Graphs, version: Version, answers: Answers) -> np.ndarray:
    """What the version's graph answers; a champion whose graph cannot run is judged by what was served."""
    if version.broken is not None:
        return given.rows.served
    rows, kind = given.rows, given.answers if version.classes is None else answers
    return version.score(graphs, "model", rows.columns, len(rows), kind)


def _champion(given: Given, scored: np.ndarray) -> tuple[np.ndarray, Facts]:
    """The champion's answer to every row.

    Where its revision answered otherwise than the graph does, the answer that was served stands.
    """
    rows, answers = given.rows, given.answers
    compared = rows.by_champion & rows.logged
    differs = compared & ~answers.same(rows.served, scored, SAME)
    given_out = answers.chosen_where(differs, rows.served, scored)
    known = answers.task.known
    facts = replace(
        _facts(rows),
        not_finite=int((~known(given_out) | (rows.logged & ~known(rows.served))).sum()),
        compared=int(compared.sum()),
        differing=int(differs.sum()) if given.versions[0].reproducible else 0,
        share=float(np.isfinite(rows.labels).mean()),
    )
    return given_out, facts


def _facts(rows: Rows) -> Facts:
    faults = [fault for fault in rows.table["fault"].to_pylist() if fault]
    return Facts(
        answered=len(rows),
        records=len(set(rows.table["request_id"].to_pylist())),
        faults={fault: faults.count(fault) for fault in set(faults)},
        repeated=rows.repeated,
    )


def _day(given: Given, scored: Scored, means: Mapping[int, DayLoss]) -> JudgedDay:
    """The day as detectors see it."""
    champion, features = given.versions[0], daily.named(given.spec.signature.inputs, given.rows.columns)
    spec = champion.baseline.spec
    reduced = given.answers.reduced(scored.champion)
    columns = daily.columns_of(spec, features, reduced, len(given.rows))
    everything = np.ones(len(given.rows), dtype=bool)
    parts = []
    for part in given.plan.slices:
        here = part.of(columns)
        weights = None if given.rows.weights is None else given.rows.weights[here]
        loss = losses.of_day(scored.losses[champion.number][here], weights)
        parts.append(SliceDay(part.name, int(here.sum()), daily.of_rows(spec, columns, here), loss))
    return JudgedDay(
        date=given.day.date,
        policy=given.spec.policy,
        champion=champion.number,
        baseline=champion.baseline,
        facts=scored.facts,
        profile=daily.of_rows(spec, columns, everything),
        losses=means,
        slices=tuple(parts),
        window=given.window,
        gathered=given.gathered,
        newcomers=_newcomers(given.rows),
    )


def _newcomers(rows: Rows) -> dict[str, int]:
    """Labels of each class that the champion does not know."""
    first = len(rows.classes) - len(rows.new)
    places = rows.labels[rows.labels >= first].astype(np.int64) - first if rows.new else ()
    counts = np.bincount(places, minlength=len(rows.new)) if len(places) else ()
    return {class_text(value): int(count) for value, count in zip(rows.new, counts, strict=False) if count}
