"""What a decision means to people: what begins, ends or happened, in their words. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol, cast

from millrace_contracts.decisions import DecisionRead
from millrace_contracts.messages import Moment
from millrace_contracts.notices import Topic

ALARMS: dict[str, str] = {
    "performance": "the error has grown",
    "drift": "the data has moved",
    "quality": "the data is not what it should be",
    "estimate": "the error is expected to have grown, without labels",
}
"""What an alarm of each kind says, in a line."""
ENDS: dict[str, tuple[Topic, str]] = {
    "promoted": ("promotions", "version {version} is in production"),
    "rejected": ("rejections", "the candidate of {subject} is rejected"),
    "aborted": ("rejections", "the rollout of version {version} is aborted"),
    "refused": ("refused-data", "the data of {subject} is refused"),
}
"""What the end of a run says, by the run's state; one that fails is an incident."""
SPEAKS_AGAIN = ("alarm.silenced", "ended")
"""Kind and outcome of the end of a silence: what nobody was told of yet begins for people."""
Step = Moment | Literal["notes", "over"]
BEGINS: tuple[Step, ...] = ("begins", "once")


class Recorded(Protocol):
    """What is behind something that is told: a decision, and both times of it."""

    @property
    def id(self) -> str: ...
    @property
    def recorded_at(self) -> datetime: ...
    @property
    def event_time(self) -> datetime | None: ...


@dataclass(frozen=True)
class Left:
    """A loop that went away, which no decision of the chain tells of here."""

    recorded_at: datetime
    id: str = ""
    event_time: None = None


@dataclass(frozen=True)
class Event:
    """One thing that people may be told.

    step: `begins` and `ends` an incident, `once`; `notes` something of an incident that goes on; `over`: all
    incidents of the topic that stand end with it.
    """

    topic: Topic
    step: Step
    key: str
    title: str
    words: str


def of(decision: DecisionRead) -> list[Event]:
    """What *decision* means to people; mostly nothing."""
    kind = decision.kind
    if kind in ("alarm.opened", "alarm.closed") or (kind, decision.outcome) == SPEAKS_AGAIN:
        return [_alarm(decision)]
    if kind == "run.closed":
        return _run(decision)
    if kind in ("approval.asked", "approval.given", "approval.ended", "rollout.started"):
        return [_approval(decision)]
    return _back(decision)


def loop_of(decision: DecisionRead) -> str:
    """Whose people are told; what is done to an endpoint itself is told as its loop's, whose name it bears."""
    if not decision.loop and decision.kind == "rollback":
        return decision.subject.partition(" ")[0]
    return decision.loop


def _back(decision: DecisionRead) -> list[Event]:
    """A way back: the loop's own, or one that somebody took at the endpoint; what the loop orders there is its own."""
    facts = decision.evidence
    direct = decision.kind == "rollback" and decision.cause is None and "left" in facts
    if decision.kind not in ("switch-back", "rollback") or not (direct or "from" in facts):
        return []
    before, now = (facts["left"], facts["version"]) if direct else (facts["from"], facts.get("to"))
    title = f"it went back from version {before} to version {now}"
    return [Event("rollbacks", "once", f"back {decision.id}", title, decision.reason)]


def _alarm(decision: DecisionRead) -> Event:
    opened = decision.kind != "alarm.closed"
    alarm = decision.evidence.get("alarm") or decision.measured.get("alarm") or decision.id
    kind = decision.subject.partition("/")[2].partition(":")[0]
    topic, begins, ends = _alarm_words(kind)
    step: Step = "begins" if opened else "ends"
    return Event(topic, step, f"alarm {alarm}", begins if opened else ends, decision.reason)


def _alarm_words(kind: str) -> tuple[Topic, str, str]:
    if kind == "quarantine":
        return "refused-data", "a delivery is refused and waits for you", "the refused delivery is settled"
    if kind == "blocked":
        return "blocked", "it cannot go on", "it goes on again"
    says = ALARMS.get(kind, f"{kind} alarm")
    return "alarms", f"{kind} alarm: {says}", f"the {kind} alarm is over"


def _run(decision: DecisionRead) -> list[Event]:
    if decision.outcome == "failed":
        return [
            Event(
                "failed-runs",
                "begins",
                f"failed {decision.id}",
                f"{decision.subject} failed",
                decision.reason,
            )
        ]
    well = Event("failed-runs", "over", "", f"{decision.subject} did not fail", decision.reason)
    known = ENDS.get(decision.outcome)
    if known is None:
        return [well]
    topic, title = known
    said = title.format(version=decision.evidence.get("version"), subject=decision.subject)
    return [well, Event(topic, "once", f"closed {decision.id}", said, decision.reason)]


def _approval(decision: DecisionRead) -> Event:
    key, facts = f"approval of run {decision.run}", decision.evidence
    version = facts.get("version")
    if decision.kind == "approval.asked":
        return Event("approvals", "begins", key, f"version {version} waits for approval", decision.reason)
    if decision.kind == "approval.given":
        return Event("approvals", "notes", key, "", decision.reason)
    if decision.kind == "rollout.started":
        return Event("approvals", "ends", key, "it is approved, and its rollout begins", decision.reason)
    return Event(
        "approvals", "ends", key, f"version {version} is not approved: {decision.outcome}", decision.reason
    )


def alarm_of(event: Event) -> str | None:
    """Id of the alarm that begins; None for anything else."""
    kind, _, id = event.key.partition(" ")
    return id if kind == "alarm" and event.step == "begins" else None


def with_its_loop(topic: str, key: str, loop: str) -> Event:
    """The end of an incident whose loop goes away."""
    words = f"{loop} was deleted: nobody watches it any more, and nothing more is told of it."
    return Event(cast(Topic, topic), "ends", key, "it is over: the loop is deleted", words)


def after(event: Event, note: str) -> Event:
    """The end of an incident, with what was said meanwhile."""
    return replace(event, words=f"{note} {event.words}" if note else event.words)


def begins_twice(event: Event, standing: int) -> bool:
    """Whether it is a repetition of what stands already: one run that fails after another is one incident."""
    return event.topic == "failed-runs" and event.step == "begins" and standing > 0
