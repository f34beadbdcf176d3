"""The three Grafana dashboards, written from one table so that a test can hold every query to metrics that exist.

`python -m charts.dashboards` writes charts/millrace/dashboards/*.json.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "millrace" / "dashboards"
WIDTH, HEIGHT, COLUMNS = 12, 8, 2


@dataclass(frozen=True)
class Panel:
    """One graph: its title, what the reader should know, its unit in Grafana's words, and queries by legend."""

    title: str
    note: str
    unit: str
    queries: dict[str, str]


@dataclass(frozen=True)
class Dashboard:
    """A page: its file's name, its title, the metric whose endpoints can be chosen (if any), its panels."""

    name: str
    title: str
    chooser: str
    panels: tuple[Panel, ...]


SYSTEM = Dashboard(
    "system",
    "Millrace: system",
    "",
    (
        Panel("Parts that answer", "1 while metrics can be read.", "none",
              {"{{component}} {{pod}}": 'up{namespace=~"$namespace", component!=""}'}),
        Panel("Inference requests", "Through the gateway, each second.", "reqps",
              {"answered": 'sum(rate(millrace_gateway_requests_total{namespace=~"$namespace"}[5m]))',
               "failed (5xx)": 'sum(rate(millrace_gateway_failed_total{namespace=~"$namespace"}[5m]))',
               "mirrored": 'sum(rate(millrace_gateway_mirrored_total{namespace=~"$namespace"}[5m]))'}),
        Panel("Prediction log", "Dropped records are never judged; dropping is a fault.", "cps",
              {"written": 'sum(rate(millrace_gateway_logs_written_total{namespace=~"$namespace"}[5m]))',
               "dropped": 'sum(rate(millrace_gateway_logs_dropped_total{namespace=~"$namespace"}[5m]))',
               "mirrors shed": 'sum(rate(millrace_gateway_mirrors_shed_total{namespace=~"$namespace"}[5m]))'}),
        Panel("Triton: time of a request", "Mean over five minutes, and the part spent waiting in the queue.", "µs",
              {"{{model}}": 'sum by (model) (rate(nv_inference_request_duration_us{namespace=~"$namespace"}[5m]))'
                            ' / sum by (model) (rate(nv_inference_request_success{namespace=~"$namespace"}[5m]))',
               "{{model}} queue":
                   'sum by (model) (rate(nv_inference_queue_duration_us{namespace=~"$namespace"}[5m]))'
                   ' / sum by (model) (rate(nv_inference_request_success{namespace=~"$namespace"}[5m]))'}),
        Panel("Triton: failed requests", "Each second.", "reqps",
              {"{{model}}": 'sum by (model) (rate(nv_inference_request_failure{namespace=~"$namespace"}[5m]))'}),
        Panel("API requests", "Each second, by part and status.", "reqps",
              {"{{component}} {{status}}": 'sum by (component, status) '
                                           '(rate(millrace_http_requests_total{namespace=~"$namespace"}[5m]))'}),
        Panel("API: slowest 5 %", "Seconds below which 95 % of the answers came.", "s",
              {"{{component}}": 'histogram_quantile(0.95, sum by (component, le) '
                                '(rate(millrace_http_request_seconds_bucket{namespace=~"$namespace"}[5m])))'}),
        Panel("Memory", "Resident memory of the services.", "bytes",
              {"{{pod}}": 'process_resident_memory_bytes{namespace=~"$namespace", component!=""}'}),
        Panel("Processor", "Cores in use.", "none",
              {"{{pod}}": 'rate(process_cpu_seconds_total{namespace=~"$namespace", component!=""}[5m])'}),
        Panel("Refused configurations", "Envoy did not accept what serving published.", "none",
              {"refused": 'sum(millrace_gateway_refused_configurations_total{namespace=~"$namespace"})'}),
    ),
)  # fmt: skip

MODELS = Dashboard(
    "models",
    "Millrace: model health",
    "millrace_performance",
    (
        Panel("Loss", "Mean loss of the last closed day, by version. Lower is better.", "none",
              {"{{endpoint}} v{{version}}": 'millrace_performance{endpoint=~"$endpoint"}'}),
        Panel("Evidence of a loss in performance", "Log of the detector's value; an alarm opens where it crosses its"
              " threshold.", "none",
              {"{{endpoint}}": 'millrace_edetector_log_value{endpoint=~"$endpoint"}'}),
        Panel("Champion less archived", "Above zero, an archived version would have done better.", "none",
              {"{{endpoint}} v{{version}}": 'millrace_challenger_loss_delta{endpoint=~"$endpoint"}'}),
        Panel("Labelled rows", "Share of rows of the last closed day that have a label.", "percentunit",
              {"{{endpoint}}": 'millrace_labels_joined_ratio{endpoint=~"$endpoint"}'}),
        Panel("Alarms opened", "Over the last day, by kind.", "none",
              {"{{endpoint}} {{kind}}": 'sum by (endpoint, kind) '
                                        '(increase(millrace_alarms_total{endpoint=~"$endpoint"}[1d]))'}),
        Panel("Days closed", "Event days judged in the last hour; a replay closes many.", "none",
              {"{{endpoint}}": 'sum by (endpoint) (increase(millrace_days_closed_total{endpoint=~"$endpoint"}[1h]))'}),
    ),
)  # fmt: skip

DATA = Dashboard(
    "data",
    "Millrace: data health",
    "millrace_feature_drift_psi",
    (
        Panel("Drift", "Population stability index of the running window, the ten highest features.", "none",
              {"{{endpoint}} {{feature}}": 'millrace_feature_drift_psi{endpoint=~"$endpoint"}'}),
        Panel("Drift beyond chance", "The index over what two windows in a row reach by chance; an alarm follows when"
              " both are above 1.", "none",
              {"{{endpoint}} {{feature}}": 'millrace_feature_drift_excess{endpoint=~"$endpoint"}'}),
        Panel("Missing values", "Share of the last closed day.", "percentunit",
              {"{{endpoint}} {{feature}}": 'millrace_feature_null_ratio{endpoint=~"$endpoint"}'}),
        Panel("Values that training never saw", "Share of the last closed day.", "percentunit",
              {"{{endpoint}} {{feature}}": 'millrace_feature_out_of_range_ratio{endpoint=~"$endpoint"}'}),
        Panel("Alarms about data", "Opened over the last day.", "none",
              {"{{endpoint}} {{kind}}": 'sum by (endpoint, kind) '
                                        '(increase(millrace_alarms_total{endpoint=~"$endpoint",'
                                        ' kind!="performance"}[1d]))'}),
        Panel("Rows with a label", "Share of the last closed day; what has no label cannot be judged.", "percentunit",
              {"{{endpoint}}": 'millrace_labels_joined_ratio{endpoint=~"$endpoint"}'}),
    ),
)  # fmt: skip

ALL = (SYSTEM, MODELS, DATA)


def render(dashboard: Dashboard) -> dict[str, Any]:
    """The dashboard as Grafana reads it."""
    return {
        "uid": f"millrace-{dashboard.name}",
        "title": dashboard.title,
        "tags": ["millrace"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h" if not dashboard.chooser else "now-30d", "to": "now"},
        "templating": {"list": _variables(dashboard)},
        "panels": [_panel(place, panel) for place, panel in enumerate(dashboard.panels)],
    }


def _variables(dashboard: Dashboard) -> list[dict[str, Any]]:
    source = {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    label, metric = ("endpoint", dashboard.chooser) if dashboard.chooser else ("namespace", "up")
    query = f"label_values({metric}, {label})"
    chooser = {
        "name": label,
        "type": "query",
        "label": label,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "query": {"query": query, "refId": label},
        "definition": query,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "refresh": 2,
        "current": {"text": ["All"], "value": ["$__all"]},
    }
    return [source, chooser]


def _panel(place: int, panel: Panel) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${datasource}"}
    row, column = divmod(place, COLUMNS)
    return {
        "id": place + 1,
        "title": panel.title,
        "description": panel.note,
        "type": "timeseries",
        "datasource": source,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(65 + number), "expr": query, "legendFormat": legend, "datasource": source}
            for number, (legend, query) in enumerate(panel.queries.items())
        ],
    }


def files() -> dict[Path, str]:
    """What each dashboard's file should hold."""
    return {
        FOLDER / f"{dashboard.name}.json": json.dumps(render(dashboard), indent=1, ensure_ascii=False) + "\n"
        for dashboard in ALL
    }


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for path, text in files().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
