"""What happens next with a loop, and when, in sentences."""

from datetime import datetime

from millrace_console.declared import spec_of
from millrace_contracts import durations
from millrace_contracts.calendars import Calendar
from millrace_contracts.loop import Spec
from millrace_contracts.loops import LoopRead

IN_FLIGHT = ("pending", "running", "awaiting-approval", "rolling-out")


def coming(loop: LoopRead) -> list[str]:
    """Sentences, what is nearest first."""
    if loop.state == "paused":
        return ["Nothing by itself: the loop is paused. What serves goes on serving; resume it to go on."]
    if loop.state == "deleting":
        return ["It is being deleted: its endpoint goes away; its data, versions and decisions stay."]
    told = _now(loop)
    spec = spec_of(loop)
    if spec is None:
        return [*told, "Its document is of an earlier version; apply it again to see what is planned."]
    return told + _rest(loop) + _triggers(loop, spec)


def _now(loop: LoopRead) -> list[str]:
    run = loop.run
    if run is None:
        return ["Its first run opens as soon as there is data that fits the contract."]
    if run.state not in IN_FLIGHT:
        return []
    if run.queue is not None:
        return [f"Run {run.number} waits for its turn: {run.queue.told()}."]
    if run.state in ("rolling-out", "awaiting-approval"):
        progress = next((item for item in loop.conditions if item.type == "Progressing"), None)
        return [progress.message if progress and progress.message else f"Run {run.number} is rolled out."]
    step = next((name for name, item in run.steps.items() if item.state == "running"), "its pipeline")
    return [f"Run {run.number} goes on, at {step}; its gates decide whether it gets traffic."]


def _rest(loop: LoopRead) -> list[str]:
    if loop.rest_until is None or (loop.settled_through and loop.settled_through >= loop.rest_until):
        return []
    return [
        f"It rests until event time reaches {loop.rest_until:%Y-%m-%d}: no retraining before, after a way back."
    ]


def _triggers(loop: LoopRead, spec: Spec) -> list[str]:
    told, triggers, zone = [], spec.triggers, spec.data.timezone
    opened = loop.run.opened_at if loop.run is not None else None
    if spec.data.event_time is None:
        told.append("Its rows have no event time: no day closes, so runs open by new data or by hand.")
    elif isinstance(triggers.schedule, str) and Calendar.spoken(triggers.schedule) is None:
        told.append(_scheduled(triggers.schedule, opened, zone))
    elif triggers.calendar is not None or triggers.schedule is not None:
        when = triggers.schedule or _calendar(triggers.calendar)
        told.append(f"By its calendar a run opens {when}, in event time ({zone}).")
    if triggers.alarms and spec.data.event_time is not None:
        told.append(
            f"An alarm of {' or '.join(triggers.alarms)} opens a run, at least {spec.cooldown} after the last."
        )
    if triggers.new_data is not None:
        told.append("New rows open a run once there are enough of them.")
    if spec.switch_back.enabled and loop.archive and spec.data.event_time is not None:
        versions = ", ".join(map(str, loop.archive))
        compared = f"Versions {versions} are" if len(loop.archive) > 1 else f"Version {versions} is"
        told.append(f"{compared} compared with the champion on each closed day, and may come back.")
    return told


def _calendar(calendar: Calendar | None) -> str:
    if calendar is None:
        return "by its calendar"
    return f"each {calendar.weekday}" if calendar.every == "week" else f"on day {calendar.day} of each month"


def _scheduled(schedule: str, opened: datetime | None, zone: str) -> str:
    if opened is None:
        return f"Its schedule opens a run every {schedule} of event time."
    due = durations.after(opened, durations.parse(schedule), zone)
    return f"Its schedule ({schedule}) opens the next run when event time reaches {due:%Y-%m-%d}."
