"""Pure: the pod of a revision, which fetches its graph by digest and then runs Triton with nothing else loaded."""

import copy
from typing import Any

from millrace_serving.cluster import names
from millrace_serving.settings import ServingSettings
from millrace_serving.triton.manifests import pod_arguments
from millrace_serving.triton.repository import Wanted

Part = dict[str, Any]
MODELS, TOKEN_FOLDER = "/models", "/var/run/secrets/millrace.dev"
USER = 65532
END_SECONDS = 45
"""Time that Triton has for what is under way, after the pause before it is told to end."""
FETCH_RESOURCES = {
    "requests": {"cpu": "50m", "memory": "128Mi"},
    "limits": {"cpu": "1", "memory": "512Mi"},
}
LOCKED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def resources(settings: ServingSettings, item: Wanted) -> Part:
    """The installation's resources, with those of the placement on top."""
    made: Part = copy.deepcopy(dict(settings.triton_resources))
    for kind, given in item.placement.get("resources", {}).items():
        made[kind] = made.get(kind, {}) | given
    return made


def has_gpu(settings: ServingSettings, item: Wanted) -> bool:
    """Whether the pod gets an NVIDIA GPU or a part of one."""
    return any(key.startswith("nvidia.com/") for key in resources(settings, item).get("limits", {}))


def template(settings: ServingSettings, item: Wanted) -> Part:
    """The pod template of a revision."""
    metadata = {
        "labels": names.labels(settings, item),
        "annotations": {f"{names.PREFIX}/name": item.name, f"{names.PREFIX}/digest": item.digest},
    }
    return {"metadata": metadata, "spec": spec(settings, item, [_triton(settings, item)])}


def spec(settings: ServingSettings, item: Wanted, containers: list[Part]) -> Part:
    """A pod that has fetched the graph before *containers* start."""
    return {
        "serviceAccountName": names.account(settings),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": settings.drain_seconds + END_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [_fetch(settings, item)],
        "containers": containers,
        "volumes": _volumes(),
        **_where(settings, item),
    }


def _where(settings: ServingSettings, item: Wanted) -> Part:
    """Nodes, taints, runtime and pull secrets: the installation's, then those of the placement."""
    placement = item.placement
    secrets = dict.fromkeys([*settings.image_pull_secrets, *placement.get("imagePullSecrets", [])])
    made = {
        "nodeSelector": settings.node_selector | placement.get("nodeSelector", {}),
        "tolerations": [*settings.tolerations, *placement.get("tolerations", [])],
        "runtimeClassName": placement.get("runtimeClassName") or settings.runtime_class,
        "imagePullSecrets": [{"name": name} for name in secrets],
    }
    return {key: value for key, value in made.items() if value}


def _volumes() -> list[Part]:
    token = {"audience": "millrace", "expirationSeconds": 3600, "path": "token"}
    return [
        {"name": "models", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "512Mi"}},
        {"name": "token", "projected": {"sources": [{"serviceAccountToken": token}]}},
    ]


def _mounts(**more: str) -> list[Part]:
    return [{"name": name, "mountPath": path} for name, path in ({"tmp": "/tmp"} | more).items()]  # noqa: S108


def _fetch(settings: ServingSettings, item: Wanted) -> Part:
    """Brings the graph by digest and writes what Triton needs beside it; its last line says why it could not."""
    given = {
        "name": item.name,
        "project": item.project,
        "model": item.model,
        "version": item.version,
        "digest": item.digest,
        "backend": settings.triton_backend,
        "device": "KIND_GPU" if has_gpu(settings, item) else "KIND_CPU",
        "into": MODELS,
    }
    variables = {
        "HOME": "/tmp",  # noqa: S108 - the one place where a process of this pod may write
        "MILLRACE_HOME": "/tmp",  # noqa: S108
        "MILLRACE_REGISTRY_URL": settings.registry_url,
        "MILLRACE_TOKEN_FILE": f"{TOKEN_FOLDER}/token",
        "MILLRACE_MAX_BATCH_ROWS": str(settings.max_batch_rows),
        "MILLRACE_TRITON_INSTANCES": str(settings.triton_instances),
        "MILLRACE_INFERENCE_SECONDS": str(settings.inference_seconds),
    }
    return {
        "name": "fetch",
        "image": settings.serving_image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "millrace_serving.triton.fetch"],
        "args": [f"--{key}={value}" for key, value in given.items()],
        "env": [{"name": key, "value": value} for key, value in variables.items()],
        "resources": FETCH_RESOURCES,
        "securityContext": LOCKED,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [*_mounts(models=MODELS), _token()],
    }


def _token() -> Part:
    return {"name": "token", "mountPath": TOKEN_FOLDER, "readOnly": True}


def _triton(settings: ServingSettings, item: Wanted) -> Part:
    uid = {"name": "POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}
    fixed = {"HOME": "/tmp", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}  # noqa: S108
    return {
        "name": "triton",
        "image": settings.triton_image,
        "imagePullPolicy": "IfNotPresent",
        "args": [
            "tritonserver",
            *pod_arguments(item.name, MODELS, names.TRITON_PORT, names.METRICS_PORT, settings.triton_threads),
            f"--allow-gpu-metrics={str(has_gpu(settings, item)).lower()}",
        ],
        "env": [uid, *({"name": key, "value": value} for key, value in fixed.items())],
        "ports": [
            {"name": "http", "containerPort": names.TRITON_PORT},
            {"name": "metrics", "containerPort": names.METRICS_PORT},
        ],
        "resources": resources(settings, item),
        "securityContext": LOCKED,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": _mounts(models=MODELS, shm="/dev/shm"),  # noqa: S108 - where Triton's stubs meet
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(settings.drain_seconds)]}}},
        **_probes(settings, item),
    }


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
