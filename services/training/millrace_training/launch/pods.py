"""Jobs as pods of a cluster: one object for each attempt, named after it, so that no attempt runs twice.

One survey lists everything of this release; what is not in it, although it should be, was taken away. The pod itself
speaks through its workspace, so results do not wait for the cluster, nor for its API server when that is away.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from millrace_contracts.jobs import JobProgress
from millrace_contracts.jobs import JobState as State
from millrace_contracts.room import RunSize
from millrace_contracts.waiting import Waiting as WaitingRead
from millrace_core.database import utcnow
from millrace_core.errors import Conflict, MillraceError, Unavailable
from millrace_core.log import log
from millrace_core.owners import owned
from millrace_core.pods import Part
from millrace_core.waiting import PodWaiting, newest, of_scheduling
from millrace_training.launch import apart, flows, limits, manifests, names, ray_jobs, sizes
from millrace_training.launch.census import Census, attempt_of
from millrace_training.launch.judging import Scene, Verdict, is_over, judge, needs_events, queued_for
from millrace_training.launch.room import Room, Unbound
from millrace_training.launch.sizes import Size
from millrace_training.process.sight import Sight, outcome
from millrace_training.runtime.assignment import Assignment, Usage
from millrace_training.runtime.folder import JobFolder
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster

BATCH, RAY = ("Job", "batch/v1"), ("RayJob", "ray.io/v1")
SURVEY_SECONDS = 1.5
EVENTS_AFTER_SECONDS = 5.0
"""A pod that does not run after this long is asked, through its events, for the reason."""
ORPHAN_SECONDS = 60.0
"""What an object has to end by itself once its job is over."""
Found = dict[tuple[str, int], Part]


class PodLauncher:
    """Creates, judges and deletes Jobs and RayJobs."""

    def __init__(
        self, cluster: "Cluster", folder: Callable[[str], JobFolder], settings: TrainingSettings
    ) -> None:
        self.cluster, self._folder, self.settings = cluster, folder, settings
        self.namespace = settings.workloads
        self._work: Found = {}
        self._pods: list[Part] = []
        self._seen_at = float("-inf")
        self._seen_time = utcnow()
        self._clear = False
        self._since = utcnow()
        self._warnings: dict[str, PodWaiting | None] = {}
        self._orphans: dict[str, float] = {}
        self._meeting: set[str] = set()
        """RayJobs, by uid, whose pods may talk to one another."""
        self._apart: set[str] = set()
        """Those of which it was told that they may not."""
        self.census = Census(cluster, settings)
        self._sizes: dict[str, Size] = {}

    async def survey(self) -> bool:
        if time.monotonic() - self._seen_at < SURVEY_SECONDS:
            return self._clear
        moment = utcnow()
        try:
            work, self._pods = await self._listed()
        except Unavailable as error:
            log.warning("the cluster does not answer", error=str(error))
            self._clear = False
            self._since = utcnow()
            return False
        self._work = {attempt_of(item): item for item in work}
        self._warnings = {}
        self._seen_at, self._seen_time, self._clear = time.monotonic(), moment, True
        await self._introduce()
        return True

    async def _introduce(self) -> None:
        """Let the pods of each RayJob talk to one another, where nobody may without a policy."""
        if not self.settings.network_policies:
            return
        there = {
            item["metadata"].get("uid", ""): item for item in self._work.values() if item["kind"] == RAY[0]
        }
        self._meeting &= there.keys()
        self._apart &= there.keys()
        for uid in there.keys() - self._meeting:
            try:
                await self.cluster.apply(flows.policy(there[uid]), self.namespace)
                self._meeting.add(uid)
            except MillraceError as error:
                if uid not in self._apart:
                    name = there[uid]["metadata"]["name"]
                    log.warning("the pods of a RayJob cannot meet yet", name=name, error=str(error))
                self._apart.add(uid)

    async def _listed(self) -> tuple[list[Part], list[Part]]:
        labels = manifests.selector(self.settings)
        kinds = [BATCH, RAY] if await self._has_ray() else [BATCH]
        asked = [self.cluster.list(kind, self.namespace, labels, api_version=api) for kind, api in kinds]
        *work, pods = await asyncio.gather(*asked, self.cluster.list("Pod", self.namespace, labels))
        named = zip(kinds, work, strict=True)
        return [
            item | {"kind": kind, "apiVersion": api} for (kind, api), many in named for item in many
        ], pods

    async def _has_ray(self) -> bool:
        return self.settings.ray == "auto" and await self.cluster.serves(RAY[1], RAY[0])

    async def start(self, job: Job, assignment: Assignment) -> None:
        code = apart.code_of(job)
        hosts = {} if code is None or code.network else await names.known(self.settings)
        order = manifests.Order(job, assignment, self.settings, hosts)
        wants_ray = job.spec.get("executor") == "ray" and await self._has_ray()
        manifest = ray_jobs.ray_job(order) if wants_ray else manifests.plain_job(order)
        manifest = await owned(self.cluster, manifest, self.settings.job_service_account, self.namespace)
        try:
            created = await self.cluster.create(manifest, self.namespace)
        except Conflict:
            log.info("the job's object is there already", job=job.id, name=order.name)
        else:
            self._work[job.id, order.attempt] = manifest | created

    async def room(self, jobs: list[Job]) -> Room:
        running = [job for job in jobs if job.state == State.RUNNING]
        kept = {job.id for job in jobs}
        self._sizes = {id: size for id, size in self._sizes.items() if id in kept}
        started = [((job.id, job.attempts), await self.size(job)) for job in running]
        pods = {attempt_of(pod): pod for pod in self._pods}
        unbound, bound = [], 0
        for job, (attempt, size) in zip(running, started, strict=True):
            pod = pods.get(attempt, {})
            if pod.get("spec", {}).get("nodeName"):
                bound += 1
            elif not size.queued and (work := self._work.get(attempt)) and not is_over(work):
                assert job.attempt_at is not None
                unbound.append(Unbound(size, job.attempt_at, of_scheduling(pod)))
        return await self.census.room(started, unbound, bound)

    async def size(self, job: Job) -> Size:
        if job.id not in self._sizes:
            self._sizes[job.id] = sizes.of(job, self.settings, await self._knows_ray())
        return self._sizes[job.id]

    async def run_size(self, asked: RunSize) -> Size:
        return sizes.of_run(asked, self.settings, await self._knows_ray())

    async def _knows_ray(self) -> bool:
        """Whether KubeRay is there, as far as the cluster answers."""
        with suppress(Unavailable):
            return await self._has_ray()
        return False

    async def look(self, job: Job) -> Sight:
        folder = self._folder(job.id)
        said = await asyncio.to_thread(outcome, folder)
        verdict = await self._verdict(job)
        usage = await asyncio.to_thread(folder.read, "usage", Usage)
        if verdict.alive and verdict.began and self._is_silent(job, verdict.began):
            verdict = Verdict(alive=False, excused=True)
        waits = verdict.alive and verdict.began is None
        said = replace(said, setback=said.setback or verdict.setback)
        if waits and said.progress is None:
            said = replace(said, progress=_pending(str(verdict.waiting or "waits for its pod to start")))
        return Sight(
            said,
            alive=verdict.alive,
            short=verdict.short,
            queued=self._queued(job),
            rss=usage.rss if usage and verdict.alive else 0,
            refusal=verdict.refusal,
            excused=verdict.excused,
            began=verdict.began,
            waits=waits,
            waiting=WaitingRead.model_validate(verdict.waiting) if verdict.waiting else None,
        )

    async def _verdict(self, job: Job) -> Verdict:
        work = self._work.get((job.id, job.attempts))
        assert job.attempt_at is not None
        if not self._clear:
            return Verdict(alive=True)
        if work is None:
            gone = self._seen_time > job.attempt_at
            return Verdict(alive=not gone, excused=gone)
        pods = [pod for pod in self._pods if attempt_of(pod) == (job.id, job.attempts)]
        queued = queued_for(work, job.attempt_at)
        waited = (utcnow() - job.attempt_at).total_seconds() - queued
        memory = limits.memory_bytes(job, self.settings) >> 20
        short = 0.0 if job.short_since is None else (utcnow() - job.short_since).total_seconds() - queued
        never = self.census.never(await self.size(job))
        scene = Scene(work, pods, memory, waited, short_for=short, never=never)
        if waited > EVENTS_AFTER_SECONDS and needs_events(scene):
            scene = replace(scene, warning=await self._warning(work, pods))
        return judge(scene, self.settings)

    def _queued(self, job: Job) -> float:
        work = self._work.get((job.id, job.attempts))
        return 0.0 if work is None or job.attempt_at is None else queued_for(work, job.attempt_at)

    async def _warning(self, work: Part, pods: list[Part]) -> PodWaiting | None:
        """The newest warning about the pods, or about what should have made them; asked once a survey."""
        own = work["metadata"]["name"]
        if own not in self._warnings:
            asked = [*_makers(work, pods), *(pod["metadata"]["name"] for pod in pods)]
            self._warnings[own] = newest([event for name in asked for event in await self._events(name)])
        return self._warnings[own]

    async def _events(self, name: str) -> list[Part]:
        fields = f"involvedObject.name={name},type=Warning"
        return await self.cluster.list("Event", self.namespace, fields=fields)

    def _is_silent(self, job: Job, began: datetime) -> bool:
        """Whether the pod has said nothing for so long that its node must be gone."""
        try:
            stamp = (self._folder(job.id).path / "usage.json").stat().st_mtime
            heard = datetime.fromtimestamp(stamp, UTC)
        except FileNotFoundError:
            heard = began
        quiet = utcnow() - max(heard, began, self._since)
        return quiet.total_seconds() > self.settings.job_lost_seconds

    async def stop(self, job: Job, finished: bool) -> None:
        """Delete the attempt's object; one that ends by itself stays for its log until its time is up."""
        work = self._work.get((job.id, job.attempts))
        if work is not None and not finished and not is_over(work):
            await self._delete(work)

    async def _delete(self, work: Part) -> None:
        meta = work["metadata"]
        kind, api = (work["kind"], work["apiVersion"])
        await self.cluster.delete(kind, meta["name"], self.namespace, api_version=api, foreground=True)
        meta["deletionTimestamp"] = utcnow().isoformat()
        log.info("job's object deleted", name=meta["name"])

    async def release(self, job: Job) -> bool:
        """Pods go on without this service; the next one finds them by their names."""
        return False

    async def tidy(self, jobs: list[Job]) -> None:
        current = {job.id: job.attempts for job in jobs}
        left = {key: item for key, item in self._work.items() if not is_over(item) and not _going(item)}
        strays = {
            item["metadata"]["name"]: item for key, item in left.items() if current.get(key[0]) != key[1]
        }
        now = time.monotonic()
        self._orphans = {name: self._orphans.get(name, now) for name in strays}
        for name, work in strays.items():
            if attempt_of(work)[0] in current or now - self._orphans[name] > ORPHAN_SECONDS:
                await self._delete(work)


def _makers(work: Part, pods: list[Part]) -> list[str]:
    """Who may have failed to make a pod; a Job whose pod is there had its trouble before."""
    if work["kind"] == BATCH[0]:
        return [] if pods else [work["metadata"]["name"]]
    cluster = work.get("status", {}).get("rayClusterName")
    return [work["metadata"]["name"], *([cluster] if cluster else [])]


def _going(work: Part) -> bool:
    return bool(work["metadata"].get("deletionTimestamp"))


def _pending(reason: str) -> JobProgress:
    return JobProgress(step="pending", done=None, total=None, message=reason, numbers={})
