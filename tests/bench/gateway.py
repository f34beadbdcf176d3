"""The gateway against bare Triton: same model, same load generator, one run; and how fast a route changes."""

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from tests.bench import load, models, wide
from tests.bench.ways import Place

from millrace.client import Millrace
from millrace.oip import columns_from_rows, encode
from millrace_contracts.endpoints import GatewayRead
from millrace_contracts.signature import Signature

LOOP = "bench"
SECONDS = 8.0
CONNECTIONS = 16


def measure(client: Millrace, pids: list[int], folder: Path) -> dict[str, Any]:
    """Requests a second direct and through the gateway, latency of one row, lost records, route change.

    Args:
        pids: processes of the platform.
    """
    place = _place(client, folder)
    before = client.serving.gateway()
    kinds = {"direct": (place.triton, place.direct), "gateway": (place.gateway, place.public)}
    requests = {
        name: _requests(place.table, place.signature, path, port) for name, (port, path) in kinds.items()
    }
    for name, (port, _) in kinds.items():
        load.run(port, requests[name], CONNECTIONS, 1.0)
    busy = {name: load.run(port, requests[name], CONNECTIONS, SECONDS) for name, (port, _) in kinds.items()}
    single = load.run(place.gateway, requests["gateway"], 1, 3.0)
    broad = wide.measure(client, place, pids, folder)
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
        "rollback_seconds": route_change(client, place),
    }


def _place(client: Millrace, folder: Path) -> Place:
    """A small loop with two versions, so that there is something to go back to."""
    rows = models.table(models.COLUMNS)
    models.trained(client, LOOP, rows, folder)
    client.controller.retrain(LOOP)
    client.controller.await_run(LOOP, 2)
    return models.place(client, LOOP, rows.drop(columns="target"), folder)


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


def route_change(client: Millrace, place: Place) -> float:
    """Seconds from the call of a rollback to the last answer of the revision that was left."""
    body, headers = encode(columns_from_rows(place.table.iloc[:1], place.signature))
    url = f"http://127.0.0.1:{place.gateway}{place.public}"
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
