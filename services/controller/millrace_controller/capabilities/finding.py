"""Looks for the parts of a cluster that Millrace can use; each is found by what the API server serves."""

import asyncio
from typing import TYPE_CHECKING

from millrace_contracts.capabilities import Capability
from millrace_controller.services import Services
from millrace_core.errors import MillraceError

if TYPE_CHECKING:
    from millrace_core.kubernetes import Cluster

GPU = "nvidia.com/gpu"
PARTS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "kuberay": (("ray.io/v1",), "RayJob", "training whose executor is ray runs as a RayJob"),
    "kueue": (
        ("kueue.x-k8s.io/v1beta2", "kueue.x-k8s.io/v1beta1"),
        "LocalQueue",
        "training jobs wait in the queue that a loop or the chart names",
    ),
    "prometheus_operator": (
        ("monitoring.coreos.com/v1",),
        "ServiceMonitor",
        "the chart's monitors and rules are for it, where they are switched on",
    ),
    "gateway_api": (
        ("gateway.networking.k8s.io/v1",),
        "HTTPRoute",
        "a route to the inference gateway may be written for it; Millrace makes none",
    ),
}
"""Group versions that tell of a part, a kind in them, and what it is used for."""
UNUSED = ("gateway_api",)


async def around(services: Services) -> dict[str, Capability]:
    """Every part by name."""
    cluster = services.cluster
    if cluster is None:
        nothing = Capability(found=False, used=False, detail="there is no Kubernetes cluster")
        made = dict.fromkeys((*PARTS, "gpu"), nothing)
    else:
        found = await asyncio.gather(*(_part(cluster, name) for name in PARTS), _gpu(cluster))
        made = dict(zip((*PARTS, "gpu"), found, strict=True))
    finding = await services.runners.detection.finding()
    pipelines = Capability(found=finding.found, used=finding.usable, detail=finding.detail)
    return made | {"kubeflow_pipelines": pipelines}


async def _part(cluster: "Cluster", name: str) -> Capability:
    versions, kind, use = PARTS[name]
    try:
        for version in versions:
            if await cluster.serves(version, kind):
                return Capability(found=True, used=name not in UNUSED, detail=f"{version}: {use}")
    except MillraceError as error:
        return Capability(found=None, used=False, detail=error.detail)
    return Capability(found=False, used=False, detail=f"the cluster serves no {kind} in {versions[0]}")


async def _gpu(cluster: "Cluster") -> Capability:
    """Counted on the nodes, which a controller may read only where it watches all namespaces."""
    try:
        nodes = await cluster.list("Node")
    except MillraceError as error:
        return Capability(found=None, used=False, detail=f"nodes may not be read: {error.detail}")
    counts = [int(node.get("status", {}).get("allocatable", {}).get(GPU, 0)) for node in nodes]
    having = sum(count > 0 for count in counts)
    words = f"{sum(counts)} of {GPU} on {having} nodes" if having else f"no node offers {GPU}"
    return Capability(found=having > 0, used=having > 0, detail=words)
