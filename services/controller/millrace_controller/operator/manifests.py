"""What is written into a resource's status, and which events are told; pure functions of before and after."""

from dataclasses import dataclass
from typing import Any

from millrace_contracts.status import Condition, LoopStatus

Status = dict[str, Any]
TOLD = ("Stalled", "DriftDetected", "OptionsIgnored")
"""Conditions whose becoming true is an event of its own; people are warned."""
BROKEN = ("SourceReady", "DataValid")
"""Conditions whose becoming false is one."""
EACH = ("DataValid",)
"""Of these, every other message is news: another delivery was refused."""
BAD = ("Rejected", "Failed")


@dataclass(frozen=True)
class News:
    """An event that people see below `kubectl describe`."""

    reason: str
    message: str
    warning: bool = False


def written(status: LoopStatus, before: Status, now: str) -> Status:
    """The status as it is written: a condition keeps the time of its last change."""
    made = status.model_dump(by_alias=True, exclude_none=True, mode="json")
    known = {item.get("type"): item for item in before.get("conditions") or []}
    for condition in made.get("conditions", []):
        old = known.get(condition["type"], {})
        same = old.get("status") == condition["status"]
        condition["lastTransitionTime"] = old.get("lastTransitionTime", now) if same else now
    return made


def refused(reason: str, message: str, before: Status, generation: int, project: str) -> LoopStatus:
    """The status of a resource whose spec cannot be taken; a loop that it declared before goes on as it was."""
    kept = [
        item for item in before.get("conditions") or [] if item.get("type") not in ("Stalled", "Progressing")
    ]
    if not any(item.get("type") == "Ready" for item in kept):
        kept.append({"type": "Ready", "status": "False", "reason": reason, "message": message})
    told = [
        {"type": "Progressing", "status": "False", "reason": reason, "message": message},
        {"type": "Stalled", "status": "True", "reason": reason, "message": message},
    ]
    conditions = [Condition.model_validate(item) for item in (*kept, *told)]
    for condition in conditions:
        condition.observed_generation = generation
    known = {name: before[name] for name in ("champion", "candidate", "run", "gates") if name in before}
    made = LoopStatus.model_validate(known)
    made.observed_generation, made.project, made.conditions = generation, project, conditions
    made.phase = before.get("phase") if "champion" in before else "Failed"
    return made


def patch(before: Any, after: Any) -> Any:
    """A JSON merge patch that makes *after* of *before*; an empty one if they are the same."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    gone = dict.fromkeys(before.keys() - after.keys())
    changed = {
        name: patch(before.get(name), value) for name, value in after.items() if before.get(name) != value
    }
    return gone | changed


def news(before: Status, after: Status) -> list[News]:
    """What a person would want to be told of the change."""
    told = [*_run(before, after), *_members(before, after)]
    known = {item["type"]: item for item in before.get("conditions") or []}
    for condition in after.get("conditions", []):
        old = known.get(condition["type"], {})
        bad = {"True": TOLD, "False": BROKEN}.get(condition["status"], ())
        other = condition["type"] in EACH and condition.get("message") != old.get("message")
        if condition["type"] in bad and (condition["status"] != old.get("status") or other):
            told.append(News(condition["reason"], condition["message"], warning=True))
    return told


def _run(before: Status, after: Status) -> list[News]:
    run, phase = after.get("run") or {}, after.get("phase")
    told = []
    if run.get("number") and run["number"] != (before.get("run") or {}).get("number"):
        told.append(News("RunOpened", f"Run {run['number']} is opened: {run.get('cause') or 'asked for'}."))
    if phase != before.get("phase") and phase is not None:
        progress: Status = next((item for item in after["conditions"] if item["type"] == "Progressing"), {})
        reason = phase if before.get("phase") or phase != "Pending" else "Declared"
        told.append(News(reason, progress.get("message") or phase, warning=phase in BAD))
    return told


def _members(before: Status, after: Status) -> list[News]:
    old, new = (item.get("champion", {}).get("version") for item in (before, after))
    told = []
    if new is not None and new != old:
        words = f"Version {new} is in production" + (f" in place of version {old}." if old else ".")
        told.append(News("Promoted" if old is None or new > old else "WentBack", words))
    ended = (after.get("run") or {}).get("state")
    if ended in ("rejected", "refused", "aborted") and ended != (before.get("run") or {}).get("state"):
        told.append(News(ended.title(), after["run"].get("message") or ended, warning=True))
    return told
