"""One level-triggered pass over all ModelLoops: declare what changed, close what is gone, say how they stand."""

import asyncio
from collections.abc import Container
from datetime import UTC, datetime, timedelta
from typing import Any

from millrace.crd import KIND
from millrace_contracts.status import LoopStatus
from millrace_controller.leases import tenure
from millrace_controller.loops import commands, options, status, texts
from millrace_controller.loops.options import Surroundings
from millrace_controller.operator import documents, manifests, queries
from millrace_controller.operator.documents import API_VERSION, Resource, Unreadable
from millrace_controller.operator.queries import DeclaredLoop
from millrace_controller.services import Services
from millrace_core.errors import MillraceError, NotFound
from millrace_core.log import log

LISTS = 2
"""Complete lists from which a resource has to be missing before its loop is closed."""
PAGE = 100
"""Resources that are held whole at a time."""
AT_ONCE = 8
"""Patches on their way to the API server at the same time."""
MORE = "cut; mend these, and the next apply names the others"
OVERLAP = timedelta(seconds=10)
"""A change counts as new for so long: clocks of replicas differ, and a transaction takes its time."""


class Operator:
    """What is known of the resources; every pass could begin from nothing."""

    def __init__(self, services: Services) -> None:
        assert services.cluster is not None
        self.services, self.cluster, self.settings = services, services.cluster, services.settings
        self.seen: dict[str, Resource] = {}
        self.refused: dict[str, tuple[str, str]] = {}
        self.missing: dict[str, int] = {}
        self.warm: set[int] = set()
        self.touched: set[str] = set()
        self.since = datetime.now(UTC) - OVERLAP
        self.around: Surroundings | None = None
        self._turn = asyncio.Lock()
        self._patches = asyncio.Semaphore(AT_ONCE)

    async def relist(self) -> None:
        """A pass over everything. Raises: MillraceError if a list is not complete; then nothing is closed.

        While the list is made, and between the pages of the report, others have their turn.
        """
        self.touched = set()
        try:
            self.around = await options.surroundings(self.services)
            found = await self._list()
            async with self._turn:
                here = await self._pass(found)
            for start in range(0, len(here), PAGE):
                await self._report_page(here[start : start + PAGE])
        finally:
            self.services.operating.begin()

    async def hear(self, resources: list[Resource]) -> None:
        """A pass over a few resources, as the watch showed them."""
        async with self._turn:
            names = {resource["metadata"]["name"] for resource in resources}
            uids = [resource["metadata"]["uid"] for resource in resources]
            self.touched.update(uids)
            known = await self._declared(resources, await self._owned(names), names)
            await self._report(uids, known)

    async def follow(self) -> None:
        """Say how those loops stand in which something is going on, or has changed since the last look."""
        async with self._turn:
            moment = datetime.now(UTC)
            async with self.services.readers() as session:
                moving = await queries.moving(session, self.warm, self.since)
            self.since = moment - OVERLAP
            self.warm = {item.loop.id for item in moving.values() if item.moving}
            await self._report([uid for uid in moving if uid in self.seen], moving)

    async def _list(self) -> list[Resource]:
        spaces: list[str | None] = [*self.settings.watch_namespaces] or [None]
        found: list[Resource] = []
        for space in spaces:
            found += await self.cluster.list(KIND, space, api_version=API_VERSION, keep=self._kept, page=PAGE)
        return found

    def _kept(self, resource: Resource) -> Resource:
        """Of a resource whose spec was taken, only who it is and what its status says."""
        known = self.seen.get(resource["metadata"]["uid"])
        old = known is not None and known["metadata"]["generation"] == resource["metadata"]["generation"]
        taken = old and resource["metadata"]["uid"] not in self.refused
        slim = documents.slim(resource)
        return slim if taken else slim | {"spec": resource.get("spec")}

    async def _owned(self, names: set[str] | None = None) -> dict[str, DeclaredLoop]:
        async with self.services.readers() as session:
            await tenure.check(session)
            return await queries.owned(session, names)

    async def _pass(self, resources: list[Resource]) -> list[str]:
        """Declare and close; returns the uids of what is there. What was heard or written while *resources* were
        listed is newer than the list."""
        here = dict.fromkeys(resource["metadata"]["uid"] for resource in resources)
        here |= dict.fromkeys(self.touched & self.seen.keys())
        for uid in self.seen.keys() - here.keys():
            del self.seen[uid]
            self.refused.pop(uid, None)
        known = await self._declared([self._newest(item) for item in resources], await self._owned())
        await self._close(known, here)
        return list(here)

    def _newest(self, listed: Resource) -> Resource:
        uid = listed["metadata"]["uid"]
        written = uid in self.touched and uid in self.seen
        return listed | {"status": self.seen[uid]["status"]} if written else listed

    async def _declared(
        self, resources: list[Resource], known: dict[str, DeclaredLoop], names: set[str] | None = None
    ) -> dict[str, DeclaredLoop]:
        """Declare what is new among *resources*; returns how their loops stand then."""
        new = [resource for resource in resources if self._is_new(resource, known)]
        for resource in new:
            await self._declare(resource)
        if not new:
            return known
        self.services.changes.tell()
        return await self._owned(names)

    def _is_new(self, resource: Resource, known: dict[str, DeclaredLoop]) -> bool:
        """Whether a resource's spec is yet to be taken."""
        uid, found = resource["metadata"]["uid"], known.get(resource["metadata"]["uid"])
        newest = found.loop.owner.generation if found is not None and found.loop.owner is not None else 0
        if found is None or newest < resource["metadata"]["generation"] or found.loop.state == "deleting":
            return True
        if newest == resource["metadata"]["generation"]:
            self.seen[uid] = documents.slim(resource)
            self.refused.pop(uid, None)
        return False

    async def _declare(self, resource: Resource) -> None:
        """Take a spec; what is wrong with it is kept for the status."""
        uid = resource["metadata"]["uid"]
        self.seen[uid] = documents.slim(resource)
        try:
            document = documents.read(resource, self._project(resource))
            async with self.services.sessions.begin() as session:
                author, owner = documents.author(resource), documents.owner(resource)
                guarded = self.settings.approval_policy
                loop = await commands.declare(session, document, author, owner, guarded=guarded)
            self.warm.add(loop.id)
            self.refused.pop(uid, None)
        except Unreadable as error:
            self.refused[uid] = ("InvalidSpec", str(error))
        except MillraceError as error:
            self.refused[uid] = (error.title.title().replace(" ", ""), error.detail)

    def _project(self, resource: Resource) -> str:
        return documents.project_of(resource["metadata"]["namespace"], self.settings.namespace_projects)

    async def _close(self, known: dict[str, DeclaredLoop], here: Container[str]) -> None:
        """Close loops whose resource is missing from two lists in a row; only where lists reach."""
        gone = {uid: item.loop for uid, item in known.items() if uid not in here and self._watched(item)}
        self.missing = {uid: self.missing.get(uid, 0) + 1 for uid in gone}
        for uid, loop in gone.items():
            if self.missing[uid] >= LISTS and loop.state != "deleting":
                owner = loop.owner
                assert owner is not None
                async with self.services.sessions.begin() as session:
                    kept = await queries.loop(session, loop.id)
                    await commands.end(session, kept, f"modelloop:{owner.namespace}/{owner.name}")
                self.services.changes.tell()

    def _watched(self, item: DeclaredLoop) -> bool:
        spaces = self.settings.watch_namespaces
        return not spaces or (item.loop.owner is not None and item.loop.owner.namespace in spaces)

    @property
    def hurried(self) -> bool:
        """Whether the next list should not wait: somebody may be gone."""
        return any(count < LISTS for count in self.missing.values())

    async def _report_page(self, uids: list[str]) -> None:
        async with self._turn:
            names = {self.seen[uid]["metadata"]["name"] for uid in uids if uid in self.seen}
            await self._report(uids, await self._owned(names))

    async def _report(self, uids: list[str], known: dict[str, DeclaredLoop]) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        await asyncio.gather(
            *(self._write(self.seen[uid], known.get(uid), now) for uid in uids if uid in self.seen)
        )

    async def _write(self, resource: Resource, known: DeclaredLoop | None, now: str) -> None:
        """Write a resource's status if it has changed, and tell what is new."""
        found = self._status(resource, known)
        if found is None:
            return
        before = resource["status"]
        after = manifests.written(found, before, now)
        change = manifests.patch(before, after)
        if not change:
            return
        meta = resource["metadata"]
        try:
            async with self._patches:
                await self.cluster.patch_status(KIND, meta["name"], meta["namespace"], API_VERSION, change)
                resource["status"] = after
                self.touched.add(meta["uid"])
                for item in manifests.news(before, after):
                    await self.cluster.event(resource, item.reason, item.message, item.warning)
        except NotFound:
            return
        except MillraceError as error:
            self.warm.update([known.loop.id] if known else ())
            log.warning("a status could not be written", resource=meta["name"], error=error.detail)

    def _status(self, resource: Resource, known: DeclaredLoop | None) -> LoopStatus | None:
        meta: dict[str, Any] = resource["metadata"]
        generation = meta.get("generation") or 1
        wrong = self.refused.get(meta["uid"])
        if wrong is not None:
            reason, message = wrong[0], texts.cut(wrong[1], MORE)
            return manifests.refused(reason, message, resource["status"], generation, self._project(resource))
        if known is None:
            return None
        ignored = options.ignored(known.loop, self.around) if self.around else []
        return status.of(known.loop, known.newest, known.digest, ignored, generation)
