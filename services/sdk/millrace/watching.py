"""Follows a loop live: what the controller and the running job tell becomes a few lines of news."""

import contextlib
import json
import queue
import threading
from collections.abc import Callable, Iterator, Sequence

import httpx

from millrace.client import ApiError, Millrace
from millrace.transport.answers import Event, read
from millrace_contracts.bodies import Document
from millrace_contracts.closings import ClosingRead
from millrace_contracts.counting import counted
from millrace_contracts.digits import legible
from millrace_contracts.drift_windows import watched, with_each_weekday
from millrace_contracts.endpoints import EndpointRead
from millrace_contracts.jobs import JobProgress
from millrace_contracts.loop_runs import LoopRunRead
from millrace_contracts.loops import LoopOutline

LOOK_SECONDS = 3.0
TOLD = {"OptionsIgnored": "not honoured here", "RunWaits": "a run waits", "DriftDetected": "drift"}
"""Conditions that are told when they come true; runs, gates and rollouts have lines of their own."""
SEARCHED = (
    "    (a trial's loss is on the search's validation rows; train and evaluate judge on rows no trial saw)"
)
"""Said once, before the first trial: the two losses differ, and neither is wrong."""
ENDED_WELL = ("promoted", "rejected", "awaiting-approval")


class News:
    """Remembers what was told, so that each thing is told once."""

    def __init__(self) -> None:
        self._told: dict[str, object] = {}

    def changed(self, key: str, value: object) -> bool:
        new = value is not None and self._told.get(key) != value
        if new:
            self._told[key] = value
        return new

    def of_loop(self, loop: LoopOutline) -> list[str]:
        """Lines for what is new in the loop and its newest run."""
        lines = []
        if loop.message and self.changed("message", loop.message):
            lines.append(f"waits: {loop.message}")
        for condition in loop.conditions:
            told = condition.type in TOLD and condition.status == "True"
            if told and self.changed(condition.type, condition.message):
                lines.append(f"{TOLD[condition.type]}: {condition.message}")
        if loop.run is not None:
            lines += self._of_run(loop.run)
        if self.changed("champion", loop.champion):
            lines.append(f"version {loop.champion} is in production")
        return lines

    def _of_run(self, run: LoopRunRead) -> list[str]:
        number, lines = run.number, []
        if self.changed("run", number):
            lines.append(f"run {number} is opened: {run.cause.reason or run.cause.kind}")
        if self._waits(run) and run.waiting is not None:
            lines.append(f"  waits: {run.waiting.reason}: {run.waiting.message}")
        for name, step in run.steps.items():
            if self.changed(f"step {number} {name}", (step.state, step.state == "running")):
                shown = "" if step.state == "running" else plain(step.message)
                lines.append(f"  {name}: {step.state}" + (f": {shown}" if shown else ""))
        if run.verdict is not None and self.changed(f"verdict {number}", run.verdict.verdict):
            lines += [f"    {gate.verdict:<12} {gate.name}: {gate.reason}" for gate in run.verdict.gates]
        lines += self._approval(run)
        if self.changed(f"state {number}", run.state) and run.ended_at is not None:
            lines.append(f"run {number} ends {run.state}" + (f": {run.message}" if run.message else ""))
        return lines

    def _approval(self, run: LoopRunRead) -> list[str]:
        """What people have said so far, and what is still to be said."""
        asked = run.approval
        if asked is None or not self.changed(f"approval {run.number}", (asked.state, len(asked.given))):
            return []
        given = f" ({', '.join(asked.given)})" if asked.given else ""
        until = f", until {asked.until:%Y-%m-%d %H:%M} UTC" if asked.state == "waiting" else ""
        return [f"  approval: {asked.state}: {len(asked.given)} of {asked.of}{given}{until}"]

    def _waits(self, run: LoopRunRead) -> bool:
        """Whether a pod of the run waits for something that was not told yet; what is over may be told again."""
        if run.waiting is None:
            self._told.pop("waiting", None)
        place = run.queue and run.queue.position
        return self.changed("waiting", run.waiting and (run.waiting.reason, place))

    def of_job(self, event: str, data: Document) -> list[str]:
        """Lines for one event of the running job."""
        if event == "trial" and data.get("values") is not None:
            kind = data.get("params", {}).get("id") or data["study"]
            first = [SEARCHED] if self.changed("searched", True) else []
            return [*first, f"    trial {data['number']} ({kind}): {_outcome(data['values'])}"]
        if event == "log":
            return [f"    {data['message']}"]
        return []

    def of_endpoint(self, endpoint: EndpointRead) -> list[str]:
        """Lines for what is new in the rollout."""
        rollout = endpoint.rollout
        if rollout is None or not self.changed("rollout", (rollout.id, rollout.state, rollout.step)):
            return []
        shares = ", ".join(
            f"version {item.version} {item.weight / 100:g} %" for item in endpoint.revisions if item.weight
        )
        reason = f": {rollout.reason}" if rollout.reason else ""
        return [
            f"rollout of version {rollout.version} is {rollout.state}{reason} (traffic: {shares or 'none'})"
        ]

    def of_day(self, day: ClosingRead, all_days: Sequence[ClosingRead] = ()) -> list[str]:
        """Lines for a closed day: loss, alarms, and drift, unless its window has just begun beside others."""
        if not self.changed("day", day.day):
            return []
        telling = with_each_weekday(item.drift for item in (*all_days, day))
        drift = (day.drift.psi or {}) if day.drift in telling else {}
        most = max(drift, key=lambda name: drift[name], default=None)
        parts = [f"{counted(day.rows, 'row')}, {day.labelled} labelled"]
        if day.loss is not None:
            parts.append(f"loss {legible(day.loss, 5)}")
        if most is not None:
            parts.append(f"largest drift: {watched(most)} (PSI {drift[most]:.2f})")
        lines = [f"day {day.day} is closed: {', '.join(parts)}"]
        return lines + [f"  alarm {alarm.kind}: {alarm.reason}" for alarm in day.alarms]


def _outcome(values: Document) -> str:
    if "failed" in values:
        return f"failed: {values['failed']}"
    return ", ".join(f"{name} {legible(value, 5)}" for name, value in values.items() if _is_number(value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def plain(message: str) -> str:
    """A step's message; numbers that it wrote as JSON are shortened."""
    try:
        found = json.loads(message)
    except ValueError:
        return message
    if not isinstance(found, dict) or not all(_is_number(value) for value in found.values()):
        return message
    return ", ".join(f"{name} {legible(value)}" for name, value in found.items())


class Follower:
    """Threads that listen to the loop's and the running job's event streams, and one queue of what they hear."""

    def __init__(self, platform: Millrace, loop: str) -> None:
        self.platform = platform
        self.loop = loop
        self.heard: queue.Queue[LoopOutline | Event] = queue.Queue()
        self._jobs: set[str] = set()
        self.state: LoopOutline | None = None
        self.progress: JobProgress | None = None

    def news(self) -> Iterator[list[str]]:
        """Lines as they come; an empty list every few seconds when there are none. Endless. Raises: ApiError."""
        told = News()
        self._listen(self._follow_loop, self.loop)
        yield self._take_loop(told, self.platform.controller.loop(self.loop))
        while True:
            yield self._of_others(told)
            try:
                heard = self.heard.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                heard = self.platform.controller.loop(self.loop)
            yield self._take_job(told, heard) if isinstance(heard, Event) else self._take_loop(told, heard)

    def _take_loop(self, told: News, loop: LoopOutline) -> list[str]:
        self.state = loop
        for step in (loop.run.steps if loop.run else {}).values():
            if step.job and step.state == "running" and step.job not in self._jobs:
                self._jobs.add(step.job)
                self._listen(self._follow_job, step.job)
        return told.of_loop(loop)

    def _take_job(self, told: News, event: Event) -> list[str]:
        if event.name == "progress":
            self.progress = read(JobProgress, event.data)
        elif event.name == "end":
            self.progress = None
        return told.of_job(event.name, json.loads(event.data))

    def _of_others(self, told: News) -> list[str]:
        """The rollout and the newest closed day; a service that does not answer now is asked later."""
        lines: list[str] = []
        with contextlib.suppress(ApiError, httpx.TransportError):
            lines += told.of_endpoint(self.platform.serving.endpoint(self.loop))
        with contextlib.suppress(ApiError, httpx.TransportError):
            through = self.platform.monitoring.monitor(self.loop).closed_through
            if through is not None and told.changed("closed", through):
                days = self.platform.monitoring.closings(self.loop)
                lines += told.of_day(days[-1], days) if days else []
        return lines

    def _listen(self, target: Callable[[str], None], name: str) -> None:
        threading.Thread(target=target, args=(name,), daemon=True).start()

    def _follow_loop(self, loop: str) -> None:
        with contextlib.suppress(ApiError, httpx.HTTPError):
            for outline in self.platform.controller.events(loop):
                self.heard.put(outline)

    def _follow_job(self, job: str) -> None:
        with contextlib.suppress(ApiError, httpx.HTTPError):
            for event in self.platform.training.events(job):
                self.heard.put(event)
