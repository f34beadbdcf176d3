"""The pods that a project's versions without traffic share: who sits there, who moves, and whether they answer."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from millrace_core.owners import Manifest
from millrace_core.pods import PREFIX
from millrace_serving.cluster import names, placing, reasons, standby
from millrace_serving.cluster.placing import OWN, Place, Seen
from millrace_serving.cluster.probing import Prober
from millrace_serving.cluster.quiet import Quiet
from millrace_serving.cluster.sights import NOTHING, Sight
from millrace_serving.settings import ServingSettings, Standby
from millrace_serving.triton.holding import PROBE_SECONDS
from millrace_serving.triton.repository import Wanted

Part = Mapping[str, Any]
Found = Mapping[tuple[str, str], Part]
FULL = "the shared pod is full (triton.standby.versions, triton.standby.mostMebibytes)"
LOST_SECONDS = 20.0
"""How long the shared pod may leave a version that has to answer, before that gets pods of its own."""
ASKED_SECONDS = 600.0
"""How long a version to which somebody wants to go back is held for that."""


class Shared:
    """The shared pods of all projects, as of the last pass."""

    def __init__(self, settings: ServingSettings, prober: Prober) -> None:
        self.settings, self.prober = settings, prober
        self.quiet = Quiet(0 if settings.triton_standby is None else settings.triton_standby.idle_minutes)
        self.places: dict[str, Place] = {}
        """Where each revision that should serve has to be."""
        self.sights: dict[str, Sight] = {}
        """How each that is held stands in its shared pod."""
        self.items: dict[str, list[Wanted]] = {}
        """What each project's pod has to hold."""
        self._rooms: dict[str, int] = {}
        """Memory in MiB that each project's pod has for them."""
        self._whys: dict[str, str] = {}
        """Why each that could be in a shared pod otherwise has pods of its own, or is not loaded."""
        self._answered: dict[str, float] = {}
        """When the shared pod answered for a version last, or was first asked to (monotonic)."""
        self._asked: dict[str, float] = {}

    def ask(self, name: str) -> None:
        """Somebody wants to go back to this revision: it is held before others."""
        self._asked[name] = time.monotonic()

    def place(self, name: str) -> Place:
        return self.places.get(name, OWN)

    def plan(self, serving: Sequence[Wanted], found: Found, own: Mapping[str, Sight]) -> None:
        """Decide where each revision has to be, from what was seen. *own*: how they stand in pods of their own."""
        now, wanted = time.monotonic(), self.settings.triton_standby
        said = {item.name: item.serving.idle_minutes for item in serving}
        self.quiet.own = {name: minutes for name, minutes in said.items() if minutes is not None}
        self._asked = {name: at for name, at in self._asked.items() if now - at < ASKED_SECONDS}
        seen = {item.name: self._seen(item, found, own, now) for item in serving}
        sharing = [item for item in serving if self._may_leave(item, seen[item.name])]
        held: set[str] = set()
        if wanted is not None:
            for items in placing.of_project(sharing).values():
                held |= placing.chosen(items, self._asked, wanted)
        leaving = {item.name for item in sharing if item.standby or item.name in held}
        self._answered = {name: self._answered.get(name, now) for name in held}
        self.places = {
            item.name: self._placed(item, item.name in leaving, item.name in held, seen[item.name])
            for item in serving
        }
        kept = sorted(
            (item for item in serving if self.places[item.name].held), key=lambda item: item.standby
        )
        self.items = placing.of_project(kept)
        self._rooms = {
            project: self._room(wanted, items, found.get(("Deployment", self.name(project))))
            for project, items in self.items.items()
            if wanted
        }
        full = {item.name: FULL for item in sharing if item.name not in held}
        self._whys = self._apart(serving) | full

    @staticmethod
    def _room(wanted: Standby, items: Sequence[Wanted], present: Part | None) -> int:
        asked = sum(placing.needs(wanted, item) for item in items)
        return placing.room(asked, wanted, standby.has_room(present))

    def _apart(self, serving: Sequence[Wanted]) -> dict[str, str]:
        """What a shared pod cannot run, of what nobody asks."""
        if self.settings.triton_standby is None:
            return {}
        told = {
            item.name: placing.why_not(self.settings, item) for item in serving if self._rests(item, False)
        }
        return {name: why for name, why in told.items() if why}

    def why(self, name: str) -> str:
        """Why it is in no shared pod though nobody asks it, for people; empty if nothing is in the way."""
        return self._whys.get(name, "")

    def _may_leave(self, item: Wanted, seen: Seen) -> bool:
        """Whether it may sit in a pod that it shares."""
        return self._rests(item, seen.at == "shared") and placing.why_not(self.settings, item) is None

    def _rests(self, item: Wanted, resting: bool) -> bool:
        return item.standby or (item.settled and self.quiet.idle(item.name, resting))

    def _placed(self, item: Wanted, leaves: bool, held: bool, seen: Seen) -> Place:
        must = not item.standby or item.name in self._asked
        return placing.place("shared" if leaves else "own", seen, held, must)

    def _seen(self, item: Wanted, found: Found, own: Mapping[str, Sight], now: float) -> Seen:
        name = names.object_name(item.project, item.endpoint, item.number)
        service = found.get(("Service", name))
        chosen = (service or {}).get("spec", {}).get("selector")
        shared = self.sights.get(item.name, NOTHING).complete
        if shared:
            self._answered[item.name] = now
        return Seen(
            at=None if service is None else "shared" if chosen == self._labels(item.project) else "own",
            own=own.get(item.name, NOTHING).right > 0,
            shared=shared,
            deployment=("Deployment", name) in found,
            lost=now - self._answered.get(item.name, now) > LOST_SECONDS,
        )

    def _labels(self, project: str) -> dict[str, str]:
        return names.shared(self.settings, project)

    def name(self, project: str) -> str:
        return names.shared_name(self.settings, project)

    def objects(self, account: Manifest | None) -> list[Manifest]:
        """The Deployments of the shared pods that there have to be."""
        wanted = self.settings.triton_standby
        if wanted is None:
            return []
        return [
            standby.deployment(self.settings, wanted, project, size, account, self._answering(project))
            for project, size in sorted(self._rooms.items())
        ]

    def _answering(self, project: str) -> bool:
        """Whether a version that serves answers from the project's shared pod: then one pod's end must be no gap."""
        return any(not item.standby for item in self.items.get(project, ()))

    @property
    def kept(self) -> set[str]:
        """Names of those Deployments."""
        return {self.name(project) for project in self.items}

    async def look(self, pods: Sequence[Part]) -> None:
        """See which of the held versions the shared pods answer. *pods*: all of this installation's."""
        found = {project: self._pods(project, pods) for project in self.items}
        held = [(item, found[project]) for project, items in self.items.items() for item in items]
        sights = await asyncio.gather(*(self._look(item, mine) for item, mine in held))
        self.sights = {item.name: sight for (item, _), sight in zip(held, sights, strict=True)}

    def _pods(self, project: str, pods: Sequence[Part]) -> list[Part]:
        wanted = {
            f"{PREFIX}/{key}": value
            for key, value in (("project", names.label(project)), ("standby", "shared"))
        }
        return [pod for pod in pods if wanted.items() <= pod["metadata"].get("labels", {}).items()]

    async def _look(self, item: Wanted, pods: Sequence[Part]) -> Sight:
        present = [pod for pod in pods if reasons.ready(pod)]
        pause = None if not item.standby else PROBE_SECONDS
        records = await asyncio.gather(*(self.prober.ask(item, pod, pause) for pod in present))
        right = [pod for pod in present if self.prober.right(pod, item.name)]
        wrong = next((record.wrong for record in records if record.wrong), "")
        trouble = None if right else reasons.of_pods(pods, {})
        told = tuple(pod["metadata"]["name"] for pod in right)
        packs = bool(records) and all(record.packs for record in records)
        return Sight(len(right), len(right) == len(present) >= 1, wrong, trouble, packs, told)

    def sight(self, name: str, before: Sight | None) -> Sight:
        """How a revision stands that sits in a shared pod; one that is not loaded as it stood *before*."""
        return self.sights.get(name) or replace(NOTHING, packs=before is not None and before.packs)

    def unloaded(self, name: str) -> bool:
        """Whether it is in no pod, and loaded when somebody goes back to it."""
        at = self.places.get(name)
        return at is not None and at.at == "shared" and not at.held
