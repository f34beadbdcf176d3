"""A model of 30 columns by every way there is, side by side in one run, and beside what anyone would write by hand."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from tests.bench import load

from millrace.client import Millrace
from millrace.oip import columns_from_rows, encode, pack
from millrace_contracts.signature import Signature
from millrace_serving.processes.ports import free_port

CONNECTIONS = (1, 16)
SECONDS = 2.0
ROUNDS = 3
ROWS = 64
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Way:
    """Where a row is sent, and as what."""

    port: int
    requests: list[bytes]


@dataclass(frozen=True)
class Place:
    """The model that is measured, and where it may be reached."""

    table: Any
    signature: Signature
    graph: Path
    triton: int
    direct: str
    """Path at Triton."""
    gateway: int
    public: str
    """Path at the gateway."""


def measure(client: Millrace, loop: str, place: Place, folder: Path) -> dict[str, Any]:
    """Requests a second and latency by way and number of connections; rounds interleaved, medians of them."""
    with _bare_envoy(place, folder) as envoy, _naive(place.graph) as naive:
        ways = _ways(client, loop, place, envoy, naive)
        for way in ways.values():
            load.run(way.port, way.requests, 4, 1.0)
        seen: dict[str, list[load.Load]] = {}
        for connections in CONNECTIONS:
            for _ in range(ROUNDS):
                for name, way in ways.items():
                    went = load.run(way.port, way.requests, connections, SECONDS)
                    seen.setdefault(f"{name}, {connections}", []).append(went)
    return {name: _summary(runs) for name, runs in seen.items()}


def ratios(wide: dict[str, Any]) -> dict[str, float]:
    """What is promised, at 16 connections."""
    rate = {
        name.removesuffix(", 16"): told["per_second"] for name, told in wide.items() if name.endswith(", 16")
    }
    return {
        "packed_over_columns": rate["Triton, packed"] / rate["Triton, columns"],
        "predict_over_naive": rate[":predict"] / rate["FastAPI + onnxruntime"],
        "logged_over_triton": rate["Millrace, packed"] / rate["Triton, packed"],
        "logged_over_naive": rate["Millrace, packed"] / rate["FastAPI + onnxruntime"],
    }


def _summary(runs: list[load.Load]) -> dict[str, float]:
    return {
        "per_second": float(np.median([run.rate for run in runs])),
        "lowest": min(run.rate for run in runs),
        "highest": max(run.rate for run in runs),
        "p50_ms": float(np.median([run.p50_ms for run in runs])),
        "p99_ms": float(np.median([run.p99_ms for run in runs])),
        "failures": sum(run.failures for run in runs),
    }


def _ways(client: Millrace, loop: str, place: Place, envoy: int, naive: int) -> dict[str, Way]:
    api = int(httpx.URL(client.serving.api.url).port or 0)
    said = {"authorization": f"Bearer {client.serving.api.token}"} | JSON
    rows = [{"rows": [row]} for row in place.table.iloc[:ROWS].to_dict("records")]
    predict = f"/v1/endpoints/{loop}:predict"
    return {
        "Triton, columns": _tensors(place, encode, place.triton, place.direct),
        "Triton, packed": _tensors(place, pack, place.triton, place.direct),
        "Envoy without log, packed": _tensors(place, pack, envoy, place.direct),
        "Millrace, columns": _tensors(place, encode, place.gateway, place.public),
        "Millrace, packed": _tensors(place, pack, place.gateway, place.public),
        ":predict": _documents(api, predict, rows, said),
        "FastAPI + onnxruntime": _documents(naive, "/predict", rows, JSON),
    }


def _tensors(place: Place, form: Any, port: int, path: str) -> Way:
    made = []
    for row in range(ROWS):
        columns = columns_from_rows(place.table.iloc[row : row + 1], place.signature)
        body, headers = form(columns)
        headers["x-millrace-key"] = f"user-{row}"
        made.append(load.request(path, f"127.0.0.1:{port}", body, headers))
    return Way(port, made)


def _documents(port: int, path: str, bodies: list[Any], headers: dict[str, str]) -> Way:
    host = f"127.0.0.1:{port}"
    return Way(port, [load.request(path, host, json.dumps(body).encode(), headers) for body in bodies])


@contextlib.contextmanager
def _naive(graph: Path) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.naive", str(graph), str(port)]
    with _running(command, f"http://127.0.0.1:{port}/openapi.json"):
        yield port


@contextlib.contextmanager
def _bare_envoy(place: Place, folder: Path) -> Iterator[int]:
    """An Envoy that only hands on to Triton."""
    port, path = free_port(), folder / "bare.json"
    address = {"socket_address": {"address": "127.0.0.1", "port_value": place.triton}}
    kind = "type.googleapis.com/envoy.extensions.filters"
    router = {"name": "router", "typed_config": {"@type": f"{kind}.http.router.v3.Router"}}
    table = {
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "triton"}}],
            }
        ]
    }
    manager = {
        "@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bare", "route_config": table, "http_filters": [router],
    }  # fmt: skip
    listener = {
        "name": "bare",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    cluster = {
        "name": "triton",
        "load_assignment": {
            "cluster_name": "triton",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
    path.write_text(json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}}))
    envoy = str(Path(sys.prefix) / "bin" / "envoy")
    command = [envoy, "-c", str(path), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
    with _running(command, f"http://127.0.0.1:{port}/v2/health/ready"):
        yield port


@contextlib.contextmanager
def _running(command: list[str], url: str) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(url, trust_env=False).is_success:
                    break
            time.sleep(0.1)
        yield
    finally:
        psutil.Process(process.pid).kill()
        process.wait()
