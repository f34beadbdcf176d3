"""Dashboards and alerts ask only for metrics that exist, by labels that those have."""

import importlib
import json
import re

import pytest
from charts import dashboards
from prometheus_client import REGISTRY
from tests.chart.rendering import case_objects, one, render

from millrace_monitoring import metrics
from millrace_serving.envoy import counters

SERVICES = ("registry", "training", "serving", "monitoring", "controller")
TRITON = {
    name: {"model", "version"}
    for name in (
        "nv_inference_request_success",
        "nv_inference_request_failure",
        "nv_inference_request_duration_us",
        "nv_inference_queue_duration_us",
    )
}
"""tests/chart/test_triton.py asks a real Triton for them."""
SCRAPED = {"up": set()}
TARGET = {"namespace", "pod", "component", "le"}
"""Labels that the PodMonitors add, and a histogram's own."""
WORDS = {"sum", "rate", "increase", "histogram_quantile", "by", "and", "or", "on", "absent"}


@pytest.fixture(scope="module")
def known():
    """Metric name to labels, as the services would print them."""
    for service in SERVICES:
        importlib.import_module(f"millrace_{service}.main")
    found = TRITON | SCRAPED
    for collector in list(REGISTRY._collector_to_names):
        labels = set(getattr(collector, "_labelnames", ()))
        found |= dict.fromkeys(REGISTRY._collector_to_names[collector], labels)
    return found | {f"millrace_gateway_{name}_total": set() for name in counters.STATS}


def queries():
    for dashboard in dashboards.ALL:
        for panel in dashboard.panels:
            yield from ((f"{dashboard.name}: {panel.title}", query) for query in panel.queries.values())


def alerts():
    (group,) = one(case_objects("production"), "PrometheusRule", "millrace-rules")["spec"]["groups"]
    return [(rule["alert"], rule["expr"]) for rule in group["rules"]]


def names(query):
    """The metrics a query asks for."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"|\b(by|on) \([^)]*\)", " ", query)
    return set(re.findall(r"[a-zA-Z_:][\w:]*", bare)) - WORDS


def labels(query):
    """The labels a query speaks of."""
    inside = {
        word for part in re.findall(r"\{([^}]*)\}", query) for word in re.findall(r"(\w+)\s*[=!]", part)
    }
    grouped = {
        word for _, part in re.findall(r"\b(by|on) \(([^)]*)\)", query) for word in re.findall(r"\w+", part)
    }
    return inside | grouped


@pytest.mark.parametrize(("where", "query"), queries())
def test_a_panel_asks_for_metrics_that_exist(where, query, known):
    assert unknown(query, known) == set(), where


def test_an_alert_asks_for_metrics_that_exist(known):
    assert len(alerts()) >= 8
    assert {where: unknown(query, known) for where, query in alerts() if unknown(query, known)} == {}


def test_every_metric_that_an_alert_asks_for_is_asked_of_one_namespace():
    """Two releases in one cluster each speak of themselves."""
    for where, query in alerts():
        chosen = re.findall(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}", query)
        assert {name for name, _ in chosen} == names(query), where
        assert all(re.search(r'namespace="[a-z-]+"', inside) for _, inside in chosen), where


@pytest.mark.parametrize("part", [*SERVICES, "gateway", "edge"])
def test_a_part_that_no_longer_exists_is_an_alert_too(part):
    queries = dict(alerts())
    assert f'absent(up{{namespace="millrace", component="{part}"}})' in queries["MillracePartAbsent"]
    assert part in queries["MillracePartDown"]


@pytest.mark.parametrize("part", ["console", "autoscaler"])
def test_a_part_that_is_only_there_where_it_is_wanted_is_looked_for_only_there(part):
    values = {"console": "console.enabled=true", "autoscaler": "autoscaling.enabled=true"}
    for wanted in (True, False):
        switched = values[part] if wanted else values[part].replace("true", "false")
        objects = render("--set", f"prometheus.rules=true,prometheus.monitors=true,{switched}")
        (group,) = one(objects, "PrometheusRule", "millrace-rules")["spec"]["groups"]
        queries = {rule["alert"]: rule["expr"] for rule in group["rules"]}
        absent = f'absent(up{{namespace="millrace", component="{part}"}})'
        assert (absent in queries["MillracePartAbsent"]) is (part in queries["MillracePartDown"]) is wanted
        (chosen,) = one(objects, "PodMonitor", "millrace-services")["spec"]["selector"]["matchExpressions"]
        assert part in chosen["values"]


def test_triton_is_asked_where_it_runs():
    objects = render("--set", "prometheus.rules=true,workloads.namespace=elsewhere")
    (group,) = one(objects, "PrometheusRule", "millrace-rules")["spec"]["groups"]
    queries = {rule["alert"]: rule["expr"] for rule in group["rules"]}
    assert 'nv_inference_queue_duration_us{namespace="elsewhere"}' in queries["MillraceTritonQueues"]
    assert 'up{namespace="elsewhere", component="triton"} == 0' in queries["MillracePartDown"]


def unknown(query, known):
    """The metrics and labels of a query that nothing has."""
    asked = names(query)
    assert asked, query
    return (asked - set(known)) | (labels(query) - TARGET.union(*(known.get(name, set()) for name in asked)))


def test_an_invented_metric_or_label_is_seen(known):
    assert unknown('sum(rate(millrace_wishes_total{namespace="b"}[5m]))', known) == {"millrace_wishes_total"}
    assert unknown('sum by (wish) (up{namespace="x"})', known) == {"wish"}


def test_the_files_are_fresh():
    for path, text in dashboards.files().items():
        assert path.read_text() == text, f"{path} is old: run python -m charts.dashboards"


def test_three_dashboards_become_config_maps_that_hold_them():
    objects = case_objects("production")
    for dashboard in dashboards.ALL:
        found = one(objects, "ConfigMap", f"millrace-dashboard-{dashboard.name}")
        assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert json.loads(found["data"][f"millrace-{dashboard.name}.json"]) == dashboards.render(dashboard)


def test_every_metric_of_monitoring_is_drawn():
    """What monitoring measures is worth a panel."""
    asked = set().union(*(names(query) for _, query in queries()))
    ours = (metrics.LOSS, metrics.EVIDENCE, metrics.DRIFT, metrics.EXCESS, metrics.MISSING, metrics.OUTSIDE,
            metrics.JOINED, metrics.DELTA)  # fmt: skip
    assert {metric._name for metric in ours} <= asked
