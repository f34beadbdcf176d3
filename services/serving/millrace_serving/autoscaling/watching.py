"""Asks every gateway, every second, how many requests it has in flight for each revision."""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client import Gauge

from millrace_serving.autoscaling.demand import Demand
from millrace_serving.cluster.gateways import Gateways
from millrace_serving.settings import ServingSettings

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster

SAMPLE_SECONDS = 1.0
LOOK_EVERY = 5
"""The API server is asked which gateways there are once in so many samples."""
IN_FLIGHT = Gauge(
    "millrace_autoscaler_requests_in_flight",
    "Mean requests in flight, as autoscalers are told.",
    ["revision"],
)


class Watching:
    """The gateways, as an autoscaler wants to know them."""

    def __init__(self, settings: ServingSettings, cluster: "Cluster", demand: Demand) -> None:
        self.gateways, self.demand = Gateways(settings, cluster), demand
        self._samples = 0

    async def once(self) -> None:
        """One sample. One that lacks a gateway would say too little, so it does not count. Raises: Unavailable."""
        if self._samples % LOOK_EVERY == 0 or not self.gateways.pods:
            await self.gateways.look()
        self._samples += 1
        found = await self.gateways.in_flight()
        if found is None:
            self._samples = 0
            return
        summed: Counter[str] = Counter()
        for counts in found:
            summed.update(counts)
        self.demand.note({name: summed[name] for counts in found for name in counts})
        self._show()

    def _show(self) -> None:
        IN_FLIGHT.clear()
        for name in self.demand.revisions():
            IN_FLIGHT.labels(name).set(self.demand.mean(name) or 0.0)

    async def close(self) -> None:
        await self.gateways.close()


async def watch(watching: Watching) -> None:
    """Sample for ever; a failed sample is tried again."""
    from millrace_core.reconcile import run_forever

    try:
        await run_forever("demand", watching.once, every=SAMPLE_SECONDS, backoff_max=5.0)
    finally:
        await asyncio.shield(watching.close())
