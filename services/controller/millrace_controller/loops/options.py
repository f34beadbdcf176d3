"""Options that a loop declares and that the present environment cannot honour: said, never silently left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from millrace_contracts.loop import ModelLoop
from millrace_contracts.placement import Placement
from millrace_controller.capabilities.finding import PARTS
from millrace_controller.hints import line
from millrace_controller.services import Services
from millrace_controller.tables import Loop
from millrace_core import room
from millrace_core.errors import Unavailable
from millrace_core.settings import WorkloadSettings

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster


@dataclass(frozen=True)
class Surroundings:
    """What the environment can honour: whether there is a cluster beneath, and what is installed in it."""

    cluster: bool
    kueue: bool
    kuberay: bool = True
    scales: bool = True
    """Pods are scaled by load."""
    shares: bool = True
    """Versions that nobody asks may share a pod."""


def ignored(loop: Loop, around: Surroundings) -> list[str]:
    """A sentence for each option of *loop* that is not honoured."""
    declared, told = loop.document["spec"], []
    placement = Placement.model_validate(declared.get("placement") or {})
    source = declared["data"].get("source")
    if not around.cluster and placement.chosen():
        told.append(f"placement ({', '.join(placement.chosen())}) needs a cluster; here jobs are processes.")
    if around.cluster and placement.queue and not around.kueue:
        told.append(f"placement.queue: Kueue is not installed, so nothing waits in {placement.queue}.")
    told += _serving(declared.get("serving") or {}, around)
    training = declared.get("training") or {}
    if around.cluster and training.get("workers") and not around.kuberay:
        told.append("training.workers: KubeRay is not installed, so all of them share one pod.")
    code = training.get("code") or {}
    if not around.cluster and code.get("image"):
        told.append(
            "training.code.image needs a cluster; here training.code.python names what runs the code."
        )
    if loop.owner is not None and source is not None and source.get("path"):
        push = f"data push {loop.name} {source['path']}"
        told.append(
            "data.source: no file beside a document comes with kubectl; "
            f"push it with {line(loop.project, push)}."
        )
    return told


def _serving(declared: Mapping[str, object], around: Surroundings) -> list[str]:
    told = []
    if declared.get("autoscaling"):
        if not around.cluster:
            told.append("serving.autoscaling needs a cluster; here one Triton answers for all.")
        elif not around.scales:
            told.append(
                "serving.autoscaling: no adapter is installed; the chart's value is autoscaling.enabled."
            )
    if declared.get("idleMinutes"):
        if not around.cluster:
            told.append("serving.idleMinutes needs a cluster; here nothing is given up.")
        elif not around.shares:
            told.append(
                "serving.idleMinutes: no pod is shared; the chart's value is triton.standby.kind: shared."
            )
    return told


async def surroundings(services: Services) -> Surroundings:
    """What `ignored` has to know of the environment."""
    cluster = services.settings.platform == "kubernetes"
    scales, shares = services.settings.autoscaler, services.settings.shared_standby
    if services.cluster is None:
        return Surroundings(cluster=cluster, kueue=True, scales=scales, shares=shares)
    kueue, kuberay = await _serves(services.cluster, "kueue"), await _serves(services.cluster, "kuberay")
    return Surroundings(cluster=cluster, kueue=kueue, kuberay=kuberay, scales=scales, shares=shares)


def fit(document: ModelLoop, settings: WorkloadSettings) -> None:
    """Raises: BadInput for workers that this machine, where jobs are processes of it, has no room for."""
    room.check(document.spec.training.team(), settings, "spec.training.workers")


async def _serves(cluster: "Cluster", part: str) -> bool:
    """Whether a part is installed; an API server that does not answer is given the benefit of the doubt."""
    try:
        versions, kind, _ = PARTS[part]
        served = [await cluster.serves(version, kind) for version in versions]
        return any(served)
    except Unavailable:
        return True
