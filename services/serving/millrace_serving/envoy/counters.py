"""What Envoy has counted: requests answered, prediction logs written and dropped, over all its lives."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import httpx
from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import select

from millrace_core.database import AsyncSession, utcnow
from millrace_serving import tables

LOG = "access_logs.open_telemetry_access_log"
STATS = {
    "requests": "http.inference.downstream_rq_completed",
    "failed": "http.inference.downstream_rq_5xx",
    "logs_written": f"{LOG}.inference.logs_written",
    "logs_dropped": f"{LOG}.inference.logs_dropped",
    "mirrored": "http.shadow.downstream_rq_completed",
    "mirrors_shed": "cluster.shadow-hop.upstream_rq_pending_overflow",
    "shadow_logs_written": f"{LOG}.shadow.logs_written",
    "shadow_logs_dropped": f"{LOG}.shadow.logs_dropped",
    "log_errors": "http.inference.lua.errors",
    "refused_configurations": "cluster_manager.cds.update_rejected",
}
"""Our names for Envoy's counters."""
WAITING = r"\.upstream_rq_(pending_)?active$"
IN_FLIGHT = rf"^cluster\..*--r[0-9]+{WAITING}"
"""Requests that went to a revision, or wait for a connection to it, and are not answered yet."""
CALLS_FAILED = "inference.calls.failed"
"""Calls over gRPC that failed are HTTP 200: they add to `failed`, where they are taken at all."""
SENT = ".upstream_rq_total"
ASKED = rf"^cluster\..*--r[0-9]+{re.escape(SENT)}$"
"""Requests that went to a revision, over REST and gRPC alike."""
FILTER = "^(" + "|".join(name.replace(".", "\\.") for name in (*STATS.values(), CALLS_FAILED)) + ")$"


class EnvoyAdmin:
    """An Envoy's admin page, or the part of it that a gateway pod shows."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(base_url=url, trust_env=False, timeout=2.0)

    async def counts(self) -> dict[str, int] | None:
        """The counters of this life of Envoy under our names; None if it does not answer."""
        try:
            answer = await self._client.get("/stats", params={"filter": FILTER, "format": "json"})
            answer.raise_for_status()
            found = {item["name"]: item["value"] for item in answer.json()["stats"] if "name" in item}
        except (httpx.HTTPError, ValueError, KeyError):
            return None
        counted = {ours: int(found.get(theirs, 0)) for ours, theirs in STATS.items()}
        return counted | {"failed": counted["failed"] + int(found.get(CALLS_FAILED, 0))}

    async def asked(self) -> dict[str, int] | None:
        """Requests that went to each revision in this life of Envoy; None if it does not answer."""
        try:
            answer = await self._client.get("/stats", params={"filter": ASKED, "format": "json"})
            answer.raise_for_status()
            found = [(item["name"], item["value"]) for item in answer.json()["stats"] if "name" in item]
        except (httpx.HTTPError, ValueError, KeyError):
            return None
        return {name.removeprefix("cluster.").removesuffix(SENT): int(value) for name, value in found}

    async def in_flight(self) -> dict[str, int] | None:
        """Requests to each revision that are not answered now; None if it does not answer."""
        try:
            answer = await self._client.get("/stats", params={"filter": IN_FLIGHT, "format": "json"})
            answer.raise_for_status()
            found = [(item["name"], int(item["value"])) for item in answer.json()["stats"] if "name" in item]
        except (httpx.HTTPError, ValueError, KeyError):
            return None
        summed: dict[str, int] = {}
        for name, value in found:
            revision = re.sub(WAITING, "", name).removeprefix("cluster.")
            summed[revision] = summed.get(revision, 0) + value
        return summed

    async def ready(self) -> bool:
        """Whether Envoy has its first configuration."""
        try:
            return (await self._client.get("/ready")).is_success
        except httpx.HTTPError:
            return False

    async def close(self) -> None:
        await self._client.aclose()


def total(lives: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sum over all lives."""
    sums = dict.fromkeys(STATS, 0)
    for counts in lives:
        for name in sums:
            sums[name] += counts.get(name, 0)
    return sums


def is_news(stored: Mapping[str, int] | None, fresh: Mapping[str, int]) -> bool:
    """Whether *fresh* is to be stored: counters of one life only grow, a smaller one is of a life not known yet."""
    return stored is None or (stored != fresh and all(fresh[name] >= stored.get(name, 0) for name in fresh))


async def lives(session: AsyncSession) -> dict[str, dict[str, int]]:
    """What is stored of each life of Envoy."""
    rows = await session.scalars(select(tables.GatewayCount))
    return {row.life: row.counts for row in rows.all()}


async def keep(session: AsyncSession, life: str, counts: dict[str, int]) -> None:
    """Store what this life has counted so far."""
    await session.merge(tables.GatewayCount(life=life, counts=counts, updated=int(utcnow().timestamp())))


class GatewayMetrics(Collector):
    """The totals as Prometheus counters."""

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}

    def collect(self) -> Iterable[Any]:
        for name, value in self.totals.items():
            metric = CounterMetricFamily(f"millrace_gateway_{name}", f"Envoy's count of {name}.")
            metric.add_metric([], value)
            yield metric


METRICS = GatewayMetrics()
REGISTRY.register(METRICS)
