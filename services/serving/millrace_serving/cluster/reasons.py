"""Pure: what a revision's Deployment, pods and their events say is wrong, in words for a decision."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from millrace_core.pods import PREFIX
from millrace_core.waiting import (
    NO_CONTAINER,
    NO_IMAGE,
    OUT_OF_MEMORY,
    UNSCHEDULABLE,
    PodWaiting,
    newest,
    told,
    waiting,
)
from millrace_serving.triton.client import TRACEBACK
from millrace_serving.triton.fetch import HOPELESS

Part = Mapping[str, Any]
LONGEST = 400
OFTEN = 2
LOAD = re.compile(r"failed to load '[^']*' version \d+: (.*)")
"""The line of Triton's log that says why; Triton writes what it quotes on one line."""


@dataclass(frozen=True)
class Trouble:
    """What keeps a pod from answering, in a CamelCase word and in a sentence. *hopeless*: waiting will not mend it."""

    reason: str
    text: str
    hopeless: bool = False

    @property
    def told(self) -> str:
        """In a sentence that names the reason."""
        reason = self.waiting.reason
        return self.text if reason in self.text else f"{reason}: {self.text}"

    @property
    def waiting(self) -> PodWaiting:
        """The same for who asks why it takes so long."""
        return waiting(self.reason, self.text)


def ready(pod: Part) -> bool:
    """Whether the pod is Ready and not about to end."""
    return not pod["metadata"].get("deletionTimestamp") and _condition(pod, "Ready").get("status") == "True"


def running(pod: Part) -> bool:
    """Whether a container of the pod runs."""
    return bool(pod.get("status", {}).get("phase") == "Running")


def begun(pod: Part) -> bool:
    """Whether any container of the pod has run, be it one of those that come before the others."""
    status = pod.get("status", {})
    items = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    states = [part for item in items for part in (item.get("state", {}), item.get("lastState", {}))]
    return running(pod) or any("running" in state or "terminated" in state for state in states)


def ran_since(pod: Part, moment: str) -> bool:
    """Whether a container of the pod has run at *moment* (RFC 3339, whole seconds) or later."""
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    ends = [str((item.get("state", {}).get("terminated") or {}).get("finishedAt", "")) for item in statuses]
    return running(pod) or any(end and end >= moment for end in ends)


def serves(pod: Part, digest: str) -> bool:
    """Whether the pod was made for the graph with *digest*: one of an earlier form is on its way out."""
    return pod["metadata"].get("annotations", {}).get(f"{PREFIX}/digest", digest) == digest


def node(pod: Part) -> frozenset[str] | None:
    """The kinds of the pod's node, as its `fetch` container told; None if it did not."""
    for item in pod.get("status", {}).get("initContainerStatuses") or ():
        said = item.get("state", {}).get("terminated", {}).get("message", "")
        if item.get("name") == "fetch" and said.startswith("{"):
            try:
                return frozenset(map(str, json.loads(said)["nodes"])) or None
            except (ValueError, KeyError, TypeError):
                return None
    return None


def places(pods: Iterable[Part]) -> dict[str, frozenset[str]]:
    """The kinds of the nodes that pods are on, by the node; of those that have told."""
    told = {pod.get("spec", {}).get("nodeName") or pod["metadata"]["name"]: node(pod) for pod in pods}
    return {place: kinds for place, kinds in told.items() if kinds}


def _condition(thing: Mapping[str, Any], kind: str) -> Part:
    found = thing.get("status", {}).get("conditions") or ()
    return next((item for item in found if item.get("type") == kind), {})


def of_failed(job: Mapping[str, Any]) -> str | None:
    """Why a Job failed, in the cluster's words; None while it has not."""
    failed = _condition(job, "Failed")
    if failed.get("status") != "True":
        return None
    return f"{failed.get('reason', 'Failed')}: {failed.get('message', '')}"


def out_of_time(job: Mapping[str, Any]) -> bool:
    """Whether a Job failed because its time was up."""
    return _condition(job, "Failed").get("reason") == "DeadlineExceeded"


def of_deployment(deployment: Part | None) -> Trouble | None:
    """Why it has no pods: a quota, a policy, a missing ServiceAccount."""
    refused = _condition(deployment or {}, "ReplicaFailure")
    if refused.get("status") != "True":
        return None
    why = told(refused.get("reason") or "FailedCreate", refused.get("message", ""))
    return Trouble(why.reason, f"its pods are refused: {why.message}")


def of_pods(pods: Iterable[Part], events: Mapping[str, Iterable[Part]]) -> Trouble | None:
    """The worst trouble among pods that are not ready. *events*: by the uid of the pod."""
    found = [
        trouble
        for pod in pods
        if not ready(pod) and (trouble := _of_pod(pod, events.get(pod["metadata"].get("uid", ""), ())))
    ]
    return max(found, key=lambda trouble: trouble.hopeless, default=None)


def _of_pod(pod: Part, events: Iterable[Part]) -> Trouble | None:
    status = pod.get("status", {})
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        reason = scheduled.get("reason") or UNSCHEDULABLE
        words = "cannot be scheduled" if reason == UNSCHEDULABLE else "waits for scheduling"
        return Trouble(reason, f"its pod {words}: {_line(scheduled.get('message', ''))}")
    if status.get("phase") == "Failed" and status.get("reason"):
        return Trouble(
            status["reason"], f"its pod ended ({status['reason']}): {_line(status.get('message', ''))}"
        )
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    found = next((trouble for item in containers if (trouble := _of_container(item))), None)
    return found or _of_events(events)


def _of_container(item: Part) -> Trouble | None:
    waiting = item.get("state", {}).get("waiting", {})
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if reason in NO_IMAGE:
        return Trouble(reason, f"the image {item.get('image', '')} cannot be pulled: {_line(message)}")
    if reason in NO_CONTAINER:
        return Trouble(reason, f"the container {item['name']} cannot be made: {_line(message)}")
    ended = item.get("state", {}).get("terminated") or item.get("lastState", {}).get("terminated") or {}
    if item.get("ready") or not ended or ended.get("exitCode") == 0:
        return None
    return _ended(item, ended, int(item.get("restartCount", 0)))


def _ended(item: Part, ended: Part, restarts: int) -> Trouble:
    """Why a container ended; what ended it OFTEN times in a row will do so again."""
    log = str(ended.get("message", ""))
    last = said(log) or f"exit status {ended.get('exitCode')}"
    if ended.get("reason") == "OOMKilled":
        words = f"{item['name']} ran out of memory, {restarts + 1} times"
        return Trouble(OUT_OF_MEMORY, words, restarts >= OFTEN)
    if item["name"] == "fetch":
        words = f"its graph cannot be fetched: {last}"
        return Trouble("FetchFailed", words, ended.get("exitCode") == HOPELESS)
    words, hopeless = f"Triton does not load it: {last}", bool(LOAD.search(log)) and restarts >= OFTEN
    return Trouble("LoadFailed", words, hopeless)


def _of_events(events: Iterable[Part]) -> Trouble | None:
    """The last warning about a pod that has not even begun."""
    found = newest([item for item in events if item.get("type") == "Warning"])
    return None if found is None else Trouble(found.reason, str(found))


def said(log: str) -> str:
    """What a container's last words say: why the load failed, without its traceback, else their last line."""
    failed = LOAD.findall(log)
    if failed:
        return _line(failed[-1].replace("\\n", "\n").replace('\\"', '"').partition(TRACEBACK)[0])
    return _line(([line for line in log.splitlines() if line.strip()] or [""])[-1])


def _line(text: str) -> str:
    return " ".join(text.split())[:LONGEST]


def age(thing: Part) -> float:
    """Seconds since the API server made an object."""
    made = datetime.fromisoformat(thing["metadata"]["creationTimestamp"].replace("Z", "+00:00"))
    return (datetime.now(UTC) - made).total_seconds()


def restarts(pod: Part) -> int:
    """How often its containers were started again."""
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    return sum(int(item.get("restartCount", 0)) for item in statuses)
