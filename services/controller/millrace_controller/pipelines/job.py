"""Does a piece of work in a Kubernetes Job; its result is its last message."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from millrace_controller.pipelines import manifests
from millrace_controller.pipelines.attempts import Ended, Handle
from millrace_controller.pipelines.settings import PipelineSettings
from millrace_controller.pipelines.work import Work
from millrace_core.errors import Conflict, Forbidden, Unavailable
from millrace_core.log import log
from millrace_core.owners import owned
from millrace_core.pods import Part
from millrace_core.waiting import (
    OUT_OF_MEMORY,
    QUOTA,
    QUOTA_IS_USED,
    UNSCHEDULABLE,
    PodWaiting,
    newest,
    of_pod,
)

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster

BATCH = "batch/v1"
LOG_LINES = 5
STOP_SECONDS, STOP_LOOK = 60.0, 0.5


class JobRunner:
    """Work as Jobs, one for each try; its name says which, so it cannot be there twice."""

    def __init__(
        self, settings: PipelineSettings, cluster: "Cluster", clock: Callable[[], float] = time.time
    ) -> None:
        self.settings, self.cluster, self.clock = settings, cluster, clock
        self.namespace = settings.workloads

    async def start(self, work: Work) -> Handle | Ended:
        """Make its Job; its end if the namespace does not let it in: a quota perhaps later, anything else never."""
        made = manifests.job(self.settings, work)
        made = await owned(self.cluster, made, self.settings.pod(work.kind).service_account, self.namespace)
        try:
            await self.cluster.create(made, self.namespace)
        except Conflict:
            log.info("it was made before, and not written down", name=work.name)
        except Forbidden as error:
            return self._let_in_by_nobody(work, error.detail)
        return self._handle(work)

    def _let_in_by_nobody(self, work: Work, why: str) -> Ended:
        short = QUOTA_IS_USED in why
        words = f"the {work.kind}'s Job may not be made: {why}"
        return Ended(
            self._handle(work), message=words, final=not short, reason=QUOTA if short else "", short=short
        )

    async def find(self, work: Work) -> Handle | None:
        return self._handle(work) if await self._job(work.name) is not None else None

    async def look(self, work: Work, handle: Handle) -> Handle | Ended:
        job, pods = await self._job(handle["id"]), await self._pods(handle["id"])
        if job is None:
            return Ended(handle, message=f"the {work.kind}'s Job was deleted")
        finished = _finished(job)
        if finished is not None:
            return await self._end(work, handle, finished, pods)
        if pods and not _pending(pods[-1]):
            return handle
        waiting = of_pod(pods[-1]) if pods else await self._refused(handle["id"])
        if self.clock() - handle["since"] > self.settings.pending_seconds:
            return await self._given_up(work, handle, waiting or PodWaiting("Pending", "nothing says why"))
        return handle if waiting is None else handle | {"waiting": waiting.json()}

    async def _given_up(self, work: Work, handle: Handle, waiting: PodWaiting) -> Ended:
        await self._delete(handle["id"])
        words = f"the {work.kind}'s pod did not start within {self.settings.pending_seconds:.0f} s: {waiting}"
        short = waiting.reason in (UNSCHEDULABLE, QUOTA)
        return Ended(handle, message=words, final=not short, reason=waiting.reason, short=short)

    async def stop(self, handle: Handle) -> None:
        await self._delete(handle["id"])
        until = self.clock() + STOP_SECONDS
        while any(_at_work(pod) for pod in await self._pods(handle["id"])):
            if self.clock() > until:
                raise Unavailable(f"The pod of {handle['id']} does not stop.")
            await asyncio.sleep(STOP_LOOK)

    async def tidy(self, work: Work) -> None:
        """Nothing: what a pod leaves goes with it."""

    def _handle(self, work: Work) -> Handle:
        return {"runner": "job", "id": work.name, "namespace": self.namespace, "since": self.clock()}

    async def _job(self, name: str) -> Part | None:
        return await self.cluster.get("Job", name, self.namespace, BATCH)

    async def _pods(self, name: str) -> list[Part]:
        return await self.cluster.list("Pod", self.namespace, labels=f"batch.kubernetes.io/job-name={name}")

    async def _delete(self, name: str) -> None:
        await self.cluster.delete("Job", name, self.namespace, BATCH, foreground=True)

    async def _refused(self, name: str) -> PodWaiting | None:
        """Why the Job got no pod: a quota, a missing service account, an admission rule."""
        fields = f"involvedObject.kind=Job,involvedObject.name={name},type=Warning"
        events = await self.cluster.list("Event", self.namespace, fields=fields)
        return newest(events)

    async def _end(self, work: Work, handle: Handle, finished: Part, pods: list[Part]) -> Ended:
        for pod in pods:
            stopped = _stopped(pod)
            told = _result(stopped.get("message", ""))
            if told is not None:
                return Ended(handle, bool(told["ok"]), str(told["message"]), bool(told["final"]))
        if finished.get("reason") == "DeadlineExceeded":
            return Ended(
                handle, message=f"the {work.kind} ran past its deadline: {finished.get('message', '')}"
            )
        if not pods:
            return Ended(handle, message=f"the {work.kind}'s pod was deleted")
        if _why(pods[-1]) == "OOMKilled":
            words = f"the {work.kind}'s pod needed more memory than its limit (OOMKilled)"
            return Ended(handle, message=words, reason=OUT_OF_MEMORY)
        return Ended(handle, message=await self._autopsy(work, pods[-1]))

    async def _autopsy(self, work: Work, pod: Part) -> str:
        """Why a pod ended without a result, and the last that it said."""
        status = pod.get("status", {})
        try:
            said = await self.cluster.log(pod["metadata"]["name"], self.namespace, lines=LOG_LINES)
        except Exception:  # a log is a courtesy
            said = ""
        words = (
            f"the {work.kind}'s pod ended without a result: {_why(pod)} {status.get('message', '')}".strip()
        )
        return f"{words}; its last lines: {said.strip()}" if said.strip() else words


def _finished(job: Part) -> Part | None:
    for condition in job.get("status", {}).get("conditions") or []:
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            return condition
    return None


def _containers(pod: Part) -> list[Part]:
    return pod.get("status", {}).get("containerStatuses") or []


def _stopped(pod: Part) -> Part:
    found = [
        item["state"]["terminated"] for item in _containers(pod) if "terminated" in item.get("state", {})
    ]
    return found[0] if found else {}


def _why(pod: Part) -> str:
    return str(_stopped(pod).get("reason") or pod.get("status", {}).get("reason") or "it was killed")


def _pending(pod: Part) -> bool:
    return bool(pod.get("status", {}).get("phase", "Pending") == "Pending")


def _at_work(pod: Part) -> bool:
    return pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")


def _result(message: str) -> Part | None:
    try:
        told = json.loads(message)
    except ValueError:
        return None
    return told if isinstance(told, dict) and {"ok", "message", "final"} <= set(told) else None
