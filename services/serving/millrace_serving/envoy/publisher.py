"""Brings new splits to Envoy in the order that loses no request: clusters, then routes, then fewer clusters."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from millrace_core.log import log
from millrace_serving.envoy import callers, grpc, manifests
from millrace_serving.envoy.callers import ENTRANCE, LIMITED, VERIFIED, Callers
from millrace_serving.envoy.discovery import Discovery
from millrace_serving.envoy.manifests import Split, Ways
from millrace_serving.envoy.upstreams import Part

TABLES = ("inference", "shadow")
EXTENSIONS = (VERIFIED, ENTRANCE, LIMITED)


@dataclass(frozen=True)
class Desired:
    """What Envoy should do."""

    splits: Sequence[Split]
    loaded: Sequence[str]
    """Revisions that get a cluster, so that going back to them is only a change of routes."""
    asking: Callers | None = None
    """Who is let in; None: the gateway asks nobody."""


Read = Callable[[], Awaitable[Desired]]


class Publisher:
    """Owner of what discovery says."""

    def __init__(self, discovery: Discovery, ways: Ways, patience: float) -> None:
        self.discovery = discovery
        self.ways = ways
        self.patience = patience
        self.problem: str | None = None
        self._names: tuple[str, ...] = ("clusters", *TABLES)
        """What every gateway has to accept."""
        self._lock = asyncio.Lock()

    async def publish(self, read: Read) -> bool:
        """Make what *read* tells what Envoy does; True once every gateway has accepted it.

        Args:
            read: tells what is wanted. It is called when it is this call's turn: a late caller must not bring back an
                old state.
        """
        async with self._lock:
            traffic = await read()
            wanted = set(traffic.loaded) | {name for split in traffic.splits for name in split.revisions}
            tables = manifests.route_tables(traffic.splits, self.ways)
            filters = {} if traffic.asking is None else callers.extensions(traffic.asking)
            self._names = ("clusters", *TABLES, *filters)
            before = grpc.revisions(self.discovery.resources.get("clusters", []))
            done = await self._offer({"clusters": manifests.clusters(wanted | before, self.ways)})
            done = await self._offer(dict(zip(TABLES, tables, strict=True)) | filters) and done
            done = await self._offer({"clusters": manifests.clusters(wanted, self.ways)}) and done
            self._note(done)
            return done

    async def _offer(self, offers: Part) -> bool:
        """Publish resources and wait for them; without any gateway there is nobody to wait for."""
        for name, resources in offers.items():
            given = resources if name == "clusters" else [resources]
            await self.discovery.publish(name, given)
        if not self.discovery.present():
            return False
        waits = (self.discovery.wait_accepted(name, self.patience) for name in offers)
        return all(await asyncio.gather(*waits))

    def _note(self, done: bool) -> None:
        refused = [name for name in self._names if self.discovery.refused(name)]
        problem = None
        if refused:
            problem = f"the gateway refuses {', '.join(refused)} and goes on with what it had"
        elif not done:
            problem = "no gateway has accepted the configuration yet"
        if problem != self.problem and refused:
            log.error("the gateway refuses its configuration", resources=refused)
        self.problem = problem

    def settled(self) -> bool:
        """Whether every gateway runs exactly what is published."""
        return all(self.discovery.accepted(name) for name in self._names)
