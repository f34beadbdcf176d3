"""What a job asks of a cluster: a batch Job, or a RayJob. Pure functions of the job and the settings."""

import json
from dataclasses import dataclass

from millrace_contracts.placement import Placement
from millrace_contracts.sinks import Sink
from millrace_contracts.sources import RowSource, Secret, Source
from millrace_core import pods
from millrace_core.pods import Part
from millrace_training.kinds import KINDS
from millrace_training.launch import apart
from millrace_training.runtime.assignment import Assignment
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job

RAY_VERSION = "2.60.0"
MANAGER = "millrace-training"
VOLUME = "/job"
FOLDER = "/job/work"
"""The job's folder lies within its volume, whose root belongs to another user."""
AGENT_MB = 128
"""MiB of a pod beside the job's own: the agent that speaks for it."""
RAY_MB = 1024
"""MiB of a Ray pod beside the job's own: Ray's processes and their object store."""
GRACE_SECONDS = 20
"""What a pod has between being told to stop and being killed: its finished trials are sent meanwhile."""
WALL_SLACK = 60
START_SLACK = 120
CUT = 8
"""Signs of a job's id that may be missing in the name of its pod; what is left is still nobody else's."""
DISRUPTED = [{"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
PLACES: dict[str, tuple[str, type[Source | RowSource | Sink]]] = {
    "pull": ("source", Source),
    "look": ("source", Source),
    "gather": ("source", RowSource),
    "score": ("sink", Sink),
}
"""Kinds of job that read a source or write into a sink, and where their specification names it."""
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Order:
    """One attempt of one job, with all that its manifest is made of."""

    job: Job
    assignment: Assignment
    settings: TrainingSettings

    @property
    def attempt(self) -> int:
        return self.assignment.job.attempt

    @property
    def name(self) -> str:
        return name(self.job.kind, self.job.id, self.attempt)

    @property
    def placement(self) -> Placement:
        return Placement.model_validate(self.job.limits.get("placement") or {})

    @property
    def gpus(self) -> int:
        """GPUs of each pod that does its work; what trains no model needs none."""
        return self.placement.gpus if KINDS[self.job.kind].heavy else 0

    @property
    def memory_mb(self) -> int:
        return self.assignment.memory_bytes >> 20

    @property
    def cpu(self) -> str:
        """CPUs that a pod of it asks for, when it does the work itself."""
        return self.settings.job_cpu if KINDS[self.job.kind].heavy else self.settings.light_cpu

    @property
    def wall(self) -> int:
        return int(self.assignment.wall_seconds) + WALL_SLACK


def name(kind: str, id: str, attempt: int) -> str:
    """Name of an attempt's object: the same attempt cannot be there twice. At most 47 bytes, as Ray wants it."""
    return f"{kind}-{id}-{attempt}"


def is_pod_of(pod: str, id: str, attempt: int) -> bool:
    """Whether a pod of this name was made for that attempt; KubeRay before 1.4 cuts the beginning of long names off."""
    return f"{id[CUT:]}-{attempt}-" in pod


def selector(settings: TrainingSettings) -> str:
    """Label selector of everything that this release's jobs have in the cluster."""
    return pods.selector(_common(settings))


def labels(order: Order) -> dict[str, str]:
    """Labels of the object and of its pods."""
    job = order.job
    values = _common(order.settings) | {
        "millrace.dev/project": job.project,
        "millrace.dev/job": job.id,
        "millrace.dev/kind": job.kind,
        "millrace.dev/attempt": str(order.attempt),
    }
    if job.loop is not None:
        values["millrace.dev/loop"] = job.loop
    if job.loop_run is not None:
        values["millrace.dev/run"] = str(job.loop_run)
    return values | apart.labels(apart.code_of(job))


def _common(settings: TrainingSettings) -> dict[str, str]:
    return pods.labels(settings, "job", MANAGER)


def plain_job(order: Order) -> Part:
    """A batch/v1 Job of one pod; whether there is another attempt is our decision, not its backoff's."""
    settings = order.settings
    code = apart.code_of(order.job)
    asked = _resources(order, order.cpu, AGENT_MB, 0 if code else order.gpus)
    pod = _pod(order, [_container(order, "job", asked) | {"command": _agent(order)}])
    if code is not None:
        threads = dict.fromkeys(ONE_THREAD, str(order.assignment.threads))
        made = apart.container(code, settings, threads, _resources(order, order.cpu, 0, order.gpus))
        pod = apart.added(pod, made, f"{settings.job_scratch_mb}Mi")
    pod |= {"restartPolicy": "Never", "activeDeadlineSeconds": order.wall}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(order),
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": order.wall + int(settings.pending_seconds) + START_SLACK,
            "ttlSecondsAfterFinished": settings.job_ttl_seconds,
            "podFailurePolicy": {"rules": DISRUPTED},
            "template": {"metadata": {"labels": labels(order)}, "spec": pod},
        },
    }


def ray_job(order: Order) -> Part:
    """A RayJob: the agent runs on the head, trials on the workers (on the head if there are none).

    A head that only leads asks for little CPU, so that a cluster fits where a plain job does.
    """
    settings, placement = order.settings, order.placement
    workers = settings.ray_workers if placement.workers is None else placement.workers
    head = _ray_pod(
        order, "ray-head", order.cpu if not workers else settings.light_cpu, 0 if workers else order.gpus
    )
    threads = str(order.assignment.threads)
    group = {
        "groupName": "workers",
        "replicas": workers,
        "minReplicas": workers,
        "maxReplicas": workers,
        "rayStartParams": {"num-cpus": threads},
        "template": _ray_worker(order),
    }
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": _metadata(order),
        "spec": {
            "entrypoint": " ".join(_agent(order)),
            "jobId": order.name,
            "submissionMode": "HTTPMode",
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": min(60, settings.job_ttl_seconds),
            "backoffLimit": 0,
            "preRunningDeadlineSeconds": int(settings.pending_seconds) + START_SLACK,
            "activeDeadlineSeconds": order.wall + int(settings.pending_seconds) + START_SLACK,
            "rayClusterSpec": {
                "rayVersion": RAY_VERSION,
                "authOptions": {"mode": "token"},
                "headGroupSpec": {
                    "rayStartParams": {"num-cpus": "0" if workers else threads},
                    "template": head,
                },
                "workerGroupSpecs": [group] if workers else [],
            },
        },
    }


def _metadata(order: Order) -> Part:
    queue = order.placement.queue or order.settings.job_queue
    queued = {QUEUE_LABEL: queue} if queue else {}
    return {"name": order.name, "namespace": order.settings.workloads, "labels": labels(order) | queued}


def _agent(order: Order) -> list[str]:
    return ["python", "-m", "millrace_training.pod.agent", order.job.id, str(order.attempt)]


def _ray_pod(order: Order, container: str, cpu: str, gpus: int) -> Part:
    ray = _container(order, container, _resources(order, cpu, AGENT_MB + RAY_MB, gpus))
    ray["env"] += [{"name": name, "value": "1"} for name in ONE_THREAD]
    ray["env"] += [{"name": "RAY_USAGE_STATS_ENABLED", "value": "0"}]
    ray["env"] += [{"name": "MILLRACE_RAY_ADDRESS", "value": "auto"}]
    ray["volumeMounts"].append(pods.mount("shm", pods.SHARED_MEMORY))
    pod = _pod(order, [ray]) | {"restartPolicy": "Never"}
    pod["volumes"].append(pods.shared_memory())
    return {"metadata": {"labels": labels(order)}, "spec": pod}


def _ray_worker(order: Order) -> Part:
    """A worker may be on a node that is taken away; Ray tries its trials again elsewhere."""
    settings = order.settings
    template = _ray_pod(order, "ray-worker", order.cpu, order.gpus)
    pod = template["spec"]
    pod["tolerations"] = [*pod.get("tolerations", []), *settings.ray_worker_tolerations]
    pod["nodeSelector"] = pod.get("nodeSelector", {}) | settings.ray_worker_node_selector
    return template


def _pod(order: Order, containers: list[Part]) -> Part:
    settings, placement = order.settings, order.placement
    asked = [item.model_dump(by_alias=True, exclude_none=True) for item in placement.tolerations]
    where = pods.Where(
        node_selector=settings.node_selector | placement.node_selector,
        tolerations=_tolerations(settings, asked, containers),
        runtime_class=settings.runtime_class,
        priority_class=placement.priority_class or "",
        pull_secrets=[*settings.image_pull_secrets, *placement.image_pull_secrets],
    )
    disk = f"{settings.job_scratch_mb}Mi"
    volumes = [pods.room("job", disk), pods.room("tmp", disk), pods.token()]
    return pods.hardened(settings.job_service_account, containers, volumes, GRACE_SECONDS, where)


def _tolerations(settings: TrainingSettings, asked: list[Part], containers: list[Part]) -> list[Part]:
    """What is asked for; a pod with GPUs, and no other by itself, may be on the nodes that are kept for such."""
    kept = [*settings.tolerations, *asked]
    key = "nvidia.com/gpu" if settings.gpu_resource.startswith("nvidia.com/") else settings.gpu_resource
    has = any(settings.gpu_resource in item["resources"]["limits"] for item in containers)
    if has and all(item.get("key") != key for item in kept):
        kept.append({"key": key, "operator": "Exists", "effect": "NoSchedule"})
    return kept


def _container(order: Order, name: str, resources: Part) -> Part:
    """The job's container, without a command: KubeRay writes that of its own."""
    mounts = [pods.mount("job", VOLUME), pods.mount("tmp", pods.SCRATCH), pods.token_mount()]
    made = pods.container(name, order.settings.job_image, _environment(order), resources, mounts)
    made["env"] += [pods.secret_variable(*item) for item in _secrets(order)]
    return made


def _secrets(order: Order) -> list[tuple[str, str, str]]:
    """Variable, Secret and key of what a source or sink needs. A project reaches Secrets of its own name alone."""
    named = _declared(order.job).values()
    found = {
        item.variable(): (
            item.variable(),
            f"source.{order.job.project}.{item.secret_ref.name}",
            item.secret_ref.key,
        )
        for item in named
        if item.secret_ref is not None
    }
    return [found[name] for name in sorted(found)]


def _declared(job: Job) -> dict[str, Secret]:
    """The secrets that a job names, by their place."""
    field, kind = PLACES.get(job.kind, ("", Sink))
    named = job.spec.get(field)
    return {} if named is None else kind.model_validate(named).secrets()


def _environment(order: Order) -> dict[str, str]:
    return order.settings.addresses | {
        "HOME": pods.SCRATCH,
        "MILLRACE_JOB_FOLDER": FOLDER,
        "MILLRACE_PROJECT": order.job.project,
        "MILLRACE_TOKEN_FILE": pods.TOKEN_FILE,
        "MILLRACE_SOURCE_HOSTS": json.dumps(order.settings.source_hosts),
    }


def _resources(order: Order, cpu: str, beside_mb: int, gpus: int) -> Part:
    """Memory is asked for in full: a job that was admitted is not driven out by its own growth."""
    memory = {"memory": f"{order.memory_mb + beside_mb}Mi"}
    extended = {order.settings.gpu_resource: str(gpus)} if gpus else {}
    return {
        "requests": {"cpu": cpu} | memory | extended,
        "limits": {"cpu": str(order.assignment.threads)} | memory | extended,
    }
