"""Keeps the wanted revisions as Deployments whose every pod answers its golden rows: one level-triggered pass."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from millrace_core.errors import BadInput
from millrace_core.log import log
from millrace_core.owners import Manifest, owner
from millrace_core.pods import PREFIX, selector
from millrace_core.waiting import PodWaiting
from millrace_serving.choice import Node
from millrace_serving.cluster import manifests, names, reasons
from millrace_serving.cluster.building import Building
from millrace_serving.cluster.manifests import KINDS, SPEC
from millrace_serving.cluster.probing import Prober
from millrace_serving.cluster.reasons import Trouble
from millrace_serving.settings import ServingSettings
from millrace_serving.triton.loading import Fell, LoadFailed, NotYet
from millrace_serving.triton.repository import Wanted

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster

Part = Mapping[str, Any]
Read = Callable[[], Awaitable[Sequence[Wanted]]]
APPLY_SECONDS = 60.0
"""Pause between two applications of what has not changed: it mends what somebody else changed."""
DELETE_SECONDS = 10.0
"""Shortest time between two deletions of pods of one revision."""
WAIT_SECONDS, LOOK_SECONDS = 20.0, 0.5
"""How long one call of `load` waits for the pods, and how often it looks."""


@dataclass(frozen=True)
class Sight:
    """How one revision stands."""

    right: int
    """Pods that are Ready and answered their golden rows."""
    complete: bool
    """All the pods that it should have are such pods."""
    wrong: str = ""
    """What a Ready pod answered wrong."""
    trouble: Trouble | None = None
    packs: bool = False
    """Every Ready pod takes packed tensors."""

    @property
    def unusable(self) -> str:
        """Why what it serves cannot be used; empty if nothing says so."""
        return self.wrong or (self.trouble.text if self.trouble and self.trouble.hopeless else "")


class Revisions:
    """The revisions in one namespace."""

    def __init__(self, settings: ServingSettings, cluster: "Cluster", fell: Fell) -> None:
        self.settings = settings
        self.cluster, self.fell = cluster, fell
        self.building = Building(settings, cluster)
        self.namespace = settings.workloads
        self.prober = Prober(settings.probe_seconds)
        self.sights: dict[str, Sight] = {}
        """Of the revisions that should serve, at the last pass; those of the candidates, at the last look."""
        self.loading: dict[str, Sight] = {}
        self.restarts = 0
        """How often containers of the present pods were started again."""
        self.seen = False
        """Whether there has been a whole pass."""
        self.places: dict[str, dict[str, frozenset[str]]] = {}
        """The nodes that a revision's pods are on, each with its kinds, as far as they have told."""
        self._applied: dict[tuple[str, str], tuple[str, float]] = {}
        self._deleted: dict[str, float] = {}

    @property
    def nodes(self) -> dict[str, frozenset[Node]]:
        """The kinds of node of a revision's pods."""
        return {name: frozenset(found.values()) for name, found in self.places.items()}

    async def keep(self, candidates: Read, wanted: Read, busy: Callable[[], set[str]]) -> None:
        """One pass: make what is missing, end pods that answer wrong, remove what nobody wants.

        The order of the looks matters: what is found was wanted when it was made, so whatever is in neither list
        afterwards is wanted no more; a candidate that becomes ready in between is still in the second list.
        What cannot be applied keeps nothing else from being done; it is raised at the end.
        """
        found = await self._found()
        waiting, serving = await candidates(), await wanted()
        self.loading = {item.name: seen for item in waiting if (seen := self.loading.get(item.name))}
        kept = {names.object_name(i.project, i.endpoint, i.number) for i in (*waiting, *serving)} | busy()
        account = await self.owner()
        built = [item for item in waiting if await self.building.has(item)]
        acts = [self.ensure(item, account, found) for item in (*serving, *built)]
        acts += [self._remove(kind, name) for kind, name in found if name not in kept]
        acts.append(self.building.sweep([*waiting, *serving]))
        done = await asyncio.gather(*acts, return_exceptions=True)
        pods = self._grouped(await self._pods(names.common(self.settings)))
        looks = [self._serve(item, found, pods[selector(self._identity(item))]) for item in serving]
        sights = await asyncio.gather(*looks)
        self.sights = dict(zip((item.name for item in serving), sights, strict=True))
        self.places = {item.name: self.places.get(item.name, {}) for item in (*serving, *waiting)}
        self.seen = True
        for failed in (item for item in done if isinstance(item, BaseException)):
            raise failed

    def _identity(self, item: Wanted) -> dict[str, str]:
        return names.identity(self.settings, item)

    async def _found(self) -> dict[tuple[str, str], Part]:
        """Every object of ours by kind and name."""
        chosen = selector(names.common(self.settings))
        kinds = KINDS if self.settings.triton_autoscaling else KINDS[:2]
        lists = await asyncio.gather(
            *(self.cluster.list(kind, self.namespace, chosen, api_version) for kind, api_version in kinds)
        )
        return {
            (kind, item["metadata"]["name"]): item
            for (kind, _), items in zip(kinds, lists, strict=True)
            for item in items
        }

    async def _pods(self, labels: dict[str, str]) -> list[Manifest]:
        return await self.cluster.list("Pod", self.namespace, selector(labels))

    def _grouped(self, pods: Sequence[Manifest]) -> dict[str, list[Manifest]]:
        """Pods by the selector of their revision; what is known of others is forgotten."""
        self.prober.forget(pods)
        self.restarts = sum(_restarts(pod) for pod in pods)
        groups: dict[str, list[Manifest]] = defaultdict(list)
        keys = (
            *names.common(self.settings),
            *(f"{PREFIX}/{k}" for k in ("project", "endpoint", "revision")),
        )
        for pod in pods:
            labels = pod["metadata"].get("labels", {})
            groups[selector({key: labels.get(key, "") for key in keys})].append(pod)
        return groups

    async def owner(self) -> Manifest | None:
        return await owner(self.cluster, names.account(self.settings), self.namespace)

    async def ensure(self, item: Wanted, account: Manifest | None, found: Mapping[Any, Part]) -> None:
        """Apply the objects of a revision where they are not as they should be. Raises: LoadFailed."""
        made = manifests.objects(self.settings, item, account)
        present = [found.get(_key(manifest)) or await self._get(manifest) for manifest in made]
        self._check_ours(item, present)
        for manifest, old in zip(made, present, strict=True):
            await self._apply(manifest, old)

    async def _get(self, manifest: Manifest) -> Part | None:
        kind, name = _key(manifest)
        return await self.cluster.get(kind, name, self.namespace, manifest["apiVersion"])

    def _check_ours(self, item: Wanted, present: Sequence[Part | None]) -> None:
        """Two endpoints, or two installations, never share an object. Raises: LoadFailed."""
        ours = self._identity(item).items()
        for old in filter(None, present):
            labels = old["metadata"].get("labels", {})
            if any(labels.get(key) != value for key, value in ours):
                raise LoadFailed(f"the name {old['metadata']['name']} belongs to something else")

    async def _apply(self, manifest: Manifest, old: Part | None) -> None:
        key, wanted = _key(manifest), manifest["metadata"]["annotations"][SPEC]
        same = old is not None and old["metadata"].get("annotations", {}).get(SPEC) == wanted
        last, when = self._applied.get(key, ("", 0.0))
        if same and last == wanted and time.monotonic() - when < APPLY_SECONDS:
            return
        await self.cluster.apply(manifest, self.namespace)
        self._applied[key] = (wanted, time.monotonic())
        if not same:
            log.info("applied", kind=key[0], name=key[1], new=old is None)

    async def _remove(self, kind: str, name: str) -> None:
        log.info("removing", kind=kind, name=name)
        self._applied.pop((kind, name), None)
        await self.cluster.delete(kind, name, self.namespace, dict(KINDS)[kind])

    async def _serve(self, item: Wanted, found: Mapping[Any, Part], pods: Sequence[Part]) -> Sight:
        """Look at a revision that should serve, and end the pods that answer wrong."""
        sight = await self._look(item, self._deployment(item, found), pods)
        if sight.unusable and await self.fell(item, sight.unusable) is not None:
            return sight
        if sight.wrong:
            await self._end_wrong(item, pods)
        return sight

    def _deployment(self, item: Wanted, found: Mapping[Any, Part]) -> Part | None:
        return found.get(("Deployment", names.object_name(item.project, item.endpoint, item.number)))

    async def _look(self, item: Wanted, deployment: Part | None, pods: Sequence[Part]) -> Sight:
        pods = [pod for pod in pods if reasons.serves(pod, item.digest)]
        present = [pod for pod in pods if reasons.ready(pod)]
        self.places[item.name] = reasons.places(present)
        records = await asyncio.gather(*(self.prober.ask(item, pod) for pod in present))
        right = sum(self.prober.right(pod) for pod in present)
        wanted = (deployment or {}).get("spec", {}).get("replicas", manifests.replicas(self.settings))
        trouble = reasons.of_deployment(deployment)
        if trouble is None and right < wanted:
            trouble = reasons.of_pods(pods, await self._events(pods))
        wrong = next((record.wrong for record in records if record.wrong), "")
        packs = bool(records) and all(record.packs for record in records)
        return Sight(right, right == len(present) >= max(1, wanted), wrong, trouble, packs)

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
        pod = next(pod for pod in pods if self.prober.record(pod).wrong)
        why = self.prober.record(pod).wrong
        name = pod["metadata"]["name"]
        log.warning("ending a pod that answers wrong", revision=item.name, pod=name, problem=why)
        self._deleted[item.name] = time.monotonic()
        words = f"{item.name} does not answer its golden rows ({why}); the pod is replaced."
        await self.cluster.event(dict(pod), "WrongAnswer", words, warning=True)
        await self.cluster.delete("Pod", name, self.namespace)

    def packs(self, name: str) -> bool:
        """Whether the pods of the revision *name* took packed tensors when they were looked at last."""
        sight = self.sights.get(name)
        return sight is not None and sight.packs

    def waiting(self, name: str) -> PodWaiting | None:
        """What keeps the pods of the revision *name* from answering, when it was looked at last."""
        sight = self.loading.get(name) or self.sights.get(name)
        return None if sight is None or sight.trouble is None else sight.trouble.waiting

    async def load(self, item: Wanted) -> None:
        """Make a candidate, and wait a while until every pod of it answers its golden rows.

        Where its form cannot be used, the base form takes its place.

        Raises: LoadFailed when it never will, or did not within `pod_seconds`; NotYet; Unavailable.
        """
        try:
            await self._load(item)
        except LoadFailed as error:
            if await self.fell(item, str(error)) is None:
                raise
            await self._remove("Deployment", names.object_name(item.project, item.endpoint, item.number))
            raise NotYet(f"its form for {item.target} cannot be used, the base form is loaded") from error

    async def _load(self, item: Wanted) -> None:
        account = await self.owner()
        await self.building.ready(item, account)
        try:
            await self.ensure(item, account, await self._found())
        except BadInput as error:
            raise LoadFailed(error.detail) from error
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            deployment = await self.cluster.get(
                "Deployment",
                names.object_name(item.project, item.endpoint, item.number),
                self.namespace,
                "apps/v1",
            )
            sight = await self._look(item, deployment, await self._pods(self._identity(item)))
            self.loading[item.name] = sight
            if sight.complete:
                return
            self._give_up(sight, deployment)
            if time.monotonic() >= deadline:
                raise NotYet(sight.trouble.text if sight.trouble else "its pods are starting")
            await asyncio.sleep(LOOK_SECONDS)

    def _give_up(self, sight: Sight, deployment: Part | None) -> None:
        """Raises: LoadFailed when there is nothing to wait for."""
        if sight.unusable:
            raise LoadFailed(sight.unusable)
        if deployment is not None and _age(deployment) > self.settings.pod_seconds:
            why = sight.trouble.told if sight.trouble else "its pods do not become ready"
            raise LoadFailed(f"not every pod answered within {self.settings.pod_seconds:.0f} s: {why}")


def _key(manifest: Part) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]


def _age(thing: Part) -> float:
    made = datetime.fromisoformat(thing["metadata"]["creationTimestamp"].replace("Z", "+00:00"))
    return (datetime.now(UTC) - made).total_seconds()


def _restarts(pod: Part) -> int:
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    return sum(int(item.get("restartCount", 0)) for item in statuses)
