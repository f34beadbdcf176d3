"""The gateway pods: who is up, what each has counted, and whom discovery has to wait for."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from millrace_core.pods import selector
from millrace_serving.cluster import reasons
from millrace_serving.envoy.bootstrap import STATS_PORT
from millrace_serving.envoy.counters import EnvoyAdmin
from millrace_serving.settings import ServingSettings

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster


@dataclass(frozen=True)
class GatewayPod:
    """One gateway as the API server knows it."""

    name: str
    uid: str
    address: str
    ready: bool
    ending: bool
    """It was told to end; until then it answers, and counts."""
    restarts: int

    @property
    def life(self) -> str:
        """Name of the present life of its Envoy, whose counters begin at 0."""
        return f"{self.uid}-{self.restarts}"


class Gateways:
    """The pods behind the gateways' headless Service."""

    def __init__(self, settings: ServingSettings, cluster: "Cluster") -> None:
        self.settings = settings
        self.cluster = cluster
        self.pods: list[GatewayPod] = []
        """As of the last look."""
        self._admins: dict[str, EnvoyAdmin] = {}

    @property
    def service(self) -> str:
        return self.settings.gateway_service or f"{self.settings.release}-gateway-pods"

    async def look(self) -> None:
        """See which gateways there are. Raises: Unavailable."""
        service = await self.cluster.get("Service", self.service, self.settings.namespace)
        chosen = selector((service or {}).get("spec", {}).get("selector") or {})
        found = await self.cluster.list("Pod", self.settings.namespace, chosen) if chosen else []
        self.pods = [_pod(item) for item in found]
        gone = self._admins.keys() - {pod.address for pod in self.pods}
        await asyncio.gather(*(self._admins.pop(address).close() for address in gone))

    @property
    def up(self) -> set[str]:
        return {pod.name for pod in self.pods if pod.ready}

    @property
    def known(self) -> set[str]:
        return {pod.name for pod in self.pods if not pod.ending}

    @property
    def restarts(self) -> int:
        return sum(pod.restarts for pod in self.pods)

    async def counts(self) -> dict[str, dict[str, int]]:
        """What each Envoy that answers has counted in its present life."""
        asked = [pod for pod in self.pods if pod.address]
        answers = await asyncio.gather(*(self._admin(pod.address).counts() for pod in asked))
        return {pod.life: counts for pod, counts in zip(asked, answers, strict=True) if counts is not None}

    async def asked(self) -> dict[str, dict[str, int]]:
        """Requests that each Envoy that answers sent to each revision in its present life."""
        present = [pod for pod in self.pods if pod.address]
        answers = await asyncio.gather(*(self._admin(pod.address).asked() for pod in present))
        return {pod.life: found for pod, found in zip(present, answers, strict=True) if found is not None}

    async def in_flight(self) -> list[dict[str, int]] | None:
        """Requests to each revision that each gateway has not answered now; None if one that is up does not say."""
        present = [pod for pod in self.pods if pod.address]
        answers = await asyncio.gather(*(self._admin(pod.address).in_flight() for pod in present))
        silent = [pod for pod, found in zip(present, answers, strict=True) if found is None and pod.ready]
        return None if silent or not present else [found for found in answers if found is not None]

    def _admin(self, address: str) -> EnvoyAdmin:
        if address not in self._admins:
            host = f"[{address}]" if ":" in address else address
            self._admins[address] = EnvoyAdmin(f"http://{host}:{STATS_PORT}")
        return self._admins[address]

    async def close(self) -> None:
        await asyncio.gather(*(admin.close() for admin in self._admins.values()))


def _pod(item: Mapping[str, Any]) -> GatewayPod:
    status = item.get("status", {})
    counted = status.get("containerStatuses") or ()
    return GatewayPod(
        name=item["metadata"]["name"],
        uid=item["metadata"]["uid"],
        address=status.get("podIP", ""),
        ready=reasons.ready(item),
        ending=bool(item["metadata"].get("deletionTimestamp")),
        restarts=sum(int(container.get("restartCount", 0)) for container in counted),
    )
