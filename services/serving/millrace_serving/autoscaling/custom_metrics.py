"""The part of custom.metrics.k8s.io/v1beta2 that autoscalers of revisions ask for, as an ASGI app.

Its shapes: k8s.io/metrics/pkg/apis/custom_metrics/v1beta2. Who may ask is decided before a request comes here.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from millrace_serving.autoscaling.demand import WINDOW_SECONDS, Demand
from millrace_serving.cluster import names
from millrace_serving.cluster.scaling import METRIC

GROUP, VERSION = "custom.metrics.k8s.io", "v1beta2"
API = f"{GROUP}/{VERSION}"
ROOT = f"/apis/{API}"
ONE = ROOT + "/namespaces/{namespace}/services/{name}/{metric}"


def app(demand: Demand, namespace: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Starlette:
    """The API over *demand*; *namespace* is the one of the revisions' Services."""

    async def listing(_: Request) -> JSONResponse:
        return JSONResponse(resources())

    async def one(request: Request) -> JSONResponse:
        place = request.path_params
        known = {names.object_name(*names.parts(name)): name for name in demand.revisions()}
        found = demand.mean(known.get(place["name"], ""))
        if place["namespace"] != namespace or place["metric"] != METRIC or found is None:
            return _missing(place["namespace"], place["name"], place["metric"])
        return JSONResponse(value(place["namespace"], place["name"], found, now()))

    return Starlette(routes=[Route(ROOT, listing), Route(ONE, one)])


def resources() -> Any:
    """What the group version has: one metric, of Services."""
    metric = {"name": f"services/{METRIC}", "singularName": "", "namespaced": True, "kind": "MetricValueList"}
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": API,
        "resources": [metric | {"verbs": ["get"]}],
    }


def value(namespace: str, name: str, found: float, at: datetime) -> Any:
    """One metric of one Service, in thousandths."""
    item = {
        "describedObject": {"kind": "Service", "namespace": namespace, "name": name, "apiVersion": "v1"},
        "metric": {"name": METRIC, "selector": None},
        "timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "windowSeconds": int(WINDOW_SECONDS),
        "value": f"{round(found * 1000)}m",
    }
    return {"kind": "MetricValueList", "apiVersion": API, "metadata": {}, "items": [item]}


def _missing(namespace: str, name: str, metric: str) -> JSONResponse:
    told = f"there is no {metric} of the service {namespace}/{name} now: no gateway that answers knows its revision"
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": told,
        "reason": "NotFound",
        "code": 404,
    }
    return JSONResponse(status, 404)
