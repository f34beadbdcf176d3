"""A cluster in memory that is as strict as a real one, and runs what is created as real processes of this machine."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.training.pods import strict

from millrace_core.errors import Conflict, Forbidden, Unavailable

Manifest = dict[str, Any]
GRACE_SECONDS = 10.0


class Running:
    """One object, the process of its pod, and what a test decrees about it."""

    def __init__(self, manifest: Manifest, process: subprocess.Popen | None, log: Path) -> None:
        self.manifest, self.process, self.log = manifest, process, log
        self.reason: str | None = None
        self.disrupted = False
        self.began = datetime.now(UTC).isoformat()

    @property
    def name(self) -> str:
        return self.manifest["metadata"]["name"]

    @property
    def code(self) -> int | None:
        return None if self.process is None else self.process.poll()


def gone(process: subprocess.Popen, mark: str) -> None:
    """*process* is killed with all that it started, as a container's are: all who have *mark* in their environment."""
    for line in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark.encode() in line.read_bytes().split(b"\0"):
                os.kill(int(line.parent.name), signal.SIGKILL)
    process.kill()
    process.wait()


class FakeCluster:
    """Job, RayJob, Pod and Event of one namespace.

    Attributes a test may set: *down* (the API server is away), *refuse* (why nothing may be created), *stuck* (the
    state in which new pods stay: ("waiting", reason, message), ("unschedulable", message), or ("unmade",): there are
    none), *ray* (KubeRay is there).
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.objects: dict[str, Running] = {}
        self.created: list[str] = []
        self.policies: list[Manifest] = []
        self.asked: list[str] = []
        self.deleted: list[tuple[str, bool]] = []
        self.events: list[Manifest] = []
        self.down = self.ray = False
        self.refuse = ""
        self.unanswered = 0
        self.stuck: tuple[str, ...] | None = None
        self.quotas: list[Manifest] = []

    async def create(self, manifest: Manifest, namespace: str) -> Manifest:
        self._answer()
        name = manifest["metadata"]["name"]
        assert manifest["metadata"]["namespace"] == namespace
        assert (manifest["apiVersion"], manifest["kind"]) in (("batch/v1", "Job"), ("ray.io/v1", "RayJob"))
        (owner,) = manifest["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"]) == ("ServiceAccount", "millrace-job"), (
            "it goes with the installation"
        )
        if self.refuse:
            raise Forbidden(self.refuse)
        if name in self.objects:
            raise Conflict(f'jobs.batch "{name}" already exists')
        self.created.append(name)
        process, log = None, self.folder / f"{name}.log"
        if self.stuck is None and manifest["kind"] == "Job":
            process = self._started(name, manifest["spec"]["template"]["spec"]["containers"][0], log)
        manifest = manifest | {"metadata": manifest["metadata"] | {"uid": f"uid-of-{name}"}}
        self.objects[name] = Running(manifest, process, log)
        return manifest | {"metadata": manifest["metadata"] | {"creationTimestamp": self.objects[name].began}}

    async def apply(self, manifest: Manifest, namespace: str) -> Manifest:
        self._answer()
        assert (manifest["kind"], manifest["metadata"]["namespace"]) == ("NetworkPolicy", namespace)
        if self.refuse:
            raise Forbidden(self.refuse)
        strict.check("V1NetworkPolicy", manifest)
        self.policies.append(manifest)
        return manifest

    def _started(self, name: str, container: Manifest, log: Path) -> subprocess.Popen:
        place = self.folder / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        given = {item["name"]: item["value"] for item in container["env"]}
        given.pop("MILLRACE_TOKEN_FILE")
        environment = os.environ | given | {"MILLRACE_JOB_FOLDER": str(place)} | self.environment
        command = [sys.executable, *container["command"][1:]]
        with log.open("wb") as output:
            return subprocess.Popen(
                command, env=environment, stdout=output, stderr=output, start_new_session=True
            )

    def begin(self, job: str) -> None:
        """A node is found for the pod of *job*."""
        item = self.of(job)
        container = item.manifest["spec"]["template"]["spec"]["containers"][0]
        item.process, item.began = (
            self._started(item.name, container, item.log),
            datetime.now(UTC).isoformat(),
        )

    async def get(self, kind: str, name: str, namespace: str, api_version: str = "v1") -> Manifest:
        self._answer()
        assert kind == "ServiceAccount"
        return {"metadata": {"name": name, "uid": f"uid-of-{name}"}}

    async def list(
        self,
        kind: str,
        namespace: str | None,
        labels: str = "",
        api_version: str = "v1",
        fields: str = "",
        keep: Any = lambda item: item,
    ) -> list[Manifest]:
        self._answer()
        if kind == "ResourceQuota":
            return [keep(item) for item in self.quotas]
        if kind == "Node" or namespace is None:
            raise Forbidden("nodes is forbidden")
        if kind == "Event":
            wanted = fields.split("involvedObject.name=")[1].split(",")[0]
            return [item for item in self.events if item["involvedObject"]["name"] == wanted]
        self.asked.append(kind)
        wanted = dict(item.split("=") for item in labels.split(","))
        kept = [
            item
            for item in self.objects.values()
            if wanted.items() <= item.manifest["metadata"]["labels"].items()
        ]
        if kind == "Pod":
            unmade = self.stuck == ("unmade",)
            return [self._pod(item) for item in kept if item.process is not None or not unmade]
        return [self._work(item) for item in kept if item.manifest["kind"] == kind]

    async def serves(self, group_version: str, kind: str) -> bool:
        self._answer()
        return self.ray and (group_version, kind) == ("ray.io/v1", "RayJob")

    async def delete(
        self, kind: str, name: str, namespace: str, api_version: str = "v1", foreground: bool = False
    ) -> bool:
        self._answer()
        self.deleted.append((name, foreground))
        item = self.objects.pop(name, None)
        if item is not None:
            self.end(item)
        return item is not None

    def _answer(self) -> None:
        if self.down:
            self.unanswered += 1
            raise Unavailable("The cluster's API server does not answer.")

    def end(self, item: Running) -> None:
        """As a kubelet ends a pod: told, then killed."""
        if item.process is None:
            return
        if item.process.poll() is None:
            item.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                item.process.wait(GRACE_SECONDS)
        gone(item.process, self._mark(item))

    def drive_out(self, job: str) -> None:
        """As a scheduler preempts a pod: its mark is there before the pod is told to end."""
        item = self.of(job)
        item.disrupted = True
        self.end(item)

    def of(self, job: str) -> Running:
        """The newest attempt of *job*."""
        found = [
            item
            for item in self.objects.values()
            if item.manifest["metadata"]["labels"]["millrace.dev/job"] == job
        ]
        return max(found, key=lambda item: item.began)

    def says(self, job: str, words: str) -> None:
        """Return once the pod of *job* has said *words*."""
        log = self.of(job).log
        while words not in log.read_text():
            assert self.of(job).code is None, log.read_text()
            time.sleep(0.05)

    def kill(self, job: str) -> None:
        """The whole pod at once, as when its machine burns."""
        item = self.of(job)
        gone(item.process, self._mark(item))

    def _mark(self, item: Running) -> str:
        return f"MILLRACE_JOB_FOLDER={self.folder / item.name}"

    def _work(self, item: Running) -> Manifest:
        conditions = []
        if item.reason is not None or item.code is not None:
            good = item.reason is None and not item.disrupted and item.code == 0
            reason = "PodFailurePolicy" if item.disrupted else "BackoffLimitExceeded"
            failed = {"type": "Failed", "status": "True", "reason": reason, "message": "Job has failed"}
            conditions = [{"type": "Complete", "status": "True"} if good else failed]
        return item.manifest | {"status": {"conditions": conditions}}

    def _pod(self, item: Running) -> Manifest:
        template = (
            item.manifest["spec"].get("template")
            or item.manifest["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]
        )
        meta = {"name": f"{item.name}-abcde", "labels": template["metadata"]["labels"]}
        placed = item.process is not None or (self.stuck is not None and self.stuck[0] == "waiting")
        spec = template["spec"] | ({"nodeName": "node"} if placed else {})
        return {"metadata": meta, "spec": spec, "status": self._status(item)}

    def _status(self, item: Running) -> Manifest:
        if item.process is None:
            return self._stuck_status()
        target = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}
        conditions = [target] if item.disrupted else []
        state: Manifest = {"running": {"startedAt": item.began}}
        if item.reason is not None or item.code is not None:
            reason = item.reason or ("Completed" if item.code == 0 else "Error")
            last = item.log.read_text()[-2048:]
            ended = {"reason": reason, "exitCode": item.code or 0, "message": last, "startedAt": item.began}
            state = {"terminated": ended}
        return {"conditions": conditions, "containerStatuses": [{"name": "job", "state": state}]}

    def _stuck_status(self) -> Manifest:
        if self.stuck is None:
            return {}
        if self.stuck[0] == "unschedulable":
            condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
            return {"conditions": [condition | {"message": self.stuck[1]}]}
        waiting = {"reason": self.stuck[1], "message": self.stuck[2]}
        return {"containerStatuses": [{"name": "job", "state": {"waiting": waiting}}]}

    def close(self) -> None:
        for item in self.objects.values():
            if item.process is not None:
                gone(item.process, self._mark(item))
