"""What a closed day calls for: nothing, a run now or later, or the way back; a pure function, so a backtest decides
the same."""

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from millrace_contracts import durations
from millrace_contracts.adopting import AdoptSpec
from millrace_contracts.bodies import Document
from millrace_contracts.closings import ClosedDay, OpenedAlarm
from millrace_contracts.counting import counted
from millrace_contracts.loop import Spec
from millrace_contracts.loop_runs import WaitReason
from millrace_controller.triggers import turn

Cause = Literal["data", "spec", "alarm", "schedule", "hand"]


@dataclass(frozen=True)
class FailedRun:
    """A run that came to nothing; *before*: when the newest one that did not was opened, if there is one."""

    number: int
    before: datetime | None


@dataclass(frozen=True)
class LoopFacts:
    """What the rules know of a loop.

    busy: a run is in flight, or the route is on its way back. waits: that run waits for people alone, so the way back
    is open. active: not paused by a person. changed: the generation of a spec for which no run was opened yet, if there
    is one. data: number of the newest dataset version; 0 while there is none. same_as: the last run, if one that is
    opened now would have its data and its document. passed_at: the schedule's last turn that found nothing new. failed:
    the last run, if its data was refused, or it failed before what its gates called for was done.
    """

    champion: int | None
    opened_at: datetime | None
    rest_until: datetime | None
    busy: bool
    new_rows: int
    active: bool = True
    waits: bool = False
    changed: int | None = None
    data: int = 0
    same_as: int | None = None
    passed_at: datetime | None = None
    failed: FailedRun | None = None


@dataclass(frozen=True)
class Retrain:
    """Open a run. *cause* says why; *window* is what makes the same trigger the same run."""

    cause: Cause
    window: str
    reason: str
    evidence: Document = field(default_factory=dict)
    full_search: bool = False
    adopt: AdoptSpec | None = None
    """The graph that stands as the candidate; None: one is trained."""
    since: date | None = None
    """First day since a change that an alarm of performance has found; None: nobody knows of one."""


@dataclass(frozen=True)
class GoBack:
    """Change the route back to an archived version."""

    version: int
    reason: str
    evidence: Document


@dataclass(frozen=True)
class Wait:
    """Open no run for *trigger* today; *until*: event time of its end, None: nobody knows."""

    trigger: Retrain
    why: WaitReason
    until: datetime | None
    reason: str


Action = Retrain | GoBack | Wait | None


def counts_rows(spec: Spec, day: ClosedDay | None) -> bool:
    """Whether the rules ask for the rows that were pushed: with event time when a day closes, else at any time."""
    return spec.triggers.new_data is not None and (day is not None or spec.data.event_time is None)


def decide(spec: Spec, loop: LoopFacts, day: ClosedDay | None) -> Action:
    """The one action that is called for: by a closed day, or without one (None) by first data, a spec, or new rows.

    Going back comes before retraining. While a run is in flight nothing else begins; after an opening the cool-down
    has to pass, after a switch the rest; both in event time. A run that waits for people keeps no version from coming
    back. An alarm that comes meanwhile waits, and opens its run afterwards if it is still open, whether or not that day
    finds it again. A run that would have the data and the document of the last one is not opened.
    """
    if not loop.active or (loop.busy and not loop.waits):
        return None
    if loop.busy:
        return None if day is None or loop.champion is None else _go_back(spec, loop, day)
    if day is None:
        return _without_day(spec, loop)
    if loop.champion is None:
        return None
    return _go_back(spec, loop, day) or _retrain(spec, loop, day)


def _without_day(spec: Spec, loop: LoopFacts) -> Retrain | None:
    if loop.data == 0:
        return None
    window = f"version-{loop.data}"
    if loop.champion is None:
        return Retrain("data", window, f"there is no champion, and data version {loop.data} is there")
    if loop.changed is not None:
        reason = f"the spec has changed (generation {loop.changed})"
        return Retrain("spec", "spec", reason, full_search=True)
    wanted = spec.triggers.new_data
    if wanted is None or spec.data.event_time is not None or loop.new_rows < wanted.rows:
        return None
    return Retrain(
        "data",
        window,
        counted(loop.new_rows, "new row was pushed", "new rows were pushed"),
        {"new_rows": loop.new_rows},
    )


def _go_back(spec: Spec, loop: LoopFacts, day: ClosedDay) -> GoBack | None:
    proposal = day.switch_back
    if not spec.switch_back.enabled or proposal is None or proposal.version == loop.champion:
        return None
    evidence = proposal.evidence
    gain = evidence.get("gain")
    words = f"{gain:.1%} less loss" if isinstance(gain, float) else "less loss"
    reason = (
        f"version {proposal.version} has had {words} than version {loop.champion} on the same rows "
        f"for {evidence.get('days', 'several')} days, beyond the sequential test"
    )
    return GoBack(proposal.version, reason, evidence)


def _retrain(spec: Spec, loop: LoopFacts, day: ClosedDay) -> Retrain | Wait | None:
    alarm = _alarm(spec, loop, day)
    pause = _pause(spec, loop, day.through)
    if pause is not None:
        return alarm and _paused(alarm, *pause, spec.data.timezone)
    trigger = (
        alarm or _data(spec, loop) or _schedule(spec, loop, day.through) or _calendar(spec, loop, day.through)
    )
    if trigger is None or loop.same_as is None:
        return trigger
    reason = (
        f"no run is opened, since it would tell nothing new: data and document are those of run {loop.same_as}"
        f" ({trigger.reason})"
    )
    return Wait(trigger, "nothing-new", None, reason)


def _pause(spec: Spec, loop: LoopFacts, through: datetime) -> tuple[WaitReason, datetime] | None:
    """What keeps any run from being opened on this day, and until when."""
    if loop.rest_until is not None and through < loop.rest_until:
        return "rest", loop.rest_until
    if loop.opened_at is not None and not spec.cooled_down(loop.opened_at, through):
        return "cool-down", spec.cools_until(loop.opened_at)
    return None


def _paused(alarm: Retrain, why: WaitReason, until: datetime, zone: str) -> Wait:
    what = {"rest": "the rest after the way back"}.get(why, "the cool-down")
    end = f"{durations.local(until, zone):%Y-%m-%d %H:%M}".removesuffix(" 00:00")
    return Wait(alarm, why, until, f"waiting for {what}, until {end}: {alarm.reason}")


def calling(spec: Spec, loop: LoopFacts, day: ClosedDay) -> OpenedAlarm | None:
    """The alarm that calls for a run as of this day: a new one, or an open one that no run has answered."""
    wanted = [alarm for alarm in (*day.alarms, *day.open) if alarm.kind in spec.triggers.alarms]
    new = [alarm for alarm in wanted if alarm in day.alarms]
    return next((alarm for alarm in new or wanted if not _answered(spec, loop, alarm, day)), None)


def _answered(spec: Spec, loop: LoopFacts, alarm: OpenedAlarm, day: ClosedDay) -> bool:
    """Whether a run was opened since the alarm was; an alarm has one run, which knows all that had raised it.

    A run that failed, or whose data was refused, has changed nothing: the alarm calls for another when the cool-down is
    over.
    """
    since = loop.opened_at if loop.failed is None else loop.failed.before
    if alarm in day.alarms or since is None:
        return False
    if alarm.opened_day is None:
        return True
    return durations.begin(alarm.opened_day + durations.DAY, spec.data.timezone) <= since


def _alarm(spec: Spec, loop: LoopFacts, day: ClosedDay) -> Retrain | None:
    alarm = calling(spec, loop, day)
    if alarm is None:
        return None
    evidence: Document = {"alarm": alarm.cause, "kind": alarm.kind, "evidence": alarm.evidence}
    reason = f"alarm {alarm.cause}: {alarm.reason}"
    window = f"{alarm.cause}@{alarm.opened_day}"
    if loop.failed is not None:
        window, evidence = (
            f"{window} after {loop.failed.number}",
            evidence | {"after_failed_run": loop.failed.number},
        )
        reason = f"{reason} (run {loop.failed.number} came to nothing)"
    return Retrain("alarm", window, reason, evidence, since=turn.since(spec, alarm, day.through))


def _data(spec: Spec, loop: LoopFacts) -> Retrain | None:
    wanted = spec.triggers.new_data
    if wanted is None or loop.new_rows < wanted.rows:
        return None
    evidence = {"new_rows": loop.new_rows, "wanted": wanted.rows}
    return Retrain(
        "data",
        f"version-{loop.data}",
        counted(loop.new_rows, "new row was pushed", "new rows were pushed"),
        evidence,
    )


def _schedule(spec: Spec, loop: LoopFacts, through: datetime) -> Retrain | None:
    """Every so many days, by the clocks of the loop's zone."""
    since, zone = loop.opened_at, spec.data.timezone
    if spec.triggers.schedule is None or since is None:
        return None
    turn = since if loop.passed_at is None else max(since, loop.passed_at)
    if not durations.lasted(durations.parse(spec.triggers.schedule), turn, through, zone):
        return None
    days = (durations.local(through, zone) - durations.local(since, zone)) / durations.DAY
    evidence: Document = {"days": days, "schedule": spec.triggers.schedule}
    reason = f"{days:.0f} days since the last run was opened"
    return Retrain("schedule", through.isoformat(), reason, evidence)


def _calendar(spec: Spec, loop: LoopFacts, through: datetime) -> Retrain | None:
    """On each such day; one that came at a time when no run could be opened is made up for, once."""
    if spec.triggers.calendar is None or loop.opened_at is None:
        return None
    began = spec.triggers.calendar.latest(through, spec.data.timezone)
    if began <= loop.opened_at or (loop.passed_at is not None and began <= loop.passed_at):
        return None
    evidence: Document = {"calendar": spec.triggers.calendar.words(), "day": began.isoformat()}
    reason = f"{spec.triggers.calendar.words()}: {durations.local(began, spec.data.timezone):%A, %d %B %Y}"
    return Retrain("schedule", began.isoformat(), reason, evidence)


def key(project: str, loop: str, generation: int, cause: str, window: str) -> str:
    """Idempotency key of a run: the same trigger told twice, or a thousand times, is one run."""
    content = "\n".join((project, loop, str(generation), cause, window))
    return hashlib.sha256(content.encode()).hexdigest()[:40]
