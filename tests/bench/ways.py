"""The ways in which a row may be asked for: of Millrace's parts, and of what anyone would write by hand."""

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
import psutil
from tests.bench import load

from millrace.client import Millrace
from millrace.oip import columns_from_rows, encode, pack
from millrace_contracts.signature import Signature
from millrace_serving.processes.ports import free_port

ROWS = 64
JSON = {"content-type": "application/json"}


class NoAnswer(RuntimeError):
    """What was started does not answer; the text says what."""


@dataclass(frozen=True)
class Way:
    """Where a row is sent, and as what."""

    port: int
    requests: list[bytes]


@dataclass(frozen=True)
class Place:
    """A model that is measured, and where it may be reached."""

    loop: str
    table: Any
    signature: Signature
    graph: Path
    triton: int
    direct: str
    """Path at Triton."""
    gateway: int
    public: str
    """Path at the gateway."""


def of_millrace(client: Millrace, place: Place) -> dict[str, Way]:
    """Triton itself, the gateway, and `:predict`."""
    api = int(httpx.URL(client.serving.api.url).port or 0)
    said = {"authorization": f"Bearer {client.serving.api.token}"} | JSON
    return {
        "Triton, columns": _tensors(place, encode, place.triton, place.direct),
        "Triton, packed": packed(place, place.triton),
        "Millrace, columns": _tensors(place, encode, place.gateway, place.public),
        "Millrace, packed": _tensors(place, pack, place.gateway, place.public),
        ":predict": documents(api, f"/v1/endpoints/{place.loop}:predict", rows(place), said),
    }


def rows(place: Place) -> list[Any]:
    """The bodies of requests of one row each."""
    return [{"rows": [row]} for row in place.table.iloc[:ROWS].to_dict("records")]


def packed(place: Place, port: int) -> Way:
    """Packed rows, as Triton itself takes them."""
    return _tensors(place, pack, port, place.direct)


def _tensors(place: Place, form: Any, port: int, path: str) -> Way:
    made = []
    for row in range(ROWS):
        columns = columns_from_rows(place.table.iloc[row : row + 1], place.signature)
        body, headers = form(columns)
        headers["x-millrace-key"] = f"user-{row}"
        made.append(load.request(path, f"127.0.0.1:{port}", body, headers))
    return Way(port, made)


def documents(port: int, path: str, bodies: list[Any], headers: dict[str, str]) -> Way:
    """JSON to any server."""
    host = f"127.0.0.1:{port}"
    return Way(port, [load.request(path, host, json.dumps(body).encode(), headers) for body in bodies])


@contextlib.contextmanager
def naive(place: Place, folder: Path) -> Iterator[dict[str, Way]]:
    """FastAPI and onnxruntime by hand, without and with a log of what was asked and answered."""
    plain, logged = free_port(), free_port()
    first = ["-m", "tests.bench.naive", str(place.graph), str(plain)]
    second = ["-m", "tests.bench.naive_logged", str(place.graph), str(logged), str(folder / "naive.log")]
    with (
        running([sys.executable, *first], f"http://127.0.0.1:{plain}/openapi.json"),
        running([sys.executable, *second], f"http://127.0.0.1:{logged}/openapi.json"),
    ):
        yield {
            "FastAPI": documents(plain, "/predict", rows(place), JSON),
            "FastAPI, bodies logged": documents(logged, "/logged", rows(place), JSON),
        }


@contextlib.contextmanager
def bare_envoy(place: Place, folder: Path) -> Iterator[dict[str, Way]]:
    """An Envoy that only hands on to Triton."""
    port, path = free_port(), folder / "bare.json"
    address = {"socket_address": {"address": "127.0.0.1", "port_value": place.triton}}
    kind = "type.googleapis.com/envoy.extensions.filters"
    router = {"name": "router", "typed_config": {"@type": f"{kind}.http.router.v3.Router"}}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "triton"}}
    manager = {
        "@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bare",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [router],
    }
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
    with running(command, f"http://127.0.0.1:{port}/v2/health/ready"):
        yield {"Envoy without log, packed": packed(place, port)}


@contextlib.contextmanager
def running(
    command: list[str], url: str, seconds: float = 60.0, **more: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of our own until it is no longer needed. Raises: NoAnswer if there is none at *url*."""
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], start_new_session=True, **more)
    try:
        deadline = time.monotonic() + seconds
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise NoAnswer(f"{command[:4]} does not answer")
            time.sleep(0.1)
        yield process
    finally:
        _end(process)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(psutil.Error):
        owner = psutil.Process(process.pid)
        for child in (*owner.children(recursive=True), owner):
            with contextlib.suppress(psutil.Error):
                child.kill()
    process.wait()
