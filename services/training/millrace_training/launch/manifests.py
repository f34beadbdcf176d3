"""What a job asks of a cluster: a Job, and the parts of any pod of it. Pure functions of the job and the settings."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from millrace_contracts.placement import Placement
from millrace_contracts.sinks import Sink
from millrace_contracts.sources import RowSource, Secret, Source
from millrace_contracts.workers import Workers
from millrace_core import pods
from millrace_core.pods import Part
from millrace_training.kinds import KINDS
from millrace_training.launch import apart, crews
from millrace_training.runtime.assignment import Assignment
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job

RAY_VERSION = "2.60.0"
MANAGER = "millrace-training"
COMPONENT = "job"
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
    hosts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Names of Millrace's services by address, for a pod that may look up none."""

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
    def team(self) -> Workers | None:
        """The workers that train code of a user's own."""
        return crews.team_of(self.job)

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
    crew = {crews.CREW: "true"} if order.team is not None else {}
    if job.loop is not None:
        values["millrace.dev/loop"] = job.loop
    if job.loop_run is not None:
        values["millrace.dev/run"] = str(job.loop_run)
    return values | apart.labels(apart.code_of(job)) | crew


def _common(settings: TrainingSettings) -> dict[str, str]:
    return pods.labels(settings, COMPONENT, MANAGER)


def plain_job(order: Order) -> Part:
    """A batch/v1 Job of one pod; whether there is another attempt is our decision, not its backoff's."""
    settings = order.settings
    code = apart.code_of(order.job)
    asked = resources(order, order.cpu, AGENT_MB, 0 if code else order.gpus)
    pod = pod_of(order, [job_container(order, "job", asked) | {"command": agent(order)}])
    if code is not None:
        threads = dict.fromkeys(ONE_THREAD, str(order.assignment.threads))
        cpu, gpus = crews.in_one_pod(order.team, order.cpu, order.gpus)
        asked = resources(order, cpu, 0, gpus)
        if order.team is not None:
            asked["limits"]["cpu"] = cpu
        made = apart.container(code, settings, threads, asked)
        pod = apart.added(pod, made, f"{settings.job_scratch_mb}Mi")
        pod = pod if code.network else apart.nameless(pod, order.hosts)
    pod |= {"restartPolicy": "Never", "activeDeadlineSeconds": order.wall}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(order),
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": order.wall + int(settings.pending_seconds) + START_SLACK,
            "ttlSecondsAfterFinished": settings.job_ttl_seconds,
            "podFailurePolicy": {"rules": DISRUPTED},
            "template": shaped(order, {"metadata": {"labels": labels(order)}, "spec": pod}),
        },
    }


def shaped(order: Order, template: Part) -> Part:
    """The template of a pod of the job, with what the installation gives jobs."""
    return pods.shaped(template, order.settings.shape(COMPONENT))


def metadata(order: Order) -> Part:
    """Name, namespace and labels of the object."""
    queue = order.placement.queue or order.settings.job_queue
    queued = {QUEUE_LABEL: queue} if queue else {}
    return {"name": order.name, "namespace": order.settings.workloads, "labels": labels(order) | queued}


def agent(order: Order) -> list[str]:
    """The command of the job's container."""
    return ["python", "-m", "millrace_training.pod.agent", order.job.id, str(order.attempt)]


def tolerations_asked(order: Order) -> list[Part]:
    """Taints that the job itself says its pods put up with."""
    return [item.model_dump(by_alias=True, exclude_none=True) for item in order.placement.tolerations]


def pod_of(order: Order, containers: list[Part]) -> Part:
    """A pod of the job, with these containers."""
    settings, placement = order.settings, order.placement
    where = pods.Where(
        node_selector=settings.node_selector | placement.node_selector,
        tolerations=tolerated(settings, tolerations_asked(order), containers),
        runtime_class=settings.runtime_class,
        priority_class=placement.priority_class or "",
        pull_secrets=[*settings.image_pull_secrets, *placement.image_pull_secrets],
    )
    disk = f"{settings.job_scratch_mb}Mi"
    volumes = [pods.room("job", disk), pods.room("tmp", disk), pods.token()]
    return pods.hardened(settings.job_service_account, containers, volumes, GRACE_SECONDS, where)


def tolerated(settings: TrainingSettings, asked: list[Part], containers: list[Part]) -> list[Part]:
    """What is asked for; a pod with GPUs, and no other by itself, may be on the nodes that are kept for such."""
    kept = [*settings.tolerations, *asked]
    key = "nvidia.com/gpu" if settings.gpu_resource.startswith("nvidia.com/") else settings.gpu_resource
    has = any(settings.gpu_resource in item["resources"]["limits"] for item in containers)
    if has and all(item.get("key") != key for item in kept):
        kept.append({"key": key, "operator": "Exists", "effect": "NoSchedule"})
    return kept


def job_container(order: Order, name: str, resources: Part) -> Part:
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


def resources(order: Order, cpu: str, beside_mb: int, gpus: int) -> Part:
    """Memory is asked for in full: a job that was admitted is not driven out by its own growth."""
    memory = {"memory": f"{order.memory_mb + beside_mb}Mi"}
    extended = {order.settings.gpu_resource: str(gpus)} if gpus else {}
    return {
        "requests": {"cpu": cpu} | memory | extended,
        "limits": {"cpu": str(order.assignment.threads)} | memory | extended,
    }
