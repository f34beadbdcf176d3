"""How large a job is before it is started: what its pods will ask for. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from millrace_contracts.room import RunSize
from millrace_core.pods import Part
from millrace_training.launch import amounts, limits, manifests, ray_jobs
from millrace_training.launch.amounts import Amounts
from millrace_training.settings import TrainingSettings
from millrace_training.tables import Job


@dataclass(frozen=True)
class PodSize:
    """One pod: how much, and which nodes may have it."""

    amounts: Amounts
    selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Size:
    """All pods of a job. *queued*: Kueue decides when it may begin, so nothing else does."""

    pods: tuple[PodSize, ...] = ()
    queued: bool = False

    @property
    def total(self) -> Amounts:
        """All of it together."""
        return sum((pod.amounts for pod in self.pods), Amounts())

    @property
    def kind(self) -> str:
        """Jobs of one kind want the same places; those of another do not wait for them."""
        gpu = "gpu" if self.total.gpus else "cpu"
        labels = sorted({f"{key}={value}" for pod in self.pods for key, value in pod.selector.items()})
        return " ".join([gpu, *labels, *(["queued"] if self.queued else [])])

    def told(self) -> str:
        """In words."""
        several = f" in {len(self.pods)} pods" if len(self.pods) > 1 else ""
        return self.total.told() + several if self.pods else "one place"


def of(job: Job, settings: TrainingSettings, ray: bool) -> Size:
    """The size of a job in a cluster; *ray*: KubeRay is there."""
    order = manifests.Order(job, limits.granted(job, settings, max(1, job.attempts or 1)), settings)
    queued = manifests.QUEUE_LABEL in manifests.metadata(order)["labels"]
    if ray and job.spec.get("executor") == "ray":
        return Size(tuple(_of_ray(ray_jobs.ray_job(order), settings)), queued)
    template = manifests.plain_job(order)["spec"]["template"]
    return Size((_pod(template, settings),), queued)


def of_run(asked: RunSize, settings: TrainingSettings, ray: bool) -> Size:
    """The size that the training of a run will have."""
    spec: dict[str, Any] = {"executor": asked.executor}
    job = Job(
        id="0" * 32, project="p", key="k", kind="train", spec=spec, loop=None, loop_run=None, attempts=0,
        limits=asked.limits.model_dump(mode="json", by_alias=True),
    )  # fmt: skip
    size = of(job, settings, ray)
    if asked.workers is None:
        return size
    team = asked.workers
    each = Amounts(cpu=team.cpu, memory=float(limits.memory_bytes(job, settings)), gpus=team.gpu)
    where = size.pods[0]
    return Size((*size.pods, *[PodSize(each, where.selector, where.tolerations)] * team.least), size.queued)


def _of_ray(job: Part, settings: TrainingSettings) -> list[PodSize]:
    cluster = job["spec"]["rayClusterSpec"]
    found = [_pod(cluster["headGroupSpec"]["template"], settings)]
    for group in cluster["workerGroupSpecs"]:
        found += [_pod(group["template"], settings)] * group["replicas"]
    return found


def _pod(template: Part, settings: TrainingSettings) -> PodSize:
    spec = template["spec"]
    return PodSize(
        amounts.of_pod(spec, settings.gpu_resource),
        spec.get("nodeSelector") or {},
        tuple(spec.get("tolerations") or ()),
    )
