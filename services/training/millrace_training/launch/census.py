"""Counts what a cluster has: its nodes and the quotas of the jobs' namespace, as far as this service may read them."""

import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from millrace_contracts.quantities import number
from millrace_core.errors import Forbidden, MillraceError, NotFound
from millrace_core.log import log
from millrace_core.pods import Part
from millrace_training.launch import amounts
from millrace_training.launch.room import Node, Nodes, Probes, Quota, Room, Together, Unbound
from millrace_training.launch.sizes import Size
from millrace_training.settings import TrainingSettings

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster

LOOK_SECONDS = 3.0
COST = 20
"""A look at everything may take this part of the time: in a large cluster it is taken less often."""
REFUSED_SECONDS = 300.0
"""How long it is believed that something may not be read."""
Attempt = tuple[str, int]


class Census:
    """Remembers the last look for a few seconds, and what it may not read for some minutes."""

    def __init__(self, cluster: "Cluster", settings: TrainingSettings) -> None:
        self.cluster, self.settings = cluster, settings
        self._until = float("-inf")
        self._refused: dict[str, float] = {}
        self._nodes: list[Part] | None = None
        self._pods: list[Part] = []
        self._quotas: list[Part] = []
        self._used: set[Attempt] = set()
        """Attempts that were there already when the quotas were read."""

    async def room(
        self, started: Sequence[tuple[Attempt, Size]], unbound: Sequence[Unbound], bound: int
    ) -> Room:
        """The room there is now.

        Args:
            started: every attempt that was started and is not over; those that the last look did not see count too.
            unbound: those that have no node. bound: how many have one.
        """
        if await self._look():
            self._used = {attempt for attempt, _ in started}
        rooms: list[Room] = [*self._left()]
        for attempt, size in started:
            if attempt not in self._used:
                Together(rooms).take(size)
        if self._nodes is None:
            return Together([*rooms, Probes(unbound, bound)])
        nodes = Nodes(_counted(self._nodes, self._pods, self.settings.gpu_resource))
        seen = _attempts(self._pods)
        for attempt, size in started:
            if attempt not in seen:
                nodes.take(size)
        return Together([*rooms, nodes])

    def never(self, size: Size) -> bool:
        """Whether it is known that no node could hold it, were all empty, or that it is more than a quota allows."""
        nodes = _counted(self._nodes or [], [], self.settings.gpu_resource)
        rooms: list[Room] = [*self._left(), *([] if self._nodes is None else [Nodes(nodes)])]
        return Together(rooms).never(size)

    async def _look(self) -> bool:
        """Whether it was looked anew."""
        if time.monotonic() < self._until:
            return False
        began = time.monotonic()
        quotas = await self._list("ResourceQuota", self.settings.workloads)
        nodes = await self._list("Node", None)
        pods = None if nodes is None else await self._list("Pod", None)
        self._quotas, self._pods = quotas or [], pods or []
        self._nodes = None if pods is None else nodes
        self._until = time.monotonic() + max(LOOK_SECONDS, COST * (time.monotonic() - began))
        return True

    async def _list(self, kind: str, namespace: str | None) -> list[Part] | None:
        """None: it may not be read, or nobody answers."""
        if time.monotonic() < self._refused.get(kind, float("-inf")):
            return None
        fields = "status.phase!=Succeeded,status.phase!=Failed" if kind == "Pod" else ""
        try:
            return await self.cluster.list(kind, namespace, fields=fields, keep=_kept)
        except (Forbidden, NotFound) as error:
            self._refused[kind] = time.monotonic() + REFUSED_SECONDS
            log.info("room is not counted by them", kind=kind, error=error.detail[:200])
        except MillraceError as error:
            log.warning("room cannot be counted", kind=kind, error=error.detail[:200])
        return None

    def _left(self) -> list[Quota]:
        found = []
        for item in self._quotas:
            if item["spec"].get("scopes") or item["spec"].get("scopeSelector"):
                continue
            status = item.get("status") or {}
            hard, used = status.get("hard") or {}, status.get("used") or {}
            most = {name: number(many) for name, many in hard.items()}
            left = {name: many - amounts.number(used.get(name, 0)) for name, many in most.items()}
            found.append(Quota(item["metadata"]["name"], left, self.settings.gpu_resource, most))
        return found


def _kept(item: Part) -> Part:
    """Of a long object what is counted."""
    meta, spec = item["metadata"], item.get("spec") or {}
    names = (
        "nodeName",
        "containers",
        "initContainers",
        "overhead",
        "taints",
        "unschedulable",
        "scopes",
        "scopeSelector",
    )
    status = item.get("status") or {}
    return {
        "metadata": {"name": meta["name"], "labels": meta.get("labels") or {}},
        "spec": {name: spec[name] for name in names if name in spec},
        "status": {name: status[name] for name in ("allocatable", "conditions", "hard", "used") if name in status},
    }  # fmt: skip


def _counted(nodes: Sequence[Part], pods: Sequence[Part], gpu: str) -> list[Node]:
    """Every node, also one that takes no pods now: drained for an hour, it is no reason to give a job up."""
    found = {}
    for item in nodes:
        most = item.get("status", {}).get("allocatable") or {}
        whole, name = amounts.asked(most, gpu), item["metadata"]["name"]
        taints = item["spec"].get("taints") or ()
        room = amounts.number(most.get("pods", 110))
        ready = not item["spec"].get("unschedulable") and _ready(item)
        found[name] = Node(name, whole, whole, room, item["metadata"]["labels"], taints, ready)
    for pod in pods:
        node = found.get(pod["spec"].get("nodeName", ""))
        if node is not None:
            node.free, node.pods = node.free - amounts.of_pod(pod["spec"], gpu), node.pods - 1
    return list(found.values())


def _ready(node: Part) -> bool:
    conditions = node.get("status", {}).get("conditions") or ()
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def _attempts(pods: Sequence[Part]) -> Collection[Attempt]:
    """Attempts one of whose pods has a node."""
    return {attempt_of(pod) for pod in pods if pod["spec"].get("nodeName")}


def attempt_of(item: Part) -> Attempt:
    """Which attempt of which job an object of the cluster belongs to."""
    labels = item["metadata"].get("labels") or {}
    return labels.get("millrace.dev/job", ""), int(labels.get("millrace.dev/attempt") or 0)
