"""Pure functions: the objects of one revision, as they are applied to the API server."""

import hashlib
import json
from collections.abc import Mapping

from millrace_core.pods import PREFIX, Part
from millrace_serving.cluster import names, pods, scaling
from millrace_serving.cluster.placing import OWN, Home, Place
from millrace_serving.settings import ServingSettings
from millrace_serving.triton.repository import Wanted

SPEC = f"{PREFIX}/spec"
"""Annotation with the digest of what was applied."""
STEADY_SECONDS = 6
"""Time that a new pod must be ready before an old one may go: long enough for serving to try its golden rows."""
KINDS = (("Service", "v1"), ("Deployment", "apps/v1"), (scaling.KIND, scaling.VERSION))
"""What a revision may consist of, in the order in which it is made."""


def objects(settings: ServingSettings, item: Wanted, owner: Part | None, place: Place = OWN) -> list[Part]:
    """Everything of one revision. *owner*: the object with which all of it goes, when an installation is removed."""
    made = [service(settings, item, place.at)]
    if place.deployment:
        made.append(deployment(settings, item))
        scaled = scaling.autoscaler(settings, item, _metadata(settings, item))
        made += [scaled] if scaled else []
    return [sealed(manifest, owner) for manifest in made]


def sealed(manifest: Part, owner: Part | None, notes: Mapping[str, str] | None = None) -> Part:
    """*manifest* with its owner, the digest of what it says, and *notes* as annotations."""
    if owner is not None:
        manifest["metadata"]["ownerReferences"] = [owner]
    text = json.dumps(manifest, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    manifest["metadata"]["annotations"] = {SPEC: digest} | dict(notes or {})
    return manifest


def _metadata(settings: ServingSettings, item: Wanted) -> Part:
    tag = settings.serving_image.rpartition(":")[2].partition("@")[0]
    version = {"app.kubernetes.io/version": tag} if tag and "/" not in tag else {}
    return {
        "name": names.object_name(item.project, item.endpoint, item.number),
        "namespace": settings.workloads,
        "labels": names.labels(settings, item) | version,
    }


def service(settings: ServingSettings, item: Wanted, at: Home = "own") -> Part:
    """Headless: the gateway sees each pod, and leaves one that ends within seconds."""
    ports = [
        {"name": "http", "port": names.TRITON_PORT, "targetPort": "http"},
        *([{"name": "grpc", "port": names.GRPC_PORT, "targetPort": "grpc"}] if settings.grpc else []),
        {"name": "metrics", "port": names.METRICS_PORT, "targetPort": "metrics"},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(settings, item),
        "spec": {"clusterIP": "None", "selector": selected(settings, item, at), "ports": ports},
    }


def selected(settings: ServingSettings, item: Wanted, at: Home) -> dict[str, str]:
    """Labels of the pods in which a revision sits."""
    return names.shared(settings, item.project) if at == "shared" else names.identity(settings, item)


def deployment(settings: ServingSettings, item: Wanted) -> Part:
    """The pods of a revision; an old one goes only after a new one has been ready for a while."""
    spec: Part = {
        "replicas": replicas(settings, item.standby),
        "minReadySeconds": STEADY_SECONDS,
        "revisionHistoryLimit": 1,
        "progressDeadlineSeconds": max(60, int(settings.pod_seconds)),
        "selector": {"matchLabels": names.identity(settings, item)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": pods.template(settings, item),
    }
    if scaling.bounds(settings, item) is not None:
        del spec["replicas"]
    if _several(settings, item) and not settings.shape("triton").topology_spread_constraints:
        spec["template"]["spec"]["topologySpreadConstraints"] = [apart(names.identity(settings, item))]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(settings, item),
        "spec": spec,
    }


def replicas(settings: ServingSettings, standby: bool = False) -> int:
    """Fewest pods that a revision has; one that only stands by has one."""
    everybody = settings.triton_autoscaling
    return 1 if standby else everybody.min_replicas if everybody else settings.triton_replicas


def _several(settings: ServingSettings, item: Wanted) -> bool:
    between = scaling.bounds(settings, item)
    return replicas(settings) > 1 or (between is not None and between[1] > 1)


def apart(labels: Mapping[str, str]) -> Part:
    """Pods with *labels* are on several nodes, where there are several."""
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": dict(labels)},
    }
