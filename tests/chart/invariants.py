"""What must hold for every rendered manifest; each function yields a sentence for every breach."""

import json
import re
from collections.abc import Callable, Iterator

from tests.chart.network import selecting
from tests.chart.rendering import Object, Pod, kind, pods

Invariant = Callable[[list[Object]], Iterator[str]]
KEEPS_RUNNING = ("Deployment", "StatefulSet")
NEEDS_THE_API = {
    "registry",
    "training",
    "serving",
    "monitoring",
    "controller",
    "secrets",
    "farewell",
    "autoscaler",
}
"""Components whose pods hold a token of the API server: to act, or to read the keys that check tokens."""
NEEDS_A_NAME = {"registry", "training", "serving", "monitoring", "controller", "gateway", "test"}
"""Components whose pods show a token of Millrace's audience."""


def restricted(objects: list[Object]) -> Iterator[str]:
    """Pod security `restricted`, and a root that cannot be written."""
    for pod in pods(objects):
        outer = pod.spec.get("securityContext", {})
        if outer.get("runAsNonRoot") is not True or outer.get("runAsUser") in (None, 0):
            yield f"{pod.where}: may run as root"
        if outer.get("seccompProfile") != {"type": "RuntimeDefault"}:
            yield f"{pod.where}: has no seccomp profile"
        if any(pod.spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{pod.where}: shares the host"
        if any("hostPath" in volume for volume in pod.spec.get("volumes", [])):
            yield f"{pod.where}: mounts the host's disk"
        for container in pod.containers:
            inner = container.get("securityContext", {})
            wanted = {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            if inner != wanted:
                yield f"{pod.where}/{container['name']}: is not confined"


def bounded(objects: list[Object]) -> Iterator[str]:
    """Requests for processor and memory, a limit of memory, no limit below a request's kind."""
    for pod in pods(objects):
        for container in pod.containers:
            amounts = container.get("resources", {})
            if set(amounts.get("requests", {})) < {"cpu", "memory"} or "memory" not in amounts.get(
                "limits", {}
            ):
                yield f"{pod.where}/{container['name']}: has no requests or limits"


def probed(objects: list[Object]) -> Iterator[str]:
    """Startup, readiness and liveness of whatever keeps running."""
    for pod in pods(objects):
        for container in pod.spec["containers"]:
            missing = {"startupProbe", "readinessProbe", "livenessProbe"} - set(container)
            if pod.where.split("/")[0] in KEEPS_RUNNING and missing:
                yield f"{pod.where}/{container['name']}: lacks {', '.join(sorted(missing))}"


def pinned(objects: list[Object]) -> Iterator[str]:
    """Full image names with a tag or digest that is not `latest`."""
    for pod in pods(objects):
        for container in pod.containers:
            image = container["image"]
            tagged = re.fullmatch(r"[^/]+\.[^/]+/[a-z0-9./-]+(:[\w.-]+|@sha256:[0-9a-f]{64})", image)
            if not tagged or image.endswith(":latest"):
                yield f"{pod.where}/{container['name']}: {image} is not a full, pinned name"


def tokens_where_needed(objects: list[Object]) -> Iterator[str]:
    """No token is mounted by default; the API server's only where it is called, Millrace's only where it is shown."""
    for pod in pods(objects):
        if pod.spec.get("automountServiceAccountToken") is not False:
            yield f"{pod.where}: mounts a token that nobody asked for"
        for audience in _audiences(pod):
            allowed = NEEDS_THE_API if audience is None else NEEDS_A_NAME
            if pod.component not in allowed:
                yield f"{pod.where}: holds a token of {audience or 'the API server'} and needs none"
    for account in kind(objects, "ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield f"ServiceAccount/{account['metadata']['name']}: mounts its token by default"


def _audiences(pod: Pod) -> Iterator[str | None]:
    for volume in pod.spec.get("volumes", []):
        for source in volume.get("projected", {}).get("sources", []):
            if "serviceAccountToken" in source:
                yield source["serviceAccountToken"].get("audience")


def own_account(objects: list[Object]) -> Iterator[str]:
    """Every pod has a service account that the chart makes, never `default`."""
    made = {
        (item["metadata"]["namespace"], item["metadata"]["name"]) for item in kind(objects, "ServiceAccount")
    }
    for pod in pods(objects):
        if (pod.namespace, pod.spec.get("serviceAccountName")) not in made:
            yield f"{pod.where}: runs as {pod.spec.get('serviceAccountName', 'default')}"


def no_docker_links(objects: list[Object]) -> Iterator[str]:
    """A Service named millrace-… must not become a setting MILLRACE_…."""
    for pod in pods(objects):
        if pod.spec.get("enableServiceLinks") is not False:
            yield f"{pod.where}: gets every Service's address as environment"


def narrow_roles(objects: list[Object]) -> Iterator[str]:
    """No wildcard, nothing that escalates; Secrets by name only, or to make one; ClusterRoles for ModelLoops only, to
    ask who may do what with them, and for an APIService by its name."""
    for role in kind(objects, "Role", "ClusterRole"):
        where = f"{role['kind']}/{role['metadata']['name']}"
        for rule in role["rules"]:
            if "*" in rule["apiGroups"] + rule["resources"] + rule["verbs"]:
                yield f"{where}: has a wildcard"
            if {"escalate", "bind", "impersonate"} & set(rule["verbs"]):
                yield f"{where}: may become someone else"
            if {"pods/exec", "pods/attach", "serviceaccounts/token", "nodes"} & set(rule["resources"]):
                yield f"{where}: reaches into pods, nodes or tokens"
            if (
                "secrets" in rule["resources"]
                and not rule.get("resourceNames")
                and rule["verbs"] != ["create"]
            ):
                yield f"{where}: reads Secrets that it cannot name"
            if (
                rule["resources"] == ["apiservices"]
                and rule.get("resourceNames")
                and rule["verbs"] == ["get", "patch"]
            ):
                continue
            reach = {"modelloops", "modelloops/status", "events", "localsubjectaccessreviews"}
            if role["kind"] == "ClusterRole" and not set(rule["resources"]) <= reach:
                yield f"{where}: reaches {rule['resources']} in every namespace"


def nothing_in_the_way(objects: list[Object]) -> Iterator[str]:
    """No webhook, no custom resource but the Prometheus operator's, which is asked for by value."""
    for found in objects:
        group = found["apiVersion"].split("/")[0] if "/" in found["apiVersion"] else ""
        if "Webhook" in found["kind"] or found["kind"] == "CustomResourceDefinition":
            yield f"{found['kind']}/{found['metadata']['name']}: does not belong in this chart"
        if "." in group and not group.endswith(".k8s.io") and group != "monitoring.coreos.com":
            yield f"{found['kind']}/{found['metadata']['name']}: is a custom resource"


def secrets_by_reference(objects: list[Object]) -> Iterator[str]:
    """No Secret is rendered, and nothing that looks like one stands in an environment."""
    for found in kind(objects, "Secret"):
        yield f"Secret/{found['metadata']['name']}: is rendered"
    for pod in pods(objects):
        for container in pod.containers:
            for item in container.get("env", []):
                secret = re.search(r"PASSWORD|SECRET_ACCESS|API_KEY", item["name"])
                if secret and "secretKeyRef" not in item.get("valueFrom", {}):
                    yield f"{pod.where}/{container['name']}: {item['name']} is no reference"


def fenced(objects: list[Object]) -> Iterator[str]:
    """Where there are policies, each pod is selected by an ingress and an egress policy."""
    if not kind(objects, "NetworkPolicy"):
        return
    for pod in pods(objects):
        for direction in ("Ingress", "Egress"):
            if not selecting(objects, pod, direction):
                yield f"{pod.where}: no policy for {direction}"


def spread_and_budgeted(objects: list[Object]) -> Iterator[str]:
    """Several replicas are spread over nodes and have a disruption budget; a single one has neither."""
    budgets = {item["metadata"]["name"] for item in kind(objects, "PodDisruptionBudget")}
    for found in kind(objects, "Deployment"):
        name, several = found["metadata"]["name"], found["spec"]["replicas"] > 1
        spread = "topologySpreadConstraints" in found["spec"]["template"]["spec"]
        if (name in budgets) is not several or spread is not several:
            yield f"Deployment/{name}: {found['spec']['replicas']} replicas, budget {name in budgets}, spread {spread}"


def selected(objects: list[Object]) -> Iterator[str]:
    """Selectors pick their own pods, each Service picks some, and every port by name exists there."""
    made = list(pods(objects))
    for found in kind(objects, "Deployment", "StatefulSet"):
        wanted = found["spec"]["selector"]["matchLabels"]
        if not wanted.items() <= found["spec"]["template"]["metadata"]["labels"].items():
            yield f"{found['kind']}/{found['metadata']['name']}: does not select its own pods"
    for service in kind(objects, "Service"):
        wanted = service["spec"]["selector"]
        behind = [pod for pod in made if wanted.items() <= pod.labels.items()]
        ports = {
            port["name"] for pod in behind for one in pod.spec["containers"] for port in one.get("ports", [])
        }
        lacking = {port["targetPort"] for port in service["spec"]["ports"]} - ports
        if len({pod.component for pod in behind}) != 1 or lacking:
            yield f"Service/{service['metadata']['name']}: selects {len(behind)} pods, lacks {sorted(lacking)}"


def mounted(objects: list[Object]) -> Iterator[str]:
    """Every mount has its volume, every volume its claim or ConfigMap, and every volume is mounted."""
    claims = {item["metadata"]["name"] for item in kind(objects, "PersistentVolumeClaim")}
    maps = {item["metadata"]["name"] for item in kind(objects, "ConfigMap")}
    for pod in pods(objects):
        volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", [])}
        used = {mount["name"] for container in pod.containers for mount in container.get("volumeMounts", [])}
        if used != set(volumes):
            yield f"{pod.where}: mounts and volumes differ by {sorted(used ^ set(volumes))}"
        for volume in volumes.values():
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim is not None and claim.startswith("millrace") and claim not in claims:
                yield f"{pod.where}: there is no claim {claim}"
            named = volume.get("configMap", {}).get("name")
            if named is not None and named.startswith("millrace") and named not in maps:
                yield f"{pod.where}: there is no ConfigMap {named}"


def labelled(objects: list[Object]) -> Iterator[str]:
    """Everything says what it is part of; namespaced objects name their namespace; no name stands twice."""
    seen: set[tuple[str, ...]] = set()
    for found in objects:
        meta = found["metadata"]
        key = (found["kind"], meta.get("namespace", ""), meta["name"])
        where = f"{found['kind']}/{meta['name']}"
        if key in seen:
            yield f"{where}: stands twice"
        seen.add(key)
        if not found["kind"].startswith(("Cluster", "APIService")) and "namespace" not in meta:
            yield f"{where}: names no namespace"
        wanted = {
            f"app.kubernetes.io/{name}" for name in ("name", "instance", "component", "version", "managed-by")
        }
        if meta["name"] != "more" and not wanted <= set(meta.get("labels", {})):
            yield f"{where}: lacks labels"
        if len(meta["name"]) > 63:
            yield f"{where}: has too long a name"


def reachable(objects: list[Object]) -> Iterator[str]:
    """Every URL that a pod is given leads to a Service, by a host that the service behind it answers to."""
    services = {item["metadata"]["name"]: item for item in kind(objects, "Service")}
    answered = {pod.component: _hosts(pod) for pod in pods(objects) if _hosts(pod)}
    for pod in pods(objects):
        for container in pod.containers:
            for item in container.get("env", []):
                found = re.fullmatch(r"http://([^:/]+):(\d+)", item.get("value") or "")
                if not found or not item["name"].startswith("MILLRACE_") or "KFP" in item["name"]:
                    continue
                host, port = found[1], int(found[2])
                service = services.get(host.split(".")[0])
                open_ports = [one["port"] for one in service["spec"]["ports"]] if service else []
                part = service["spec"]["selector"]["app.kubernetes.io/component"] if service else ""
                if port not in open_ports or host not in answered.get(part, []):
                    yield f"{pod.where}: {item['name']}={item['value']} leads nowhere"


def _hosts(pod: Pod) -> list[str]:
    for container in pod.containers:
        for item in container.get("env", []):
            if item["name"] == "MILLRACE_ALLOWED_HOSTS":
                return list(json.loads(item["value"]))
    return []


ALL: tuple[Invariant, ...] = (
    restricted, bounded, probed, pinned, tokens_where_needed, own_account, no_docker_links, narrow_roles,
    nothing_in_the_way, secrets_by_reference, fenced, spread_and_budgeted, selected, mounted, labelled,
    reachable,
)  # fmt: skip
