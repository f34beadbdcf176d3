"""The gateway against bare Triton: same model, same load generator, one run; and how fast a route changes."""

import json
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import httpx
import numpy as np
from sklearn.datasets import load_breast_cancer
from tests.bench import load, wide

from millrace.client import Millrace
from millrace.delivery import push
from millrace.oip import columns_from_rows, encode
from millrace_contracts.endpoints import GatewayRead
from millrace_contracts.loop import ModelLoop
from millrace_contracts.signature import Signature

LOOP = "bench"
SECONDS = 8.0
CONNECTIONS = 16


def measure(client: Millrace, folder: Path) -> dict[str, Any]:
    """Requests a second direct and through the gateway, latency of one row, lost records, route change."""
    table = _loop(client, folder)
    signature = client.registry.version(LOOP, 1).signature
    endpoint = client.serving.endpoint(LOOP)
    public = urlparse(endpoint.url)
    direct_path = f"/v2/models/{LOOP}--r{endpoint.stable}/infer"
    gateway_port, triton_port = int(public.port or 0), _triton_port(folder)
    before = client.serving.gateway()
    graph = (
        folder / "home" / "serving" / "triton" / "models" / f"{LOOP}--r{endpoint.stable}" / "1" / "model.onnx"
    )
    kinds = {"direct": (triton_port, direct_path), "gateway": (gateway_port, public.path)}
    requests = {name: _requests(table, signature, path, port) for name, (port, path) in kinds.items()}
    for name, (port, _) in kinds.items():
        load.run(port, requests[name], CONNECTIONS, 1.0)
    busy = {name: load.run(port, requests[name], CONNECTIONS, SECONDS) for name, (port, _) in kinds.items()}
    single = load.run(gateway_port, requests["gateway"], 1, 3.0)
    place = wide.Place(table, signature, graph, triton_port, direct_path, gateway_port, public.path)
    broad = wide.measure(client, LOOP, place, folder)
    after = _settled(client, before)
    return {
        "load_generator": "tests/bench/load.py (asyncio on uvloop, one process)",
        "direct_per_second": busy["direct"].rate,
        "gateway_per_second": busy["gateway"].rate,
        "gateway_ratio": busy["gateway"].rate / busy["direct"].rate,
        "gateway_p99_ms": busy["gateway"].p99_ms,
        "gateway_p50_ms": single.p50_ms,
        "failures": sum(item.failures for item in (*busy.values(), single)),
        "wide": broad,
        **wide.ratios(broad),
        "records_written": after.logs_written - before.logs_written,
        "records_lost": after.logs_dropped - before.logs_dropped,
        "rollback_seconds": route_change(client, endpoint.url, table, signature),
    }


def _triton_port(folder: Path) -> int:
    """Where Triton listens on loopback; clients have no business there, so the API does not tell."""
    return int(json.loads((folder / "home" / "serving" / "ports.json").read_text())["triton_port"])


def _loop(client: Millrace, folder: Path) -> Any:
    """A small loop with two versions, so that there is something to go back to."""
    table = load_breast_cancer(as_frame=True).frame.rename(columns=lambda name: name.replace(" ", "_"))
    table.to_csv(folder / "bench.csv", index=False)
    document = {
        "apiVersion": "millrace.dev/v1alpha1",
        "kind": "ModelLoop",
        "metadata": {"name": LOOP},
        "spec": {
            "task": "binary",
            "target": "target",
            "data": {"dataset": LOOP},
            "training": {"search": {"trials": 3}},
            "gates": {"champion": {"margin": 5.0, "minimumDays": 2}},
        },
    }
    client.controller.apply(ModelLoop.model_validate(document))
    push(client, LOOP, folder / "bench.csv")
    client.controller.await_run(LOOP, 1)
    client.controller.retrain(LOOP)
    client.controller.await_run(LOOP, 2)
    return table.drop(columns="target")


def _requests(table: Any, signature: Signature, path: str, port: int) -> list[bytes]:
    made = []
    for row in range(64):
        body, headers = encode(columns_from_rows(table.iloc[row : row + 1], signature))
        headers |= {"x-millrace-key": f"user-{row}"}
        made.append(load.request(path, f"127.0.0.1:{port}", body, headers))
    return made


def _settled(client: Millrace, before: GatewayRead) -> GatewayRead:
    """The gateway's counters once the last records were flushed."""
    seen = -1
    while True:
        after = client.serving.gateway()
        total = after.logs_written + after.logs_dropped
        if total == seen and total > before.logs_written:
            return after
        seen = total
        time.sleep(1.0)


def route_change(client: Millrace, url: str, table: Any, signature: Signature) -> float:
    """Seconds from the call of a rollback to the last answer of the revision that was left."""
    body, headers = encode(columns_from_rows(table.iloc[:1], signature))
    answers: list[tuple[float, str]] = []
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(trust_env=False) as http:
            while not over.is_set():
                answer = http.post(url, content=body, headers=headers)
                answers.append((time.perf_counter(), answer.headers["x-millrace-revision"]))

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(1.0)
    left, called = answers[-1][1], time.perf_counter()
    client.controller.rollback(LOOP)
    time.sleep(3.0)
    over.set()
    asking.join()
    if answers[-1][1] == left:
        return float(np.inf)
    return max(at for at, revision in answers if revision == left) - called
