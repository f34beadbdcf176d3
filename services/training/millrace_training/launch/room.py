"""What room there is for jobs that wait: on one machine, on nodes and in quotas, or as a cluster's scheduler says.

All answer the same two questions, so the same rules decide everywhere. Pure.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from millrace_core.waiting import PodWaiting
from millrace_training.launch.amounts import DUST, Amounts
from millrace_training.launch.sizes import PodSize, Size

PASSING = "node.kubernetes.io/"
"""How taints begin that Kubernetes itself sets while a node is drained, starts or is not heard of."""


class Room(Protocol):
    """Room that is taken job by job."""

    def lacks(self, size: Size) -> str:
        """What is not there now for a job of this size, in words; empty: it fits."""

    def take(self, size: Size) -> None:
        """A job of this size begins."""

    def never(self, size: Size) -> bool:
        """Whether it is known that it would not fit either if nothing else were there."""


class Anywhere:
    """Nothing is known to be short: on one machine only places are counted."""

    def lacks(self, size: Size) -> str:
        return ""

    def take(self, size: Size) -> None:
        """Nothing is counted."""

    def never(self, size: Size) -> bool:
        return False


@dataclass
class Node:
    """*free*: what is allocatable, less what its pods ask for. *pods*: how many more it takes, if *ready*."""

    name: str
    whole: Amounts
    free: Amounts
    pods: float = 110
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Mapping[str, Any]] = ()
    ready: bool = True

    def admits(self, pod: PodSize, passing: bool = True) -> bool:
        """Whether labels and taints let the pod in; *passing*: also those taints that a node has while it is away."""
        labelled = all(self.labels.get(key) == value for key, value in pod.selector.items())
        taints = [taint for taint in self.taints if passing or not str(taint.get("key")).startswith(PASSING)]
        return labelled and all(_tolerated(taint, pod.tolerations) for taint in taints)


def _tolerated(taint: Mapping[str, Any], tolerations: Sequence[Mapping[str, Any]]) -> bool:
    if taint.get("effect") not in ("NoSchedule", "NoExecute"):
        return True
    for one in tolerations:
        effect, key = one.get("effect"), one.get("key")
        same = one.get("operator") == "Exists" or one.get("value", "") == taint.get("value", "")
        if effect in (None, "", taint["effect"]) and (not key or key == taint["key"]) and same:
            return True
    return False


class Nodes:
    """Nodes of which everything is known."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.every = list(nodes)
        self.nodes = [node for node in nodes if node.ready]

    def lacks(self, size: Size) -> str:
        if size.queued or self._placed(size) is not None:
            return ""
        allowed = [node for node in self.nodes if all(node.admits(pod) for pod in size.pods)]
        if not allowed:
            return f"it needs {size.told()}, and no node has the labels for it, or tolerates it"
        best = max(allowed, key=lambda node: (node.free.gpus, node.free.cpu, node.free.memory))
        return f"it needs {size.told()}; the roomiest of {len(allowed)} nodes has {best.free.told()} free"

    def take(self, size: Size) -> None:
        for place, pod in enumerate(self._placed(size) or ()):
            node = self.nodes[pod]
            node.free, node.pods = node.free - size.pods[place].amounts, node.pods - 1

    def never(self, size: Size) -> bool:
        if size.queued or not self.every:
            return False
        return any(
            not any(node.admits(pod, passing=False) and pod.amounts.within(node.whole) for node in self.every)
            for pod in size.pods
        )

    def _placed(self, size: Size) -> list[int] | None:
        """For each pod the node that would have it; None if one finds none."""
        free = [node.free for node in self.nodes]
        pods = [node.pods for node in self.nodes]
        places = []
        for pod in size.pods:
            for place, node in enumerate(self.nodes):
                if pods[place] >= 1 and node.admits(pod) and pod.amounts.within(free[place]):
                    free[place], pods[place] = free[place] - pod.amounts, pods[place] - 1
                    places.append(place)
                    break
            else:
                return None
        return places


@dataclass
class Quota:
    """What one of the quotas of the jobs' namespace leaves, of *hard*; what it does not name is not short."""

    name: str
    left: dict[str, float]
    gpu: str = "nvidia.com/gpu"
    hard: Mapping[str, float] = field(default_factory=dict)

    def lacks(self, size: Size) -> str:
        for resource, wanted in self._wanted(size).items():
            if resource in self.left and wanted > self.left[resource] + DUST:
                left = (
                    Amounts(memory=self.left[resource]).told().split(" and ")[1]
                    if "memory" in resource
                    else ""
                )
                left = left or f"{max(0.0, self.left[resource]):g}"
                return f"it needs {size.told()}; the quota {self.name} leaves {left} of {resource}"
        return ""

    def take(self, size: Size) -> None:
        for resource, wanted in self._wanted(size).items():
            if resource in self.left:
                self.left[resource] -= wanted

    def never(self, size: Size) -> bool:
        return any(
            wanted > self.hard.get(resource, math.inf) + DUST
            for resource, wanted in self._wanted(size).items()
        )

    def _wanted(self, size: Size) -> dict[str, float]:
        total, many = size.total, float(len(size.pods))
        return {
            "cpu": total.cpu, "requests.cpu": total.cpu, "memory": total.memory, "requests.memory": total.memory,
            f"requests.{self.gpu}": total.gpus, "pods": many, "count/pods": many, "count/jobs.batch": 1.0,
        }  # fmt: skip


@dataclass(frozen=True)
class Unbound:
    """A job that was started and has no node yet. *why*: in the scheduler's words, if it has said so."""

    size: Size
    asked_at: datetime
    why: PodWaiting | None = None


class Probes:
    """Where nodes may not be read the scheduler is asked, with few pods at a time.

    While a pod has no node, nothing that wants what it lacks is started behind it. As many may be on their way as run
    already, so that it goes fast where there is room.

    Args:
        unbound: jobs without a node. bound: how many jobs have one.
    """

    def __init__(self, unbound: Sequence[Unbound], bound: int) -> None:
        self.unbound, self.most = list(unbound), max(1, bound)

    def lacks(self, size: Size) -> str:
        if size.queued:
            return ""
        for other in self.unbound:
            if other.why is not None and other.size.kind == size.kind and _wants(size, other):
                return (
                    f"it needs {size.told()}; a job that asked earlier has no node yet: {other.why.message}"
                )
        mine = sum(other.why is None and other.size.kind == size.kind for other in self.unbound)
        return (
            "" if mine < self.most else f"it needs {size.told()}; {mine} that asked earlier have no node yet"
        )

    def take(self, size: Size) -> None:
        if not size.queued:
            self.unbound.append(Unbound(size, datetime.min))

    def never(self, size: Size) -> bool:
        return False


def _wants(size: Size, other: Unbound) -> bool:
    """Whether a job wants as much of what another lacks."""
    said = "" if other.why is None else other.why.message.lower()
    mine, its = size.total, other.size.total
    short = {"cpu": mine.cpu >= its.cpu, "memory": mine.memory >= its.memory, "gpu": mine.gpus >= its.gpus}
    named = [more for name, more in short.items() if f"insufficient {name}" in said or f"/{name}" in said]
    return any(named) if named else True


class Together:
    """Several kinds of room, all of which are needed."""

    def __init__(self, rooms: Sequence[Room]) -> None:
        self.rooms = list(rooms)

    def lacks(self, size: Size) -> str:
        return next(filter(None, (room.lacks(size) for room in self.rooms)), "")

    def take(self, size: Size) -> None:
        for room in self.rooms:
            room.take(size)

    def never(self, size: Size) -> bool:
        return any(room.never(size) for room in self.rooms)
