"""Brings the TensorRT engines of revisions about: a Job each on the class of node that serves, waited for or left."""

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from millrace_core.log import log
from millrace_core.owners import Manifest
from millrace_core.pods import selector
from millrace_serving.cluster import engines, names, pods, reasons
from millrace_serving.settings import Engines, ServingSettings
from millrace_serving.triton import engine
from millrace_serving.triton.loading import LoadFailed, NotYet
from millrace_serving.triton.repository import Wanted

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster

BATCH = "batch/v1"
ASKED_SECONDS = 600.0
"""How long the Job of an engine stays after a measurement asked for it, of a form that no revision has."""


class Building:
    """The Jobs that build engines in one namespace."""

    def __init__(self, settings: ServingSettings, cluster: "Cluster") -> None:
        self.settings, self.cluster = settings, cluster
        self._asked: dict[str, float] = {}
        """When a measurement asked for a Job last, by its name (monotonic)."""

    async def ready(self, item: Wanted, account: Manifest | None, measured: bool = False) -> None:
        """Returns once the engine that a revision needs is built; at once if it needs none.

        Args:
            measured: it is to be measured, so that no revision needs its engine yet.
        Raises: NotYet while it is built; LoadFailed when it never will be, or was not in time.
        """
        if item.target not in pods.TENSORRT:
            return
        asked = self.settings.triton_engines
        problem = self._refused(item)
        if problem is not None or asked is None:
            raise LoadFailed(problem or "no place for TensorRT engines is named in triton.engines")
        name = engines.job_name(pods.engine_key(asked, item))
        if measured:
            self._asked[name] = time.monotonic()
        job = await self.cluster.get("Job", name, self.settings.workloads, BATCH)
        if job is None:
            job = await self._begin(item, asked, account)
        self._judge(name, job, asked)

    async def has(self, item: Wanted) -> bool:
        """Whether the pods of a revision can be made: its engine, if it needs one, is built."""
        asked = self.settings.triton_engines
        if item.target not in pods.TENSORRT or asked is None:
            return item.target not in pods.TENSORRT
        name = engines.job_name(pods.engine_key(asked, item))
        job = await self.cluster.get("Job", name, self.settings.workloads, BATCH)
        return job is not None and bool(job.get("status", {}).get("succeeded"))

    def _refused(self, item: Wanted) -> str | None:
        if not pods.has_gpu(self.settings, item):
            return "its pods ask for no GPU"
        return engine.why_not(item.signature)

    async def _begin(self, item: Wanted, asked: Engines, account: Manifest | None) -> Manifest:
        job = engines.build_job(self.settings, item, asked)
        if account is not None:
            job["metadata"]["ownerReferences"] = [account]
        log.info("building an engine", revision=item.name, job=job["metadata"]["name"])
        return await self.cluster.apply(job, self.settings.workloads)

    def _judge(self, name: str, job: Mapping[str, Any], asked: Engines) -> None:
        if job.get("status", {}).get("succeeded"):
            return
        if (why := reasons.of_failed(job)) is not None:
            raise LoadFailed(f"its TensorRT engine could not be built by the Job {name} ({why})"[:400])
        made = datetime.fromisoformat(job["metadata"]["creationTimestamp"].replace("Z", "+00:00"))
        if (datetime.now(UTC) - made).total_seconds() > asked.seconds:
            raise LoadFailed(f"its TensorRT engine was not built by the Job {name} within {asked.seconds} s")
        raise NotYet(f"its TensorRT engine is built by the Job {name}")

    async def sweep(self, wanted: Iterable[Wanted]) -> None:
        """Delete the Jobs of engines that nobody needs any more; the engines stay on their volume."""
        asked = self.settings.triton_engines
        if asked is None:
            return
        items = [item for item in wanted if item.target in pods.TENSORRT]
        since = time.monotonic() - ASKED_SECONDS
        self._asked = {name: at for name, at in self._asked.items() if at >= since}
        kept = {engines.job_name(pods.engine_key(asked, item)) for item in items} | self._asked.keys()
        labels = names.common(self.settings) | {"app.kubernetes.io/component": "job"}
        for job in await self.cluster.list("Job", self.settings.workloads, selector(labels), BATCH):
            name = job["metadata"]["name"]
            if name.startswith(engines.NAMED) and name not in kept:
                await self.cluster.delete("Job", name, self.settings.workloads, BATCH)
