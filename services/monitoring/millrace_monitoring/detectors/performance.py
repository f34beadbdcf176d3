"""Has the champion's error risen, over all rows or within a slice? From state that a restart finds again."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Annotated

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from millrace_contracts.closings import Gathered, PerformanceRead
from millrace_contracts.digits import legible
from millrace_contracts.monitors import PerformancePolicy
from millrace_monitoring.alarms.findings import AlarmFinding, Ending
from millrace_monitoring.detectors.day import JudgedDay
from millrace_monitoring.profiles.baseline import Baseline
from millrace_stats import changing
from millrace_stats.performance import (
    MINIMUM_REFERENCE_DAYS,
    ONSET_DAYS,
    SLICE_TOLERANCE,
    Detector,
    Reference,
    Samples,
    risen_for,
    threshold,
)

LIVE_REFERENCE_DAYS = 28
QUIET_DAYS = 28
"""An alarm closes by itself after this many days on which the detector, started afresh, did not fire."""
OTHER_DAYS = 7
"""Days with labels that together are no sample, after which the reference is taken for one of other traffic."""
SLICE_LABELS = 10
"""A slice with fewer labelled rows on a day is no sample that day."""
CAUSE = "performance"

StoredDetector = Annotated[
    Detector,
    BeforeValidator(lambda stored: stored if isinstance(stored, Detector) else Detector.from_dict(stored)),
    PlainSerializer(Detector.to_dict),
]


class Watch(BaseModel):
    """The detector of one champion: waiting for a reference, or running."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    waiting: tuple[float, ...] = ()
    weekdays: tuple[int, ...] = ()
    detector: StoredDetector | None = None
    source: str = "holdout"
    quiet: int = 0
    scores: tuple[float, ...] = ()
    """Of the newest days: since when losses are high."""

    @classmethod
    def start(
        cls,
        losses: Sequence[float],
        policy: PerformancePolicy,
        source: str = "holdout",
        weekdays: Sequence[int] = (),
    ) -> "Watch":
        """With daily *losses* that the champion has not learnt from as reference; too few: its first live days."""
        if len(losses) < MINIMUM_REFERENCE_DAYS:
            return cls(source="first live days")
        return cls(detector=_frozen(losses, policy, weekdays), source=source)

    def added(self, day: date) -> float:
        """What the weekday adds to the loss by itself, as far as the reference knows."""
        return self.detector.reference.added(day.weekday()) if self.detector else 0.0


@dataclass(frozen=True)
class PerformanceState:
    """The detector of all rows, and those of slices by name; days with few labels add up in *samples*."""

    watch: Watch = field(default_factory=Watch)
    slices: Mapping[str, Watch] = field(default_factory=dict)
    samples: Samples = field(default_factory=Samples)
    since: date | None = None

    @classmethod
    def start(
        cls, baseline: Baseline, slices: Mapping[str, Watch], policy: PerformancePolicy
    ) -> "PerformanceState":
        """Of a new champion: its holdout is the reference, and says how many labels a day usually has.

        Of a holdout in which the world has changed, one side of the change: the champion has learnt from all of it.
        """
        losses, weekdays = baseline.loss_values(), [day.weekday() for day, _ in baseline.losses]
        level = changing.one_level(np.array(losses, float))
        watch = Watch.start(losses[level], policy, weekdays=weekdays[level])
        return cls(watch, slices, Samples(baseline.usual_labels))


@dataclass(frozen=True)
class PerformanceFinding:
    """Where the detectors stand, and what calls for action."""

    told: PerformanceRead = field(default_factory=PerformanceRead)
    slices: Mapping[str, PerformanceRead] = field(default_factory=dict)
    alarms: tuple[AlarmFinding, ...] = ()
    endings: frozenset[Ending] = frozenset()


def judge(day: JudgedDay, state: PerformanceState) -> tuple[PerformanceFinding, PerformanceState]:
    """Take in one day's mean losses. The slices together have the same false-alarm rate as all rows have."""
    policy = day.policy.performance
    told, after, alarms, endings = _of_all(day, state, policy)
    shared = share_rate(policy, len(day.slices))
    slices, watches = dict[str, PerformanceRead](), dict(state.slices)
    for part in day.slices:
        before = watches.get(part.name, Watch(source="first live days"))
        if part.loss is None or part.loss.n < SLICE_LABELS:
            continue
        slices[part.name], watches[part.name] = update(before, part.loss.loss, shared)
        cause = f"{CAUSE}:slice:{part.name}"
        alarms += _alarm(day, cause, f" where {part.name}", slices[part.name], watches[part.name])
        endings |= _over(cause, watches[part.name])
    return PerformanceFinding(told, slices, alarms, endings), replace(after, slices=watches)


def share_rate(policy: PerformancePolicy, slices: int) -> PerformancePolicy:
    """The policy of each of so many slices: their false alarms a year together are those of one detector."""
    rate = policy.false_alarms_per_year / max(slices, 1)
    tolerance = policy.tolerance + SLICE_TOLERANCE
    return policy.model_copy(update={"false_alarms_per_year": rate, "tolerance": tolerance})


def _of_all(
    day: JudgedDay, state: PerformanceState, policy: PerformancePolicy
) -> tuple[PerformanceRead, PerformanceState, tuple[AlarmFinding, ...], frozenset[Ending]]:
    if day.loss is None:
        return PerformanceRead(), state, (), frozenset()
    state = _like_with_like(state)
    samples, since = replace(state.samples), state.since or day.date
    added = state.watch.added(day.date)
    sample = samples.take(day.loss.n, day.loss.loss - added)
    if sample is None:
        lacking = Gathered(rows=samples.rows, wanted=math.ceil(samples.wanted), since=since)
        told = PerformanceRead(loss=day.loss.loss, gathered=lacking)
        return told, replace(state, samples=samples, since=since), (), frozenset()
    told, after = update(state.watch, sample, policy, day.date)
    if since == day.date and told.reference_mean is not None:
        mean = told.reference_mean + added
        told = told.model_copy(update={"loss": day.loss.loss, "reference_mean": mean})
    kept = replace(state, watch=after, samples=samples, since=None)
    return told, kept, _alarm(day, CAUSE, "", told, after), _over(CAUSE, after)


def _like_with_like(state: PerformanceState) -> PerformanceState:
    """A reference of days unlike any that came since is given up for the first live days."""
    watch = state.watch
    if watch.detector is None:
        return replace(state, samples=Samples())
    if watch.detector.days > 0 or state.samples.days < OTHER_DAYS:
        return state
    return PerformanceState(Watch(source="first live days"), state.slices)


def update(
    watch: Watch, loss: float, policy: PerformancePolicy, day: date | None = None
) -> tuple[PerformanceRead, Watch]:
    """Take in one day's mean loss, less what its weekday adds. A detector that calls for action starts afresh.

    *day*: so that a reference of live days knows its weekdays; None where it need not.
    """
    if watch.detector is None:
        return _gather(watch, loss, policy, day)
    detector = Detector.from_dict(watch.detector.to_dict())
    detector.update(loss)
    fired = detector.alarm
    scores = (*watch.scores, detector.reference.score(loss))[-ONSET_DAYS:]
    told = _evidence(detector, loss, watch.source, risen_for(scores))
    after = Detector(detector.reference, detector.level) if fired else detector
    quiet = 0 if fired else watch.quiet + 1
    return told, watch.model_copy(update={"detector": after, "quiet": quiet, "scores": scores})


def _gather(
    watch: Watch, loss: float, policy: PerformancePolicy, day: date | None
) -> tuple[PerformanceRead, Watch]:
    """One more day of the reference, which is frozen when it is long enough."""
    waiting = (*watch.waiting, loss)
    weekdays = watch.weekdays if day is None else (*watch.weekdays, day.weekday())
    told = PerformanceRead(reference_days=len(waiting), loss=loss)
    if len(waiting) < LIVE_REFERENCE_DAYS:
        return told, watch.model_copy(update={"waiting": waiting, "weekdays": weekdays})
    frozen = _frozen(waiting, policy, weekdays)
    return told, watch.model_copy(update={"waiting": (), "weekdays": (), "detector": frozen})


def _frozen(losses: Sequence[float], policy: PerformancePolicy, weekdays: Sequence[int]) -> Detector:
    """Days whose weekdays are not all known are taken to be of one kind."""
    known = np.array(weekdays) if len(weekdays) == len(losses) else None
    reference = Reference.fit(np.array(losses), tolerance=policy.tolerance, weekdays=known)
    return Detector(reference, threshold(policy.false_alarms_per_year))


def _evidence(detector: Detector, loss: float, source: str, rising: int) -> PerformanceRead:
    reference = detector.reference
    return PerformanceRead(
        loss=loss,
        reference_mean=reference.mean,
        reference_scale=reference.scale,
        reference_days=reference.days,
        reference=source,
        log_value=detector.log_value,
        log_level=float(np.log(detector.level)),
        days=detector.days,
        rising=rising,
        watch=bool(detector.watch(loss)),
    )


def _alarm(
    day: JudgedDay, cause: str, where: str, told: PerformanceRead, after: Watch
) -> tuple[AlarmFinding, ...]:
    """A finding if the detector has just fired: then it stands at its beginning again."""
    if told.log_value is None or told.log_level is None or after.quiet > 0:
        return ()
    assert told.loss is not None
    assert told.reference_mean is not None
    reason = (
        f"version {day.champion}'s mean loss has risen{where}: {legible(told.loss)} today, "
        f"{legible(told.reference_mean)} on {told.reference_days} reference days; "
        f"log evidence {told.log_value:.2f} over the level {told.log_level:.2f}"
    )
    evidence = told.model_dump() | {"version": day.champion}
    return (AlarmFinding("performance", cause, reason, evidence),)


def _over(cause: str, after: Watch) -> frozenset[Ending]:
    return frozenset({Ending("performance", cause)}) if after.quiet >= QUIET_DAYS else frozenset()
