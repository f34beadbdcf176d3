"""What stands around a decision in its loop's record: what led to it, what followed, and its run's pipeline."""

from millrace_contracts.decisions import DecisionDetail, DecisionRead


def _when(decision: DecisionRead) -> float:
    """For sorting by event time; what has none comes first."""
    return float("-inf") if decision.event_time is None else decision.event_time.timestamp()


def chain(decision: DecisionRead, by_id: dict[str, DecisionRead]) -> list[DecisionRead]:
    """Causes, nearest first: the recorded ones, then the alarm that opened the run."""
    causes: list[DecisionRead] = []
    here = decision
    while here.cause in by_id and by_id[here.cause] not in causes:
        here = by_id[here.cause]
        causes.append(here)
    alarm = _alarm_of(here, by_id)
    return causes if alarm is None else [*causes, alarm]


def _alarm_of(opened: DecisionRead, by_id: dict[str, DecisionRead]) -> DecisionRead | None:
    """The newest alarm.opened that a run.opened or a run.waits speaks of."""
    cause = opened.evidence.get("alarm") if opened.kind in ("run.opened", "run.waits") else None
    if cause is None:
        return None
    alarms = [
        item
        for item in by_id.values()
        if item.kind == "alarm.opened"
        and item.subject.endswith(f"/{cause}")
        and (item.event_time is None or opened.event_time is None or item.event_time <= opened.event_time)
    ]
    return max(alarms, key=_when, default=None)


def followed(decision: DecisionRead, by_id: dict[str, DecisionRead]) -> list[DecisionRead]:
    """What it led to, earliest first."""
    direct = {
        item.id: item for item in (decision.followed_by if isinstance(decision, DecisionDetail) else [])
    }
    direct |= {item.id: item for item in by_id.values() if item.cause == decision.id}
    if decision.kind == "alarm.opened":
        direct |= {
            item.id: item for item in by_id.values() if _alarm_of(item, by_id) is by_id.get(decision.id)
        }
    direct.pop(decision.id, None)
    return sorted(direct.values(), key=lambda item: (_when(item), item.number))


def pipeline(decision: DecisionRead, by_id: dict[str, DecisionRead]) -> str:
    """Link to the pipeline of the run that it belongs to, as it or another decision of the run tells it."""
    if decision.run is None:
        return ""
    same = [item for item in by_id.values() if (item.loop, item.run) == (decision.loop, decision.run)]
    links = [(item.measured.get("pipeline") or {}).get("link") for item in (decision, *same)]
    return next((str(link) for link in links if link), "")
