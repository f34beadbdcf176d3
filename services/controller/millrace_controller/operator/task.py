"""The operator at work: lists on time, events at once, statuses as loops move."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from millrace_controller.operator.controller import Operator
from millrace_controller.operator.documents import Resource
from millrace_controller.services import Services
from millrace_core.log import log
from millrace_core.reconcile import run_forever

if TYPE_CHECKING:
    from millrace_controller.operator.watching import Watch

EVERY, HURRIED, GATHER = 30.0, 3.0, 0.5
"""Seconds between lists; between two when somebody may be gone; that events are gathered."""
FOLLOW, LOOK = 1.0, 2.0
"""Seconds between two looks at statuses at least, and at most: a change by another replica rings no bell here."""
LONGEST_PASS = 180.0


class Work:
    """The tasks of one term in office."""

    def __init__(self, services: Services) -> None:
        self.services, self.operator = services, Operator(services)
        self.again, self.heard = asyncio.Event(), asyncio.Event()
        self.waiting: dict[str, Resource] = {}
        self.watch: Watch | None = None
        self.loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """All of it, until it is cancelled."""
        self.services.operating.begin()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(run_forever("modelloops", self._list, every=EVERY, wake=self.again))
                group.create_task(run_forever("modelloop events", self._hear, every=EVERY, wake=self.heard))
                group.create_task(run_forever("modelloop statuses", self._follow, every=0.0))
        finally:
            self.services.operating.end()
            if self.watch is not None:
                await asyncio.to_thread(self.watch.stop)

    async def _list(self) -> None:
        await self.operator.relist()
        if self.operator.hurried:
            self.loop.call_later(HURRIED, self.again.set)
        if self.watch is None or not self.watch.alive:
            self.watch = self._listening()

    def _listening(self) -> "Watch":
        from millrace_controller.operator.watching import Watch

        settings = self.services.settings
        watch = Watch(settings.pod_name, settings.watch_namespaces, self._told)
        watch.start()
        return watch

    def _told(self, kind: str | None, resource: Resource) -> None:
        """Called in the watch's thread."""
        self.loop.call_soon_threadsafe(self._take, kind, resource)

    def _take(self, kind: str | None, resource: Resource) -> None:
        uid = resource["metadata"]["uid"]
        if kind == "DELETED":
            self.waiting.pop(uid, None)
            self.again.set()
        elif self._news(resource):
            self.waiting[uid] = resource
            self.heard.set()

    def _news(self, resource: Resource) -> bool:
        """Whether the spec is one that was not seen; a status that we wrote ourselves is no news."""
        known = self.operator.seen.get(resource["metadata"]["uid"])
        generation: Any = resource["metadata"].get("generation", 1)
        return known is None or bool(known["metadata"]["generation"] < generation)

    async def _hear(self) -> None:
        if self.waiting:
            await asyncio.sleep(GATHER)
            taken, self.waiting = list(self.waiting.values()), {}
            await self.operator.hear(taken)

    async def _follow(self) -> None:
        """Look, rest for a moment, and look again as soon as something has happened since, or may have."""
        change = self.services.changes.listen()
        await self.operator.follow()
        await asyncio.sleep(FOLLOW)
        await self.services.changes.wait(change, time.monotonic() + LOOK - FOLLOW)


async def operate(services: Services) -> None:
    """Background task: follow the cluster's ModelLoops, where that is asked for."""
    if services.settings.operator and services.cluster is None:
        raise RuntimeError("MILLRACE_OPERATOR is set, but neither a service account nor KUBECONFIG is there")
    if services.settings.operator:
        log.info("following ModelLoops", namespaces=services.settings.watch_namespaces or "all")
        await Work(services).run()


def stuck(services: Services) -> str | None:
    """Why this process has to be started again: a pass over the resources that does not come to its end."""
    ended = services.operating.ended
    if ended is None or time.monotonic() - ended < LONGEST_PASS:
        return None
    return f"no pass over the ModelLoops has ended for {LONGEST_PASS:.0f} s"
