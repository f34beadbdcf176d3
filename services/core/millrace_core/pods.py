"""The one hardened pod: what Millrace runs in a cluster at run time is made here, so its rights are said once. Pure.

A pod runs as nobody in particular, writes only where it is given room, mounts no token of its service account but one
that Millrace alone accepts, and gets no list of the namespace's services. One container of a Ray head, which asks for
workers, sees the API server's token as well.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from millrace_core.settings import WorkloadSettings
from millrace_core.shapes import Shape

Part = dict[str, Any]
"""A piece of an object as Kubernetes writes it."""
PREFIX = "millrace.dev"
"""Of labels and annotations that are ours."""
USER = 65532
TOKENS = "/var/run/secrets/millrace.dev"
TOKEN_FILE = f"{TOKENS}/token"
AUDIENCE, TOKEN_SECONDS = "millrace", 3600
API_TOKENS = "/var/run/secrets/kubernetes.io/serviceaccount"
SCRATCH = "/tmp"  # noqa: S108 - a volume of the pod's own
SHARED_MEMORY = "/dev/shm"  # noqa: S108
SELECTED = tuple(f"app.kubernetes.io/{name}" for name in ("name", "instance", "component"))
"""Labels by which pods of one kind are chosen."""
LOCKED: Part = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""What every container is denied."""


@dataclass(frozen=True)
class Where:
    """On which nodes a pod may be, and how its images are pulled; what is empty is left out."""

    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: Iterable[Part] = ()
    runtime_class: str = ""
    priority_class: str = ""
    pull_secrets: Iterable[str] = ()

    def part(self) -> Part:
        """The fields of the pod's spec."""
        said: Part = {
            "nodeSelector": dict(self.node_selector),
            "tolerations": list(self.tolerations),
            "runtimeClassName": self.runtime_class,
            "priorityClassName": self.priority_class,
            "imagePullSecrets": [{"name": name} for name in dict.fromkeys(self.pull_secrets)],
        }
        return {name: value for name, value in said.items() if value}


def hardened(account: str, containers: list[Part], volumes: list[Part], grace: int, where: Where) -> Part:
    """A pod's spec.

    Args:
        account: its service account, whose rights in the cluster it does not get.
        grace: seconds between being told to end and being killed.
    """
    return {
        "serviceAccountName": account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": grace,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": containers,
        "volumes": volumes,
        **where.part(),
    }


def shaped(template: Part, shape: Shape) -> Part:
    """A pod's template with what the installation gives this kind of pod.

    What Millrace or a loop says of the pod goes before it. Environment and mounts reach the pod's main containers
    alone: those that run code of a user's own stand among the init containers, and get nothing.
    """
    meta, spec = template.get("metadata", {}), template["spec"]
    marks = {
        "labels": shape.labels | meta.get("labels", {}),
        "annotations": shape.annotations | meta.get("annotations", {}),
    }
    own: Part = {
        "nodeSelector": shape.node_selector | spec.get("nodeSelector", {}),
        "tolerations": [*shape.tolerations, *spec.get("tolerations", [])],
        "affinity": spec.get("affinity") or shape.affinity,
        "topologySpreadConstraints": _spread(shape, marks["labels"]) or spec.get("topologySpreadConstraints"),
        "priorityClassName": spec.get("priorityClassName") or shape.priority_class_name,
        "runtimeClassName": spec.get("runtimeClassName") or shape.runtime_class_name,
        "volumes": [*spec.get("volumes", []), *shape.extra_volumes],
        "initContainers": [*_first(shape), *spec.get("initContainers", [])],
        "containers": [_filled(item, shape) for item in spec["containers"]],
    }
    return {
        "metadata": meta | {name: value for name, value in marks.items() if value},
        "spec": spec | {name: value for name, value in own.items() if value},
    }


def _spread(shape: Shape, marks: Mapping[str, str]) -> list[Part]:
    """A constraint without a selector means pods of the same installation and component."""
    chosen = {key: value for key, value in marks.items() if key in SELECTED}
    default = {"labelSelector": {"matchLabels": chosen}}
    return [default | item for item in shape.topology_spread_constraints]


def _first(shape: Shape) -> list[Part]:
    return [{"securityContext": LOCKED} | item for item in shape.init_containers]


def _filled(made: Part, shape: Shape) -> Part:
    more = {
        "env": [*made.get("env", []), *shape.extra_env],
        "envFrom": [*made.get("envFrom", []), *shape.extra_env_from],
        "volumeMounts": [*made.get("volumeMounts", []), *shape.extra_volume_mounts],
    }
    probes = {f"{name}Probe": times for name, times in shape.probes.items() if f"{name}Probe" in made}
    timed = {name: made[name] | times for name, times in probes.items()}
    return made | {name: value for name, value in more.items() if value} | timed


def container(
    name: str, image: str, environment: Mapping[str, str], resources: Part, mounts: list[Part], **more: Any
) -> Part:
    """A container that can write nowhere but in its mounts; its last words stay when it ends. *more*: its command…"""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "resources": resources,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": LOCKED,
        "volumeMounts": mounts,
        **more,
    }


def secret_variable(name: str, secret: str, key: str) -> Part:
    """A variable whose value is one key of a Secret; the pod waits, and says so, while that is not there."""
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def room(name: str, size: str = "") -> Part:
    """A volume of the node's disk that goes with the pod; *size* is a quantity like `1Gi`."""
    return {"name": name, "emptyDir": {"sizeLimit": size} if size else {}}


def shared_memory() -> Part:
    """What processes of one pod share; a node's default of 64 MiB is too little."""
    return {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "512Mi"}}


def token() -> Part:
    """A volume with a token of the pod's service account that opens the platform and nothing else."""
    source = {"path": "token", "audience": AUDIENCE, "expirationSeconds": TOKEN_SECONDS}
    return {"name": "token", "projected": {"sources": [{"serviceAccountToken": source}]}}


def mount(name: str, path: str, read_only: bool = False) -> Part:
    """A volume at a path."""
    return {"name": name, "mountPath": path} | ({"readOnly": True} if read_only else {})


def token_mount() -> Part:
    """The token, where MILLRACE_TOKEN_FILE says."""
    return mount("token", TOKENS, read_only=True)


def api_token() -> Part:
    """A volume with what opens the API server, for software that is not ours and looks in the usual place."""
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    return {"name": "api", "projected": {"sources": sources}}


def api_token_mount() -> Part:
    """That token, for the one container that asks."""
    return mount("api", API_TOKENS, read_only=True)


def labels(settings: WorkloadSettings, component: str, manager: str) -> dict[str, str]:
    """Labels of everything that a service makes in a cluster. *manager*: the service, like `millrace-training`."""
    return {
        "app.kubernetes.io/name": "millrace",
        "app.kubernetes.io/instance": settings.instance or settings.release,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/managed-by": manager,
    }


def selector(chosen: Mapping[str, str]) -> str:
    """Labels as the API server takes them in a query."""
    return ",".join(f"{key}={value}" for key, value in sorted(chosen.items()))
