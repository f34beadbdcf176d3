"""Looks at revisions in pods of their own, pod by pod, and ends those that answer wrong."""

import asyncio
import time
from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from millrace_core.log import log
from millrace_core.owners import Manifest
from millrace_serving.cluster import manifests, reasons
from millrace_serving.cluster.probing import Prober
from millrace_serving.cluster.sights import Sight
from millrace_serving.settings import ServingSettings
from millrace_serving.triton.loading import Fell
from millrace_serving.triton.repository import Wanted

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster

Part = Mapping[str, Any]
DELETE_SECONDS = 10.0
"""Shortest time between two deletions of pods of one revision."""


class Looks:
    """What was seen of the pods of revisions."""

    def __init__(self, settings: ServingSettings, cluster: "Cluster", prober: Prober, fell: Fell) -> None:
        self.settings, self.cluster, self.prober, self.fell = settings, cluster, prober, fell
        self.namespace = settings.workloads
        self.places: dict[str, dict[str, frozenset[str]]] = {}
        """The nodes that a revision's pods are on, or were while it had any, each with its kinds, as far as told."""
        self._deleted: dict[str, float] = {}

    def forget(self, kept: Container[str]) -> None:
        """Forget the places of all other revisions."""
        self.places = {name: places for name, places in self.places.items() if name in kept}

    async def serve(self, item: Wanted, deployment: Part | None, pods: Sequence[Part]) -> Sight:
        """Look at a revision that should serve, and end the pods that answer wrong."""
        sight = await self.look(item, deployment, pods)
        if sight.unusable and await self.fell(item, sight.unusable) is not None:
            return sight
        if sight.wrong:
            await self._end_wrong(item, pods)
        return sight

    async def look(self, item: Wanted, deployment: Part | None, pods: Sequence[Part]) -> Sight:
        pods = [pod for pod in pods if reasons.serves(pod, item.digest)]
        present = [pod for pod in pods if reasons.ready(pod)]
        if present:
            self.places[item.name] = reasons.places(present)
        records = await asyncio.gather(*(self.prober.ask(item, pod) for pod in present))
        named = tuple(pod["metadata"]["name"] for pod in present if self.prober.right(pod, item.name))
        right = len(named)
        wanted = (deployment or {}).get("spec", {}).get("replicas", manifests.replicas(self.settings))
        trouble = reasons.of_deployment(deployment)
        if trouble is None and right < wanted:
            trouble = reasons.of_pods(pods, await self._events(pods))
        wrong = next((record.wrong for record in records if record.wrong), "")
        packs = bool(records) and all(record.packs for record in records)
        return Sight(right, right == len(present) >= max(1, wanted), wrong, trouble, packs, named)

    async def _events(self, pods: Sequence[Part]) -> dict[str, list[Manifest]]:
        """Events of the pods that have not begun, where nothing else tells why."""
        silent = [pod for pod in pods if pod.get("status", {}).get("phase") == "Pending"]
        uids = [pod["metadata"]["uid"] for pod in silent]
        lists = await asyncio.gather(
            *(self.cluster.list("Event", self.namespace, fields=f"involvedObject.uid={uid}") for uid in uids)
        )
        return dict(zip(uids, lists, strict=True))

    async def _end_wrong(self, item: Wanted, pods: Sequence[Part]) -> None:
        """Delete one pod that answers wrong; the others follow once its successor is there."""
        if time.monotonic() - self._deleted.get(item.name, -DELETE_SECONDS) < DELETE_SECONDS:
            return
        pod = next(pod for pod in pods if self.prober.record(pod, item.name).wrong)
        why = self.prober.record(pod, item.name).wrong
        name = pod["metadata"]["name"]
        log.warning("ending a pod that answers wrong", revision=item.name, pod=name, problem=why)
        self._deleted[item.name] = time.monotonic()
        words = f"{item.name} does not answer its golden rows ({why}); the pod is replaced."
        await self.cluster.event(dict(pod), "WrongAnswer", words, warning=True)
        await self.cluster.delete("Pod", name, self.namespace)
