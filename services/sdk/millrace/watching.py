"""Follows a loop live: what the controller and the running job tell becomes a few lines of news."""

import contextlib
import json
import queue
import threading
from collections.abc import Iterator
from typing import Any

import httpx

from millrace.client import ApiError, Millrace

Json = dict[str, Any]
LOOK_SECONDS = 3.0
TOLD = {"OptionsIgnored": "not honoured here", "DriftDetected": "drift"}
"""Conditions that are told when they come true; runs, gates and rollouts have lines of their own."""
ENDED_WELL = ("promoted", "rejected")


class News:
    """Remembers what was told, so that each thing is told once."""

    def __init__(self) -> None:
        self._told: dict[str, Any] = {}

    def changed(self, key: str, value: Any) -> bool:
        new = value is not None and self._told.get(key) != value
        if new:
            self._told[key] = value
        return new

    def of_loop(self, loop: Json) -> list[str]:
        """Lines for what is new in the loop and its newest run."""
        lines = []
        if loop["message"] and self.changed("message", loop["message"]):
            lines.append(f"waits: {loop['message']}")
        for condition in loop.get("conditions", []):
            kind, true = condition["type"], condition["status"] == "True"
            if kind in TOLD and true and self.changed(kind, condition["message"]):
                lines.append(f"{TOLD[kind]}: {condition['message']}")
        if loop["run"] is not None:
            lines += self._of_run(loop["run"])
        if self.changed("champion", loop["champion"]):
            lines.append(f"version {loop['champion']} is in production")
        return lines

    def _of_run(self, run: Json) -> list[str]:
        number, lines = run["number"], []
        if self.changed("run", number):
            lines.append(f"run {number} is opened: {run['cause'].get('reason', run['cause'].get('kind'))}")
        if self._waits(run):
            lines.append(f"  waits: {run['waiting']['reason']}: {run['waiting']['message']}")
        for name, step in run["steps"].items():
            if self.changed(f"step {number} {name}", (step["state"], step["state"] == "running")):
                shown = "" if step["state"] == "running" else plain(step["message"])
                lines.append(f"  {name}: {step['state']}" + (f": {shown}" if shown else ""))
        if run["verdict"] is not None and self.changed(f"verdict {number}", run["verdict"]["verdict"]):
            lines += [
                f"    {gate['verdict']:<12} {gate['name']}: {gate['reason']}"
                for gate in run["verdict"]["gates"]
            ]
        if self.changed(f"state {number}", run["state"]) and run["ended_at"] is not None:
            lines.append(
                f"run {number} ends {run['state']}" + (f": {run['message']}" if run["message"] else "")
            )
        return lines

    def _waits(self, run: Json) -> bool:
        """Whether a pod of the run waits for something that was not told yet; what is over may be told again."""
        found = run.get("waiting")
        if found is None:
            self._told.pop("waiting", None)
        return self.changed("waiting", found and found["reason"])

    def of_job(self, event: str, data: Json) -> list[str]:
        """Lines for one event of the running job."""
        if event == "trial" and data.get("values") is not None:
            kind = data.get("params", {}).get("id") or data["study"]
            return [f"    trial {data['number']} ({kind}): {_outcome(data['values'])}"]
        if event == "log":
            return [f"    {data['message']}"]
        return []

    def of_endpoint(self, endpoint: Json) -> list[str]:
        """Lines for what is new in the rollout."""
        rollout = endpoint["rollout"]
        if rollout is None:
            return []
        place = (rollout["id"], rollout["state"], rollout["step"])
        if not self.changed("rollout", place):
            return []
        shares = ", ".join(
            f"version {item['version']} {item['weight'] / 100:g} %"
            for item in endpoint["revisions"]
            if item["weight"]
        )
        reason = f": {rollout['reason']}" if rollout["reason"] else ""
        return [
            f"rollout of version {rollout['version']} is {rollout['state']}{reason} (traffic: {shares or 'none'})"
        ]

    def of_day(self, day: Json) -> list[str]:
        """Lines for a closed day: loss, drift, alarms."""
        if not self.changed("day", day["day"]):
            return []
        drift = {
            name: psi for name, psi in (day.get("drift") or {}).get("psi", {}).items() if psi is not None
        }
        most = max(drift, key=lambda name: drift[name], default=None)
        parts = [f"{day['rows']} rows, {day['labelled']} labelled"]
        if day.get("loss") is not None:
            parts.append(f"loss {day['loss']:.5g}")
        if most is not None:
            parts.append(f"largest drift {most} (PSI {drift[most]:.2f})")
        lines = [f"day {day['day']} is closed: {', '.join(parts)}"]
        return lines + [f"  alarm {alarm['kind']}: {alarm['reason']}" for alarm in day.get("alarms", [])]


def _outcome(values: Json) -> str:
    if "failed" in values:
        return f"failed: {values['failed']}"
    return ", ".join(f"{name} {value:.5g}" for name, value in values.items() if _is_number(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def plain(message: str) -> str:
    """A step's message; numbers that it wrote as JSON are shortened."""
    try:
        found = json.loads(message)
    except ValueError:
        return message
    if not isinstance(found, dict) or not all(_is_number(value) for value in found.values()):
        return message
    return ", ".join(f"{name} {value:.4g}" for name, value in found.items())


class Follower:
    """Threads that listen to the loop's and the running job's event streams, and one queue of what they hear."""

    def __init__(self, platform: Millrace, loop: str) -> None:
        self.platform = platform
        self.loop = loop
        self.heard: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._jobs: set[str] = set()
        self.state: Json | None = None
        self.progress: Json = {}

    def news(self) -> Iterator[list[str]]:
        """Lines as they come; an empty list every few seconds when there are none. Endless. Raises: ApiError."""
        told = News()
        self._listen(self._follow_loop)
        yield self._take_loop(told, self.platform.controller.loop(self.loop))
        while True:
            yield self._of_others(told)
            try:
                kind, data = self.heard.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                yield self._take_loop(told, self.platform.controller.loop(self.loop))
                continue
            yield self._take_loop(told, data) if kind == "loop" else self._take_job(told, *data)

    def _take_loop(self, told: News, loop: Json) -> list[str]:
        self.state = loop
        for step in (loop["run"] or {"steps": {}})["steps"].values():
            if step.get("job") and step["state"] == "running" and step["job"] not in self._jobs:
                self._jobs.add(step["job"])
                self._listen(self._follow_job, step["job"])
        return told.of_loop(loop)

    def _take_job(self, told: News, event: str, data: Json) -> list[str]:
        self.progress = data if event == "progress" else {} if event == "end" else self.progress
        return told.of_job(event, data)

    def _of_others(self, told: News) -> list[str]:
        """The rollout and the newest closed day; a service that does not answer now is asked later."""
        lines: list[str] = []
        with contextlib.suppress(ApiError, httpx.TransportError):
            lines += told.of_endpoint(self.platform.serving.endpoint(self.loop))
        with contextlib.suppress(ApiError, httpx.TransportError):
            through = self.platform.monitoring.monitor(self.loop)["closed_through"]
            if through is not None and told.changed("closed", through):
                for day in self.platform.monitoring.closings(self.loop)[-1:]:
                    lines += told.of_day(day)
        return lines

    def _listen(self, target: Any, *args: Any) -> None:
        threading.Thread(target=target, args=args, daemon=True).start()

    def _follow_loop(self) -> None:
        with contextlib.suppress(ApiError, httpx.HTTPError):
            for event, data in self.platform.controller.events(self.loop):
                if event == "loop":
                    self.heard.put(("loop", data))

    def _follow_job(self, job: str) -> None:
        with contextlib.suppress(ApiError, httpx.HTTPError):
            for event, data in self.platform.training.events(job):
                self.heard.put(("job", (event, data)))
