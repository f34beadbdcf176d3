"""What the decisions of a loop come to: marks on its curve, gates as intervals, and who had how much of the traffic."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from millrace_console.drawing.intervals import Interval
from millrace_console.drawing.shares import Shares
from millrace_console.drawing.story import Mark, What
from millrace_contracts.alarms import AlarmRead
from millrace_contracts.bodies import Document
from millrace_contracts.closings import ClosingRead, SliceRead
from millrace_contracts.decisions import DecisionRead

MARKED: dict[str, What] = {
    "rollout.promoted": "promoted",
    "switch-back": "back",
    "rollback": "back",
    "rollout.aborted": "aborted",
}
INTERVALS = 12
"""Gates that are drawn, the newest."""
LISTED = 12
"""Columns and slices that are listed, the worst."""
NUMBERS = ("lower", "difference", "upper", "margin")


def day_of(decision: DecisionRead, zone: ZoneInfo) -> date | None:
    """The event day of a decision; the instant that ends a day belongs to that day."""
    if decision.event_time is None:
        return None
    return (decision.event_time.astimezone(zone) - timedelta(seconds=1)).date()


def marks(
    decisions: Iterable[DecisionRead], alarms: Iterable[AlarmRead], zone: ZoneInfo, base: str
) -> list[Mark]:
    """Everything that is marked, in the order of its days.

    Args:
        base: address under which decisions and alarms have their pages.
    """
    found = [
        Mark(item.event_day, "alarm", item.reason, f"{base}/alarms#{item.id}", item.opened_at)
        for item in alarms
        if item.event_day is not None
    ]
    for item in decisions:
        day = day_of(item, zone)
        what = MARKED.get(item.kind)
        if item.kind == "gate.verdict" and item.outcome != "passed":
            what = "rejected"
        if day is not None and what is not None and item.outcome != "refused":
            found.append(Mark(day, what, item.reason, f"{base}/decisions/{item.id}", item.recorded_at))
    return sorted(found, key=lambda mark: mark.day)


def intervals(decisions: Sequence[DecisionRead], zone: ZoneInfo, base: str) -> list[Interval]:
    """The newest champion gates that have an interval, the newest first."""
    found = []
    for item in sorted(decisions, key=lambda one: one.number, reverse=True):
        for gate in item.evidence.get("gates", []) if item.kind == "gate.verdict" else []:
            told = _interval(item, gate, zone, base)
            if told is not None:
                found.append(told)
    return found[:INTERVALS]


def _interval(item: DecisionRead, gate: Document, zone: ZoneInfo, base: str) -> Interval | None:
    values = [gate.get(name) for name in NUMBERS]
    if gate.get("name") != "champion" or not all(isinstance(value, int | float) for value in values):
        return None
    lower, difference, upper, margin = (float(value) for value in values if value is not None)
    day = day_of(item, zone)
    label = f"run {item.run} · {day or item.recorded_at.date()} · {gate['verdict']}"
    return Interval(
        label=label, lower=lower, difference=difference, upper=upper, margin=margin,
        verdict=str(gate["verdict"]), link=f"{base}/decisions/{item.id}",
    )  # fmt: skip


def shares(decisions: Iterable[DecisionRead]) -> list[Shares]:
    """The share of each version from each change on, in the order of event time."""
    ordered = sorted((item for item in decisions if item.event_time is not None), key=_when)
    plans = {
        item.subject: item.evidence.get("plan") or {} for item in ordered if item.kind == "rollout.started"
    }
    champion: int | None = None
    steps: list[Shares] = []
    for item in ordered:
        version = item.evidence.get("to") or item.evidence.get("version")
        if version is None or item.event_time is None or item.outcome == "refused":
            continue
        weights: dict[int, float] | None = {champion: 1.0} if champion is not None else {}
        if item.kind in ("rollout.promoted", "switch-back", "rollback"):
            champion, weights = int(version), {int(version): 1.0}
        elif item.kind == "rollout.step":
            rollout, _, step = item.subject.partition(" step ")
            part = _part(plans.get(rollout, {}), int(step) if step.isdigit() else 0)
            weights = {int(version): part} if champion is None else {champion: 1 - part, int(version): part}
        elif item.kind != "rollout.aborted":
            weights = None
        if weights is not None:
            steps.append(Shares(item.event_time, weights))
    return steps


def _when(decision: DecisionRead) -> datetime:
    assert decision.event_time is not None
    return decision.event_time


def _part(plan: Document, step: int) -> float:
    """The candidate's share in a step of a plan, mirror first; a mirrored candidate answers nobody."""
    place = step - (1 if plan.get("mirror") else 0)
    canary = plan.get("canary") or []
    return float(canary[place]["percent"]) / 100 if 0 <= place < len(canary) else 0.0


@dataclass(frozen=True)
class Quality:
    """What the last closed day's data were like."""

    day: date
    rows: int
    labelled: int
    faults: list[str]
    columns: list[tuple[str, float, float]]
    """Name, share that is missing, share that training never saw; those with most of either."""


def quality(last: ClosingRead | None) -> Quality | None:
    """None before a day with rows has closed."""
    if last is None:
        return None
    missing, outside = last.quality.missing or {}, last.quality.outside or {}
    found = [(name, missing.get(name, 0.0), outside.get(name, 0.0)) for name in {*missing, *outside}]
    worst = sorted(found, key=lambda item: (-max(item[1], item[2]), item[0]))
    shown = [item for item in worst if item[1] or item[2]][:LISTED]
    return Quality(last.day, last.rows, last.labelled, last.quality.faults or [], shown)


def slices(last: ClosingRead | None) -> list[tuple[str, SliceRead]]:
    """The slices that are watched as of the last closed day, the worst first."""
    parts = {} if last is None else last.slices.parts
    return sorted(parts.items(), key=lambda item: -(item[1].loss or 0.0))[:LISTED]
