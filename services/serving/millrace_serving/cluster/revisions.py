"""Keeps the wanted revisions as Deployments whose every pod answers its golden rows: one level-triggered pass."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from millrace_contracts.endpoints import RevisionPods
from millrace_contracts.serving import Replicas
from millrace_core.errors import BadInput
from millrace_core.log import log
from millrace_core.owners import Manifest, owner
from millrace_core.pods import PREFIX, selector
from millrace_core.waiting import PodWaiting
from millrace_serving.choice import Node
from millrace_serving.cluster import manifests, names, reasons, scaling
from millrace_serving.cluster.building import Building
from millrace_serving.cluster.looking import Looks
from millrace_serving.cluster.manifests import KINDS, SPEC
from millrace_serving.cluster.placing import OWN, Place
from millrace_serving.cluster.probing import Prober
from millrace_serving.cluster.shared import Shared
from millrace_serving.cluster.sights import Sight
from millrace_serving.settings import ServingSettings
from millrace_serving.triton.loading import Fell, LoadFailed, NotYet
from millrace_serving.triton.repository import Wanted

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster

Part = Mapping[str, Any]
Read = Callable[[], Awaitable[Sequence[Wanted]]]
APPLY_SECONDS = 60.0
"""Pause between two applications of what has not changed: it mends what somebody else changed."""
WAIT_SECONDS, LOOK_SECONDS = 20.0, 0.5
"""How long one call of `load` waits for the pods, and how often it looks."""


class Revisions:
    """The revisions in one namespace."""

    def __init__(self, settings: ServingSettings, cluster: "Cluster", fell: Fell) -> None:
        self.settings = settings
        self.cluster, self.fell = cluster, fell
        self.building = Building(settings, cluster)
        self.namespace = settings.workloads
        self.prober = Prober(settings.probe_seconds)
        self.looks = Looks(settings, cluster, self.prober, fell)
        self.shared = Shared(settings, self.prober)
        self.own: dict[str, Sight] = {}
        """Of the revisions with pods of their own, at the last pass, as those stand."""
        self.sights: dict[str, Sight] = {}
        """Of the revisions that should serve, at the last pass; those of the candidates, at the last look."""
        self.scaled: dict[str, Replicas] = {}
        """Of the revisions that are scaled by load, what their autoscalers said at the last pass, by object name."""
        self.loading: dict[str, Sight] = {}
        self.restarts = 0
        """How often containers of the present pods were started again."""
        self.seen = False
        """Whether there has been a whole pass."""
        self._applied: dict[tuple[str, str], tuple[str, float]] = {}

    @property
    def places(self) -> Mapping[str, Mapping[str, frozenset[str]]]:
        """The nodes that a revision's pods are on, each with its kinds, as far as they have told."""
        return self.looks.places

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
        self.scaled = {
            name: scaling.replicas(seen) for (kind, name), seen in found.items() if kind == scaling.KIND
        }
        waiting, serving = await candidates(), await wanted()
        self.loading = {item.name: seen for item in waiting if (seen := self.loading.get(item.name))}
        kept = {names.object_name(i.project, i.endpoint, i.number) for i in (*waiting, *serving)} | busy()
        self.shared.plan(serving, found, self.own)
        account = await self.owner()
        built = [item for item in waiting if await self.building.has(item)]
        acts = [
            self.ensure(item, account, found, self.shared.place(item.name)) for item in (*serving, *built)
        ]
        acts += [self._share(made, found) for made in self.shared.objects(account)]
        kept |= self.shared.kept
        left = self._left(serving) | scaling.fixed(self.settings, [*serving, *waiting])
        acts += [self._remove(kind, name) for kind, name in found if name not in kept or (kind, name) in left]
        acts.append(self.building.sweep([*waiting, *serving]))
        done = await asyncio.gather(*acts, return_exceptions=True)
        pods = await self._pods(names.common(self.settings))
        groups = self._grouped(pods)
        staying = [item for item in serving if self.shared.place(item.name).deployment]
        looks = [
            self.looks.serve(item, self._deployment(item, found), groups[selector(self._identity(item))])
            for item in staying
        ]
        sights = await asyncio.gather(*looks)
        await self.shared.look(pods)
        self.own = dict(zip((item.name for item in staying), sights, strict=True))
        self.sights = {item.name: self._sight(item.name) for item in serving}
        self.looks.forget({item.name for item in (*serving, *waiting)})
        self.seen = True
        for failed in (item for item in done if isinstance(item, BaseException)):
            raise failed

    def _left(self, serving: Sequence[Wanted]) -> set[tuple[str, str]]:
        """What belonged to pods of their own of revisions that have none any more."""
        gone = [item for item in serving if not self.shared.place(item.name).deployment]
        return {
            (kind, names.object_name(item.project, item.endpoint, item.number))
            for item in gone
            for kind, _ in KINDS[1:]
        }

    def _sight(self, name: str) -> Sight:
        """How a revision stands in the pods to which its Service points."""
        if self.shared.place(name).at == "own" and name in self.own:
            return self.own[name]
        return self.shared.sight(name, self.sights.get(name))

    async def _share(self, made: Manifest, found: Mapping[Any, Part]) -> None:
        """Apply a shared pod's Deployment. Raises: LoadFailed."""
        old = found.get(_key(made)) or await self._get(made)
        self._check_ours(made["spec"]["selector"]["matchLabels"], [old])
        await self._apply(made, old)

    def _identity(self, item: Wanted) -> dict[str, str]:
        return names.identity(self.settings, item)

    async def _found(self) -> dict[tuple[str, str], Part]:
        """Every object of ours by kind and name."""
        chosen = selector(names.common(self.settings))
        lists = await asyncio.gather(
            *(self.cluster.list(kind, self.namespace, chosen, api_version) for kind, api_version in KINDS)
        )
        return {
            (kind, item["metadata"]["name"]): item
            for (kind, _), items in zip(KINDS, lists, strict=True)
            for item in items
        }

    async def _pods(self, labels: dict[str, str]) -> list[Manifest]:
        return await self.cluster.list("Pod", self.namespace, selector(labels))

    def _grouped(self, pods: Sequence[Manifest]) -> dict[str, list[Manifest]]:
        """Pods by the selector of their revision; what is known of others is forgotten."""
        self.prober.forget(pods)
        self.restarts = sum(reasons.restarts(pod) for pod in pods)
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

    async def ensure(
        self, item: Wanted, account: Manifest | None, found: Mapping[Any, Part], place: Place = OWN
    ) -> None:
        """Apply the objects of a revision where they are not as they should be. Raises: LoadFailed."""
        made = manifests.objects(self.settings, scaling.grown(item, found), account, place)
        present = [found.get(_key(manifest)) or await self._get(manifest) for manifest in made]
        self._check_ours(self._identity(item), present)
        for manifest, old in zip(made, present, strict=True):
            await self._apply(manifest, old)

    async def _get(self, manifest: Manifest) -> Part | None:
        kind, name = _key(manifest)
        return await self.cluster.get(kind, name, self.namespace, manifest["apiVersion"])

    @staticmethod
    def _check_ours(ours: Mapping[str, str], present: Sequence[Part | None]) -> None:
        """Two endpoints, or two installations, never share an object. Raises: LoadFailed."""
        for old in filter(None, present):
            labels = old["metadata"].get("labels", {})
            if any(labels.get(key) != value for key, value in ours.items()):
                raise LoadFailed(f"the name {old['metadata']['name']} belongs to something else")

    async def _apply(self, manifest: Manifest, old: Part | None) -> None:
        key, wanted = _key(manifest), manifest["metadata"]["annotations"][SPEC]
        same = old is not None and old["metadata"].get("annotations", {}).get(SPEC) == wanted
        last, when = self._applied.get(key, ("", 0.0))
        if same and last == wanted and time.monotonic() - when < APPLY_SECONDS:
            return
        if old is not None and scaling.hands_over(manifest, old):
            await self.cluster.apply(scaling.handed_over(old), self.namespace, scaling.HANDED)
        await self.cluster.apply(manifest, self.namespace)
        self._applied[key] = (wanted, time.monotonic())
        if not same:
            log.info("applied", kind=key[0], name=key[1], new=old is None)

    async def _remove(self, kind: str, name: str) -> None:
        log.info("removing", kind=kind, name=name)
        self._applied.pop((kind, name), None)
        await self.cluster.delete(kind, name, self.namespace, dict(KINDS)[kind])

    @staticmethod
    def _deployment(item: Wanted, found: Mapping[Any, Part]) -> Part | None:
        return found.get(("Deployment", names.object_name(item.project, item.endpoint, item.number)))

    def answers(self, name: str) -> bool:
        """Whether pods answered for the revision *name* when it was looked at last."""
        sight = self.sights.get(name)
        return sight is not None and sight.right > 0

    def pods(self, name: str) -> RevisionPods | None:
        """In whose pods the revision *name* sits; None while nobody has looked."""
        sight = self.sights.get(name) or self.loading.get(name)
        if sight is None:
            return None
        kind = "unloaded" if self.shared.unloaded(name) else self.shared.place(name).at
        scaled = self.scaled.get(names.object_name(*names.parts(name)))
        why = "" if kind == "shared" else self.shared.why(name)
        return RevisionPods(kind=kind, names=list(sight.pods), replicas=scaled, why=why)

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
            sight = await self.looks.look(item, deployment, await self._pods(self._identity(item)))
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
        if deployment is not None and reasons.age(deployment) > self.settings.pod_seconds:
            why = sight.trouble.told if sight.trouble else "its pods do not become ready"
            raise LoadFailed(f"not every pod answered within {self.settings.pod_seconds:.0f} s: {why}")


def _key(manifest: Part) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]
