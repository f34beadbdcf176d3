"""What Envoy is told and what it has accepted: in memory, with a snapshot on disk, never in the database.

Envoy's REST discovery has no refusal: it shows only as a version that does not advance. A poll is held until
there is news, so that a change arrives at once and an idle gateway polls rarely.
"""

import asyncio
import contextlib
import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from millrace_serving.envoy.callers import ENTRANCE, EXTENSION, LIMITED, VERIFIED, another
from millrace_serving.envoy.upstreams import Part

CLUSTER_URL = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ROUTE_URL = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
KINDS = {"clusters": CLUSTER_URL} | dict.fromkeys((VERIFIED, ENTRANCE, LIMITED), EXTENSION)
"""Types of the resources that are no route tables."""
HOLD = 2.0
"""Seconds that a poll without news is held."""
TRIES = 3
"""Polls with the old version after which a push counts as refused."""
FORGET = 30.0
"""Seconds of silence after which a gateway is no longer waited for."""


@dataclass
class Subscription:
    """One gateway's view of one resource."""

    accepted: str = ""
    offered: str = ""
    tries: int = 0
    seen: float = 0.0


@dataclass
class Discovery:
    """The desired clusters and route tables, by resource name, and who has accepted them."""

    path: Path
    resources: dict[str, list[Part]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    nodes: dict[tuple[str, str], Subscription] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    expected: set[str] = field(default_factory=set)
    """Gateways that are known to be up, whether they have polled yet or not."""

    def restore(self) -> bool:
        """Take the snapshot of the last run. False if there is none."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            for name, resources in orjson.loads(self.path.read_bytes()).items():
                self._set(name, resources)
            return True
        return False

    def _set(self, name: str, resources: list[Part]) -> None:
        self.resources[name] = resources
        self.versions[name] = hashlib.sha256(orjson.dumps(resources)).hexdigest()[:16]

    async def publish(self, name: str, resources: list[Part]) -> str:
        """Make *resources* the desired state of *name*; returns its version."""
        async with self.changed:
            if self.resources.get(name) != resources:
                self._set(name, resources)
                self._snapshot()
                self.changed.notify_all()
            return self.versions[name]

    def _snapshot(self) -> None:
        staged = self.path.with_suffix(".new")
        staged.write_bytes(orjson.dumps(self.resources))
        staged.replace(self.path)

    async def poll(self, node: str, name: str, accepted: str, hold: float = HOLD) -> bytes | None:
        """The answer to a gateway that has *accepted* a version of *name*; None: nothing new (304)."""
        async with self.changed:
            state = self.nodes.setdefault((node, name), Subscription())
            if accepted == state.offered or accepted != state.accepted:
                state.tries = 0
            state.accepted, state.seen = accepted, time.monotonic()
            self.changed.notify_all()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(hold):
                    await self.changed.wait_for(lambda: self._has_news(name, state))
            state.seen = time.monotonic()
            version = self.versions.get(name)
            if version is None or version == accepted:
                return None
            state.tries = state.tries + 1 if state.offered == version else 1
            state.offered = version
            return self._answer(name, version, state.tries)

    def _has_news(self, name: str, state: Subscription) -> bool:
        version = self.versions.get(name)
        if version is None or version == state.accepted:
            return False
        return state.offered != version or state.tries < TRIES

    def _answer(self, name: str, version: str, tries: int) -> bytes:
        kind, resources = KINDS.get(name, ROUTE_URL), self.resources[name]
        if kind == EXTENSION:
            resources = [another(item, tries) for item in resources]
        return orjson.dumps({"version_info": version, "type_url": kind, "resources": resources})

    def refused(self, name: str) -> list[str]:
        """Gateways that were offered the present version of *name* repeatedly and did not take it."""
        version = self.versions.get(name)
        return [
            node
            for (node, resource), state in self.nodes.items()
            if resource == name and state.accepted != version == state.offered and state.tries >= TRIES
        ]

    def present(self) -> bool:
        """Whether a gateway was heard of lately."""
        return any(time.monotonic() - state.seen < FORGET for state in self.nodes.values())

    def accepted(self, name: str) -> bool:
        """Whether every gateway that is up or was heard of lately, and at least one, runs the present *name*."""
        now = time.monotonic()
        live = {
            node: state
            for (node, resource), state in self.nodes.items()
            if resource == name and now - state.seen < FORGET
        }
        if not live or not self.expected <= live.keys():
            return False
        return all(state.accepted == self.versions.get(name) for state in live.values())

    async def expect(self, up: set[str], known: set[str]) -> None:
        """Wait from now on for the gateways that are *up*, and no longer for those that are not even *known*."""
        async with self.changed:
            self.expected = up
            for key in [key for key in self.nodes if key[0] not in known]:
                del self.nodes[key]
            self.changed.notify_all()

    def forget_nodes(self) -> None:
        """Every gateway was restarted: what it had accepted no longer counts."""
        self.nodes.clear()

    async def wait_accepted(self, name: str, seconds: float) -> bool:
        """Wait until `accepted`; False after *seconds*, or as soon as a gateway refuses."""
        async with self.changed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.changed.wait_for(lambda: self.accepted(name) or self.refused(name))
        return self.accepted(name)
