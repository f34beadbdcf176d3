"""Pure: the HorizontalPodAutoscaler of a revision, and what it says of how many pods there are and why.

A loop that declares `serving.autoscaling` is scaled by the requests in flight for it, a metric of its Service that the
installation's own adapter serves; all others as the installation says.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from millrace_contracts.quantities import number
from millrace_contracts.serving import Autoscaling, Replicas
from millrace_core.pods import PREFIX, Part
from millrace_serving.cluster import names
from millrace_serving.settings import Scaling, ServingSettings
from millrace_serving.triton.repository import Wanted

KIND, VERSION = "HorizontalPodAutoscaler", "autoscaling/v2"
METRIC = "millrace_requests_in_flight"
"""The metric of a Service: requests that gateways sent to a revision and that are not answered yet."""
QUEUE_METRIC = "millrace_triton_queue_milliseconds"
"""The metric of a pod, of an adapter that somebody else brings."""
Seen = Mapping[str, Any]
Found = Mapping[tuple[str, str], Seen]


def of_loop(settings: ServingSettings, item: Wanted) -> Autoscaling | None:
    """What its loop asks for, where the installation has an adapter that can tell its load."""
    return item.serving.autoscaling if settings.autoscaler else None


def bounds(settings: ServingSettings, item: Wanted) -> tuple[int, int] | None:
    """Fewest and most pods of a revision that is scaled by load; None: its number is fixed. What stands by has one."""
    own, everybody = of_loop(settings, item), settings.triton_autoscaling
    if item.standby:
        return None
    if own is not None:
        return own.min, own.max
    if everybody is None:
        return None
    return everybody.min_replicas, max(everybody.min_replicas, everybody.max_replicas)


def fixed(settings: ServingSettings, items: Iterable[Wanted]) -> set[tuple[str, str]]:
    """The autoscalers, by kind and name, that revisions have no more: their number of pods is fixed."""
    alone = [item for item in items if bounds(settings, item) is None]
    return {(KIND, names.object_name(item.project, item.endpoint, item.number)) for item in alone}


def autoscaler(settings: ServingSettings, item: Wanted, metadata: Part) -> Part | None:
    """The autoscaler of a revision; None for one whose number of pods is fixed."""
    between = bounds(settings, item)
    if between is None:
        return None
    own = of_loop(settings, item)
    by = _in_flight(own, metadata["name"]) if own else _queued(settings.triton_autoscaling or Scaling())
    down = {"stabilizationWindowSeconds": settings.scale_down_seconds}
    return {
        "apiVersion": VERSION,
        "kind": KIND,
        "metadata": metadata,
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"]},
            "minReplicas": between[0],
            "maxReplicas": between[1],
            "metrics": [by],
            "behavior": {"scaleDown": down},
        },
    }


def _in_flight(own: Autoscaling, service: str) -> Part:
    """All requests of the revision, divided by its pods: it needs no pod to say anything."""
    metric = {
        "describedObject": {"apiVersion": "v1", "kind": "Service", "name": service},
        "metric": {"name": METRIC},
        "target": _aim(own.in_flight),
    }
    return {"type": "Object", "object": metric}


def _queued(scaling: Scaling) -> Part:
    """The mean time in Triton's queue."""
    metric = {"metric": {"name": QUEUE_METRIC}, "target": _aim(scaling.queue_milliseconds)}
    return {"type": "Pods", "pods": metric}


def _aim(value: float) -> Part:
    return {"type": "AverageValue", "averageValue": f"{max(1, round(value * 1000))}m"}


HANDED = "millrace-handed-over"
"""The field manager that holds a Deployment's replicas until an autoscaler changes them."""


def hands_over(manifest: Part, old: Seen) -> bool:
    """Whether applying *manifest* would give up the number of pods that we set: the API server would set it to 1."""
    if manifest["kind"] != "Deployment" or "replicas" in manifest["spec"]:
        return False
    ours = [item for item in old["metadata"].get("managedFields") or () if item.get("manager") == "millrace"]
    return any("f:replicas" in item.get("fieldsV1", {}).get("f:spec", {}) for item in ours)


def handed_over(old: Seen) -> Part:
    """That number of pods, as it is, to be applied in the name of another manager first."""
    meta = {name: old["metadata"][name] for name in ("name", "namespace")}
    replicas = old["spec"].get("replicas", 1)
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"replicas": replicas}}


def grown(item: Wanted, found: Found) -> Wanted:
    """A candidate with at least as many pods as the version that it may follow: traffic moves in large steps."""
    own = item.serving.autoscaling
    if own is None or not item.rising:
        return item
    fewest = min(own.max, max([own.min, *_others(item, found)]))
    return replace(
        item, serving=item.serving.model_copy(update={"autoscaling": own.model_copy(update={"min": fewest})})
    )


def _others(item: Wanted, found: Found) -> list[int]:
    endpoint = {f"{PREFIX}/{key}": names.label(getattr(item, key)) for key in ("project", "endpoint")}
    return [
        int(seen.get("spec", {}).get("replicas", 1))
        for (kind, _), seen in found.items()
        if kind == "Deployment" and endpoint.items() <= seen["metadata"].get("labels", {}).items()
    ]


def replicas(seen: Seen) -> Replicas:
    """How many pods there are and should be, and why, as an autoscaler says it."""
    spec, status = seen.get("spec", {}), seen.get("status") or {}
    current = int(status.get("currentReplicas") or 0)
    return Replicas(
        current=current,
        wanted=int(status.get("desiredReplicas") or current),
        least=int(spec.get("minReplicas") or 1),
        most=int(spec.get("maxReplicas") or current),
        why=_why(spec, status),
    )


def _why(spec: Seen, status: Seen) -> str:
    told = {item["type"]: item for item in status.get("conditions") or ()}
    for kind, words in (("AbleToScale", "cannot be scaled"), ("ScalingActive", "its load is not known")):
        if told.get(kind, {}).get("status") == "False":
            return f"{words}: {told[kind].get('message') or told[kind].get('reason')}"[:400]
    load, aimed = _load((status.get("currentMetrics") or [{}])[0]), _aimed((spec.get("metrics") or [{}])[0])
    if load is None or aimed is None:
        return "the autoscaler has not looked yet"
    unit, aim = aimed
    limited = told.get("ScalingLimited", {})
    ends = {"TooManyReplicas": "; there are the most there may be", "TooFewReplicas": ""}
    return f"{load:g} {unit}, {aim:g} aimed at" + (
        ends.get(limited.get("reason", ""), "") if limited.get("status") == "True" else ""
    )


def _aimed(metric: Seen) -> tuple[str, float] | None:
    """What is measured, and the aim; None for a metric that is none of ours, as somebody may have put there."""
    kind = metric.get("type")
    aim = metric.get(str(kind).lower(), {}).get("target", {}).get("averageValue")
    if aim is None or kind not in ("Object", "Pods"):
        return None
    return "requests in flight for each pod" if kind == "Object" else "ms in Triton's queue", number(aim)


def _load(metric: Seen) -> float | None:
    known = metric.get(str(metric.get("type", "")).lower(), {}).get("current", {}).get("averageValue")
    return None if known is None else number(known)
