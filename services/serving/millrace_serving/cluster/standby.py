"""Pure: the pod that a project's versions without traffic share, with the loader that keeps them in its Triton."""

import copy
from collections.abc import Mapping
from typing import Any

from millrace_contracts.quantities import number
from millrace_core.pods import (
    PREFIX,
    SCRATCH,
    SHARED_MEMORY,
    TOKEN_FILE,
    Part,
    Where,
    container,
    hardened,
    mount,
    room,
    shaped,
    shared_memory,
    token,
    token_mount,
)
from millrace_serving.cluster import names
from millrace_serving.cluster.manifests import STEADY_SECONDS, apart, sealed
from millrace_serving.cluster.pods import END_SECONDS, MODELS, triton_container
from millrace_serving.settings import ServingSettings, Standby
from millrace_serving.triton import holding

ROOM = f"{PREFIX}/room-mebibytes"
"""Annotation of the Deployment: how much memory its pods have for versions."""
LOADER_RESOURCES = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"cpu": "1", "memory": "1Gi"},
}
NOTICE_SECONDS = 3
"""Time in which the loader sees that Triton began again, before anybody may call the pod ready."""


def deployment(
    settings: ServingSettings,
    standby: Standby,
    project: str,
    size: int,
    owner: Part | None,
    answering: bool = False,
) -> Part:
    """The shared pod of a project.

    Args:
        size: MiB of memory for versions.
        owner: goes with it when that goes.
        answering: a version that serves answers from it, so that there are several pods.
    """
    labels = names.shared(settings, project)
    template = _template(settings, project, size, labels)
    if not settings.shape("triton").topology_spread_constraints:
        template["spec"]["topologySpreadConstraints"] = [apart(labels)]
    made = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": names.shared_name(settings, project),
            "namespace": settings.workloads,
            "labels": labels,
        },
        "spec": {
            "replicas": standby.replicas if answering else 1,
            "minReadySeconds": STEADY_SECONDS,
            "revisionHistoryLimit": 1,
            "progressDeadlineSeconds": max(60, int(settings.pod_seconds)),
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": template,
        },
    }
    return sealed(made, owner, {ROOM: str(size)})


def has_room(found: Mapping[str, Any] | None) -> int:
    """How much memory for versions the pods of a shared pod's Deployment have, in MiB; 0 if there is none."""
    return int(((found or {}).get("metadata", {}).get("annotations") or {}).get(ROOM, 0))


def _template(settings: ServingSettings, project: str, size: int, labels: dict[str, str]) -> Part:
    volumes = [room("models"), room("tmp"), shared_memory(), token()]
    where = Where(
        node_selector=settings.node_selector,
        tolerations=settings.tolerations,
        runtime_class=settings.runtime_class,
        pull_secrets=settings.image_pull_secrets,
    )
    containers = [_triton(settings, size), _loader(settings, project)]
    spec = hardened(names.account(settings), containers, volumes, settings.drain_seconds + END_SECONDS, where)
    return shaped({"metadata": {"labels": labels}, "spec": spec}, settings.shape("triton"))


def resources(settings: ServingSettings, size: int) -> Part:
    """What the installation's pods ask for and may take, and *size* MiB for versions on top; twice that at most."""
    made: Part = copy.deepcopy(dict(settings.triton_resources))
    for kind, each in (("requests", 1), ("limits", 2)):
        if "memory" in made.get(kind, {}):
            made[kind]["memory"] = f"{mebibytes(made[kind]['memory']) + size * each}Mi"
    return made


def mebibytes(quantity: str | float) -> int:
    """A quantity of memory as Kubernetes writes it, in whole MiB, rounded up."""
    return -int(-number(quantity) // 2**20)


def _triton(settings: ServingSettings, size: int) -> Part:
    """Triton with nothing loaded at first; that it is up is asked here, that it has everything of the loader."""

    def get(path: str) -> Part:
        return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 2}

    mounts = [mount("tmp", SCRATCH), mount("models", MODELS), mount("shm", SHARED_MEMORY)]
    made = triton_container(settings, "", resources(settings, size), mounts, gpu=False)
    start = {"periodSeconds": 1, "failureThreshold": max(10, int(settings.pod_seconds))}
    return made | {
        "startupProbe": get("/v2/health/live") | start | {"initialDelaySeconds": NOTICE_SECONDS},
        "readinessProbe": get("/v2/health/live") | {"periodSeconds": 2, "failureThreshold": 2},
        "livenessProbe": get("/v2/health/live") | {"periodSeconds": 10, "failureThreshold": 3},
    }


def _loader(settings: ServingSettings, project: str) -> Part:
    """Keeps in that Triton what serving says, also while serving is away; ready once it has tried all of it."""
    home = f"{SCRATCH}/home"
    variables = {
        "HOME": SCRATCH,
        "MILLRACE_HOME": home,
        "MILLRACE_REGISTRY_URL": settings.registry_url,
        "MILLRACE_SERVING_URL": settings.serving_url,
        "MILLRACE_TOKEN_FILE": TOKEN_FILE,
        "MILLRACE_MAX_BATCH_ROWS": str(settings.max_batch_rows),
        "MILLRACE_TRITON_INSTANCES": str(settings.triton_instances),
        "MILLRACE_TRITON_BACKEND": settings.triton_backend,
        "MILLRACE_INFERENCE_SECONDS": str(settings.inference_seconds),
        "MILLRACE_LOAD_SECONDS": str(settings.load_seconds),
        "MILLRACE_DRAIN_SECONDS": str(settings.drain_seconds),
        "MILLRACE_PROBE_SECONDS": str(holding.PROBE_SECONDS),
        "OMP_NUM_THREADS": "1",
    }
    made = container(
        "loader", settings.serving_image, variables, LOADER_RESOURCES,
        [mount("tmp", SCRATCH), mount("models", MODELS), token_mount()],
        command=["python", "-m", holding.__name__],
        args=[f"--project={project}", f"--models={MODELS}", f"--triton=http://127.0.0.1:{names.TRITON_PORT}"],
        readinessProbe={
            "exec": {"command": ["test", "-f", holding.WHOLE]},
            "periodSeconds": 1,
            "failureThreshold": 1,
        },
        lifecycle={"preStop": {"exec": {"command": ["sleep", str(settings.drain_seconds)]}}},
    )  # fmt: skip
    uid = {"name": "POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}
    return made | {"env": [uid, *made["env"]]}
