"""Why a pod does not run: one word and one sentence, from what its status and its events say. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Part = Mapping[str, Any]
NO_IMAGE = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "RegistryUnavailable",
)
NO_CONTAINER = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError")
SAME = {"ErrImagePull": "ImagePullBackOff", "OOMKilled": "OutOfMemory"}
"""Words of a kubelet that take turns with others, or that not everybody knows, and what is said instead."""
UNSCHEDULABLE, QUOTA, OUT_OF_MEMORY, QUEUED = "Unschedulable", "QuotaExceeded", "OutOfMemory", "Queued"
QUOTA_IS_USED = "exceeded quota"
"""How a cluster says that a quota lets nothing more in."""
MORE_QUOTA = "Raise the quota, ask for less, or wait for others to end."
"""What mends a quota that lets nothing more in."""
SEEN_BEFORE = ("FailedScheduling",)
"""Events that the pod's own status tells as well, and takes back when it is over."""
LONGEST = 500


@dataclass(frozen=True)
class PodWaiting:
    """*reason*: a CamelCase word, as in a condition; *message*: the cluster's own words."""

    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}".rstrip(": ")

    def json(self) -> dict[str, str]:
        """As it is stored and sent."""
        return asdict(self)


def waiting(reason: str, message: str) -> PodWaiting:
    """Both in the form in which they are told."""
    return PodWaiting(SAME.get(reason, reason), " ".join(message.split())[:LONGEST])


def of_pod(pod: Part) -> PodWaiting | None:
    """What keeps a pod from running that will not pass by itself; None: nothing is known to be wrong."""
    return of_containers(pod) or of_scheduling(pod)


def of_containers(pod: Part) -> PodWaiting | None:
    """Why a container of the pod cannot be made: its image, its configuration."""
    for item in containers(pod):
        state = item.get("state", {}).get("waiting") or {}
        if state.get("reason") in (*NO_IMAGE, *NO_CONTAINER):
            return waiting(state["reason"], state.get("message", ""))
    return None


def of_scheduling(pod: Part) -> PodWaiting | None:
    """Why no node takes the pod."""
    for item in pod.get("status", {}).get("conditions") or ():
        if item["type"] == "PodScheduled" and item["status"] == "False":
            return waiting(item.get("reason") or UNSCHEDULABLE, item.get("message", ""))
    return None


def of_event(event: Part) -> PodWaiting:
    """What a warning event tells; a quota is named, whatever stumbled over it."""
    return told(event.get("reason") or "Warning", event.get("message", ""))


def told(reason: str, message: str) -> PodWaiting:
    """The same from the words alone."""
    return waiting(QUOTA if QUOTA_IS_USED in message else reason, message)


def newest(events: Iterable[Part]) -> PodWaiting | None:
    """What the newest warning tells that no status tells."""
    left = [item for item in events if item.get("reason") not in SEEN_BEFORE]
    left.sort(key=lambda item: str(item.get("lastTimestamp") or item.get("eventTime") or ""))
    return of_event(left[-1]) if left else None


def containers(pod: Part) -> list[Part]:
    """The statuses of all containers of the pod, in the order in which they run."""
    status = pod.get("status", {})
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
