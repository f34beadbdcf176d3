"""Pure: the pod of a revision, which fetches its graph by digest and then runs Triton with nothing else loaded."""

import copy
import json

from millrace_contracts.placement import ServerPlacement
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
from millrace_serving.settings import Engines, ServingSettings
from millrace_serving.triton.engine import EngineKey
from millrace_serving.triton.manifests import pod_arguments
from millrace_serving.triton.repository import Wanted

MODELS, ENGINES = "/models", "/engines"
GPU_LABEL, DRIVER_LABEL = "nvidia.com/gpu.product", "nvidia.com/cuda.driver-version.full"
"""Labels by which NVIDIA's feature discovery tells the GPU and the driver of a node."""
TENSORRT = ("tensorrt-fp16", "tensorrt-int8")
END_SECONDS = 45
"""Time that Triton has for what is under way, after the pause before it is told to end."""
ALONE_RESOURCES = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"cpu": "1", "memory": "512Mi"},
}
"""Of a container of ours that stands alone in its pod."""
FIRST_RESOURCES = {
    "requests": {"cpu": "1m", "memory": "1Mi"},
    "limits": ALONE_RESOURCES["limits"],
}
"""Of what comes before Triton in its pod. A pod reserves the larger of its first steps and what stays, as long as it
lives: what Triton asks for is there meanwhile, and must not become more by this."""


def resources(settings: ServingSettings, item: Wanted) -> Part:
    """The installation's resources, with those of the placement on top."""
    made: Part = copy.deepcopy(dict(settings.triton_resources))
    asked = item.placement.resources
    for kind, given in (("requests", asked.requests), ("limits", asked.limits)):
        if given:
            made[kind] = made.get(kind, {}) | given
    return made


def has_gpu(settings: ServingSettings, item: Wanted) -> bool:
    """Whether the pod gets an NVIDIA GPU or a part of one."""
    return any(key.startswith("nvidia.com/") for key in resources(settings, item).get("limits", {}))


def engine_key(engines: Engines, item: Wanted) -> EngineKey:
    """What the revision's engine is bound to."""
    bound = {"gpu": engines.gpu, "driver": engines.driver, "tensorrt": engines.tensorrt}
    return EngineKey(**bound, digest=item.digest)


def engine_nodes(engines: Engines) -> dict[str, str]:
    """Labels of the nodes that an engine fits: on a node of another GPU or driver no pod of it is ever placed."""
    return {GPU_LABEL: engines.gpu, DRIVER_LABEL: engines.driver}


def engine_volume(engines: Engines) -> Part:
    return {"name": "engines", "persistentVolumeClaim": {"claimName": engines.claim}}


def engines_of(settings: ServingSettings, item: Wanted) -> Engines | None:
    """Where the revision's engine comes from; None if it is run without one."""
    return settings.triton_engines if item.target in TENSORRT else None


def template(settings: ServingSettings, item: Wanted) -> Part:
    """The pod template of a revision."""
    metadata = {
        "labels": names.labels(settings, item),
        "annotations": {f"{PREFIX}/name": item.name, f"{PREFIX}/digest": item.digest},
    }
    made = {"metadata": metadata, "spec": spec(settings, item, [triton(settings, item)])}
    return shaped(made, settings.shape("triton"))


def spec(settings: ServingSettings, item: Wanted, containers: list[Part], graph_only: bool = False) -> Part:
    """A pod that has fetched the graph, or the engine made of it, before *containers* start.

    Args:
        graph_only: it is the graph that is wanted, to build the engine from.
    """
    volumes = [room("models"), room("tmp"), shared_memory(), token()]
    grace = settings.drain_seconds + END_SECONDS
    made = hardened(names.account(settings), containers, volumes, grace, _where(settings, item.placement))
    engines = None if graph_only else engines_of(settings, item)
    if engines is not None:
        made["nodeSelector"] = made.get("nodeSelector", {}) | engine_nodes(engines)
        volumes.append(engine_volume(engines))
    return made | {"initContainers": [fetch(settings, item, engines)]}


def _where(settings: ServingSettings, placement: ServerPlacement) -> Where:
    """The installation's wishes, then those of the placement."""
    return Where(
        node_selector=settings.node_selector | placement.node_selector,
        tolerations=[*settings.tolerations, *placement.tolerations],
        runtime_class=placement.runtime_class_name or settings.runtime_class,
        pull_secrets=[*settings.image_pull_secrets, *placement.image_pull_secrets],
    )


def fetch(settings: ServingSettings, item: Wanted, engines: Engines | None) -> Part:
    """Brings the graph by digest and writes what Triton needs beside it; its last line says why it could not."""
    given = {
        "name": item.name,
        "project": item.project,
        "model": item.model,
        "version": item.version,
        "digest": item.digest,
        "target": item.target,
        "backend": "tensorrt" if engines is not None else settings.triton_backend,
        "device": "KIND_GPU" if has_gpu(settings, item) else "KIND_CPU",
        "into": MODELS,
        "runtimes": json.dumps(settings.triton_runtimes),
    }
    mounts = [mount("tmp", SCRATCH), mount("models", MODELS), token_mount()]
    if engines is not None:
        given["engine"] = engine_key(engines, item).model_dump_json()
        mounts.append(mount("engines", ENGINES, read_only=True))
    variables = {
        "HOME": SCRATCH,
        "MILLRACE_HOME": SCRATCH,
        "MILLRACE_REGISTRY_URL": settings.registry_url,
        "MILLRACE_TOKEN_FILE": TOKEN_FILE,
        "MILLRACE_MAX_BATCH_ROWS": str(settings.max_batch_rows),
        "MILLRACE_TRITON_INSTANCES": str(settings.triton_instances),
        "MILLRACE_INFERENCE_SECONDS": str(settings.inference_seconds),
    }
    return container(
        "fetch", settings.serving_image, variables, FIRST_RESOURCES,
        mounts,
        command=["python", "-m", "millrace_serving.triton.fetch"],
        args=[f"--{key}={value}" for key, value in given.items()],
    )  # fmt: skip


def triton(settings: ServingSettings, item: Wanted) -> Part:
    """The container that answers, with its probes."""
    mounts = [mount("tmp", SCRATCH), mount("models", MODELS), mount("shm", SHARED_MEMORY)]
    asked, gpu = resources(settings, item), has_gpu(settings, item)
    return triton_container(settings, item.name, asked, mounts, gpu) | _probes(settings, item)


def triton_container(
    settings: ServingSettings, name: str, asked: Part, mounts: list[Part], gpu: bool
) -> Part:
    """Triton without its probes. *name*: the revision that it must have; empty: none at first."""
    uid = {"name": "POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}
    fixed = {"HOME": SCRATCH, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    made = container(
        "triton", settings.triton_image, fixed, asked, mounts,
        args=[
            "tritonserver",
            *pod_arguments(
                name, MODELS, names.TRITON_PORT, names.METRICS_PORT, settings.triton_threads,
                names.GRPC_PORT if settings.grpc else 0,
            ),
            f"--allow-gpu-metrics={str(gpu).lower()}",
        ],
        ports=[
            {"name": "http", "containerPort": names.TRITON_PORT},
            *([{"name": "grpc", "containerPort": names.GRPC_PORT}] if settings.grpc else []),
            {"name": "metrics", "containerPort": names.METRICS_PORT},
        ],
        lifecycle={"preStop": {"exec": {"command": ["sleep", str(settings.drain_seconds)]}}},
    )  # fmt: skip
    return made | {"env": [uid, *made["env"]]}


def _probes(settings: ServingSettings, item: Wanted) -> Part:
    """A dead stub passes all of them: serving's golden rows are the probe that counts."""

    def get(path: str) -> Part:
        return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 2}

    tries = max(10, int(settings.pod_seconds))
    return {
        "startupProbe": get("/v2/health/ready") | {"periodSeconds": 1, "failureThreshold": tries},
        "readinessProbe": get(f"/v2/models/{item.name}/ready") | {"periodSeconds": 2, "failureThreshold": 2},
        "livenessProbe": get("/v2/health/live") | {"periodSeconds": 10, "failureThreshold": 3},
    }
