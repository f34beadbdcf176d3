"""Has forms measured on the nodes that serve: a Job each, one at a time on a node; it reports by a route of its own."""

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from millrace_contracts.variants import Measurement
from millrace_core.log import log
from millrace_core.owners import Manifest, owner
from millrace_core.pods import selector
from millrace_serving.cluster import measurements, names, reasons
from millrace_serving.cluster.measurements import COMPONENT, NODE, Question
from millrace_serving.settings import ServingSettings
from millrace_serving.triton.measuring import Busy, NotBegun, NotMeasured

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster

Part = Mapping[str, Any]
BATCH = "batch/v1"
UNTOLD = "why was not seen"
LOUD = ("job", COMPONENT)
"""Components whose pods use their node as much as they can."""


class Measuring:
    """The Jobs that measure in one namespace."""

    def __init__(self, settings: ServingSettings, cluster: "Cluster") -> None:
        self.settings, self.cluster = settings, cluster
        self._asked: dict[str, float] = {}
        """When a question was first put, by the name of its Job (monotonic)."""
        self._waits: dict[str, str] = {}
        """What its pod waited for when it was last looked at, by the name of a Job; empty: it has begun."""
        self._told: set[str] = set()
        """Jobs that never began, by uid, of which that was told."""

    async def ask(self, asked: Question) -> None:
        """See to it that a form is measured; always ends in one of two ways.

        Raises: Busy while it is measured, or waits for that; NotBegun, once for each Job whose pod found no place in
            its time: asked again, there is another Job; NotMeasured if it cannot be.
        """
        where = f"on {asked.place}" if asked.place else "on a node with its GPU"
        job = await self.cluster.get("Job", asked.job, self.settings.workloads, BATCH)
        if job is not None:
            await self._stands(job, asked)
        if job is None:
            await self._turn(asked)
            job = await self._begin(asked)
        status = job.get("status", {})
        if status.get("succeeded"):
            raise NotMeasured(f"the Job {asked.job} {where} ended and reported nothing")
        if (failed := reasons.of_failed(job)) is not None:
            self._never_began(job, asked.job, where)
            words = await self._last_words(asked.job)
            raise NotMeasured(f"the Job {asked.job} {where} failed ({words or failed})"[:500])
        pods = await self._pods(asked.job)
        trouble = reasons.of_pods(pods, {})
        waits = f", but {trouble.text}" if trouble is not None else ""
        self._waits[asked.job] = "" if any(map(reasons.begun, pods)) else trouble.text if trouble else UNTOLD
        raise Busy(f"{asked.target} is measured now by the Job {asked.job} {where}{waits}"[:500])

    def _never_began(self, job: Part, name: str, where: str) -> None:
        """Raises: NotBegun if the Job's time was up before anything of it ran, as far as that was seen."""
        waited = self._waits.pop(name, UNTOLD)
        if not reasons.out_of_time(job) or not waited:
            return
        self._told.add(job["metadata"].get("uid", ""))
        self._asked.pop(name, None)
        seconds = self.settings.measure_seconds
        raise NotBegun(f"the Job {name} {where} had not begun after {seconds} s ({waited})"[:500])

    async def _stands(self, job: Part, asked: Question) -> None:
        """A Job that never began makes room for another of its name. Raises: Busy until it is gone."""
        meta = job["metadata"]
        if meta.get("uid", "") in self._told:
            self._told.remove(meta["uid"])
            await self.cluster.delete("Job", asked.job, self.settings.workloads, BATCH)
        elif not meta.get("deletionTimestamp"):
            return
        raise Busy(f"{asked.target} is measured by a new Job {asked.job} once the one before it is gone")

    async def _turn(self, asked: Question) -> None:
        """Raises: Busy while another Job measures there, or, for a while, while one trains there."""
        jobs = await self._jobs()
        for other in jobs:
            if other["metadata"].get("annotations", {}).get(NODE) == asked.place and not _over(other):
                raise Busy(
                    f"{asked.target} waits until the Job {other['metadata']['name']} has measured there"
                )
        since = self._asked.setdefault(asked.job, time.monotonic())
        loud = [pod for pod in await self._on(asked.place) if _component(pod) == "job"]
        patience = self.settings.measure_patience_seconds
        if any(reasons.running(pod) for pod in loud) and time.monotonic() - since < patience:
            raise Busy(
                f"{asked.target} is measured once no job runs on {asked.place}, or in {patience:.0f} s"
            )

    async def _begin(self, asked: Question) -> Manifest:
        made = measurements.job(self.settings, asked)
        account = await owner(self.cluster, names.account(self.settings), self.settings.workloads)
        if account is not None:
            made["metadata"]["ownerReferences"] = [account]
        log.info("measuring a form", form=asked.target, job=asked.job, node=asked.place)
        job = await self.cluster.apply(made, self.settings.workloads)
        words = f"{asked.target} of {asked.item.model} is measured on {asked.place or asked.key}."
        await self.cluster.event(made | job, "MeasuringForm", words)
        return job

    async def judged(self, pod: str, measured: Measurement) -> Measurement:
        """What was reported from *pod*, with what else ran on its node meanwhile.

        It is exclusive if no other Job of ours, which trains or measures, ran there from its pod's beginning on.
        """
        mine = await self.cluster.get("Pod", pod, self.settings.workloads)
        place = (mine or {}).get("spec", {}).get("nodeName", "")
        began = (mine or {}).get("status", {}).get("startTime", "")
        others = [item for item in await self._on(place) if item["metadata"]["name"] != pod]
        beside = [item for item in others if reasons.ran_since(item, began)]
        alone = bool(place and began) and not any(_component(item) in LOUD for item in beside)
        return measured.model_copy(update={"exclusive": alone, "beside": len(beside)})

    async def _jobs(self) -> list[Manifest]:
        chosen = selector(measurements.labels(self.settings))
        return await self.cluster.list("Job", self.settings.workloads, chosen, BATCH)

    async def _on(self, place: str) -> list[Manifest]:
        """Pods of this installation on a node, also those that have ended."""
        if not place:
            return []
        chosen = {key: value for key, value in names.common(self.settings).items() if key in SHARED}
        pods = await self.cluster.list("Pod", self.settings.workloads, selector(chosen))
        return [pod for pod in pods if pod.get("spec", {}).get("nodeName") == place]

    async def _pods(self, job: str) -> list[Manifest]:
        chosen = selector(measurements.labels(self.settings))
        return [pod for pod in await self._found(chosen) if pod["metadata"]["name"].startswith(f"{job}-")]

    async def _found(self, chosen: str) -> list[Manifest]:
        return await self.cluster.list("Pod", self.settings.workloads, chosen)

    async def _last_words(self, job: str) -> str:
        statuses = [item for pod in await self._pods(job) for item in _statuses(pod)]
        return next((words for item in statuses if (words := _words(item))), "")


SHARED = ("app.kubernetes.io/name", "app.kubernetes.io/instance")
"""Labels that all pods of an installation have."""


def is_of(pod: str | None, job: str) -> bool:
    """Whether a pod of this name was made for that Job."""
    return pod is not None and pod.startswith(f"{job}-")


def _component(pod: Part) -> str:
    return str(pod["metadata"].get("labels", {}).get("app.kubernetes.io/component", ""))


def _statuses(pod: Part) -> Iterable[Part]:
    status = pod.get("status", {})
    return (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ()))


def _words(item: Part) -> str:
    """The last words of a container that ended badly."""
    ended = item.get("state", {}).get("terminated") or {}
    return reasons.said(str(ended.get("message", ""))) if ended.get("exitCode") else ""


def _over(job: Part) -> bool:
    return bool(job.get("status", {}).get("succeeded")) or reasons.of_failed(job) is not None
