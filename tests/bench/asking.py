"""What it costs that a gateway asks who asks: open, with a key, and with a signed token, taking turns.

`python -m tests.bench.asking` measures Envoy alone, with a stand-in of no cost behind it; `make bench` the way with a
key beside the others.
"""

import contextlib
import hashlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import jwt
import numpy as np
import psutil
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.bench import load, ways
from tests.bench.ways import Place, Way

from millrace.laptop import tokens
from millrace_serving.envoy import callers, discovery, manifests
from millrace_serving.envoy.bootstrap import Gateway, bootstrap
from millrace_serving.envoy.callers import Callers, Given, Issuer, Key
from millrace_serving.envoy.manifests import Split, Ways
from millrace_serving.processes.ports import free_port

KEY = "mrk_" + "k" * 40
ISSUER = "https://issuer.example"
MANY = 1000
"""Keys that the gateway knows."""
SECONDS, ROUNDS, CONNECTIONS = 1.5, 7, 16
ENVOY = str(Path(sys.prefix) / "bin" / "envoy")


@dataclass(frozen=True)
class Asked:
    """A gateway of our own, its process, and what opens it."""

    port: int
    pid: int


def everybody(public: Any) -> Callers:
    """Many keys, one of them KEY, and an issuer."""
    shown = [KEY, *(f"mrk_{number:040}" for number in range(MANY - 1))]
    keys = [
        Key(hashlib.sha256(text.encode()).hexdigest(), f"default/k{place}", ("default/*",))
        for place, text in enumerate(shown)
    ]
    published = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(public)) | {"kid": "one", "alg": "RS256"}
    given = (Given(("*",), claim="groups", value="ml"),)
    return Callers(tuple(keys), (Issuer(ISSUER, "millrace", callers.jwks([published]), given),))


def token(private: Any) -> str:
    """As an issuer signs it."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": "millrace", "sub": "ada", "iat": now, "exp": now + 3600, "groups": ["ml"]}
    return jwt.encode(claims, private, "RS256", headers={"kid": "one"})


class Told(ThreadingHTTPServer):
    """Discovery of what never changes."""

    daemon_threads = True

    def __init__(self, upstream: int, revision: str, wire: str, asking: Callers | None) -> None:
        way = Ways(lambda _: ("127.0.0.1", upstream), ("*",), 5.0)
        split = Split("default", wire, wire, ((revision, manifests.TOTAL),), "salt")
        first, second = manifests.route_tables([split], way)
        self.told = {
            "clusters": manifests.clusters([revision], way),
            "inference": [first],
            "shadow": [second],
        }
        if asking is not None:
            self.told |= {name: [made] for name, made in callers.extensions(asking).items()}
        super().__init__(("127.0.0.1", 0), _Telling)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Telling(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if asked.get("version_info"):
            time.sleep(5)
            return self._send(304, b"")
        name = "clusters" if self.path.endswith("clusters") else asked["resource_names"][0]
        assert isinstance(self.server, Told)
        kind = discovery.KINDS.get(name, discovery.ROUTE_URL)
        told = {"version_info": "1", "type_url": kind, "resources": self.server.told[name]}
        return self._send(200, json.dumps(told).encode())

    def _send(self, status: int, body: bytes) -> None:
        with contextlib.suppress(OSError):
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def gateway(
    folder: Path, upstream: int, revision: str, wire: str, asking: Callers | None, **more: Any
) -> Iterator[Asked]:
    """A gateway with the project's own configuration before one revision; *asking* None: an open one."""
    told = Told(upstream, revision, wire, asking)
    ports = {name: free_port() for name in ("inference_port", "shadow_port", "admin_port")}
    fixed = {
        "discovery_port": told.server_port,
        "otlp_port": 1,
        "token": "none",
        "flush_seconds": 0.1,
        "request_seconds": 30,
    }
    made = Gateway(**ports | fixed | more, protected=asking is not None)
    path = folder / f"gateway-{made.inference_port}.json"
    path.write_text(json.dumps(bootstrap(made)))
    command = [ENVOY, "-c", str(path), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
    url = f"http://127.0.0.1:{made.inference_port}/v2/health/ready"
    with ways.running(command, url) as process:
        yield Asked(made.inference_port, process.pid)
    told.shutdown()
    told.server_close()


@contextlib.contextmanager
def beside(place: Place, folder: Path) -> Iterator[tuple[dict[str, Way], int]]:
    """The gateway of a platform once more, but asking for a key: the way, and the process."""
    secrets = tokens.ensure(folder / "home" / "run")
    record = json.loads((folder / "home" / "run" / "platform.json").read_text())
    revision, key = place.direct.split("/")[3], rsa.generate_private_key(65537, 2048)
    more = {"otlp_port": record["ports"]["otlp"], "token": secrets["gateway"]}
    with gateway(folder, place.triton, revision, place.loop, everybody(key.public_key()), **more) as made:
        plain = ways.packed(replace(place, direct=place.public), made.port)
        yield {"Millrace, packed, a key": Way(made.port, shown(plain.requests, KEY))}, made.pid


def shown(requests: list[bytes], key: str) -> list[bytes]:
    """The same requests, each with a key."""
    return [item.replace(b"\r\n", f"\r\nauthorization: Bearer {key}\r\n".encode(), 1) for item in requests]


@contextlib.contextmanager
def nothing(folder: Path) -> Iterator[int]:
    """A stand-in for Triton that costs next to nothing: an Envoy that has one answer."""
    port, path = free_port(), folder / "nothing.json"
    kind = "type.googleapis.com/envoy.extensions.filters"
    body = json.dumps({"model_name": "m", "outputs": [{"name": "class", "shape": [1], "data": [1]}]})
    route = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": body}}}
    manager = {
        "@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "nothing",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": f"{kind}.http.router.v3.Router"}}],
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    listener = {"name": "nothing", "address": address, "filter_chains": [chain]}
    path.write_text(json.dumps({"static_resources": {"listeners": [listener]}}))
    command = [ENVOY, "-c", str(path), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
    with ways.running(command, f"http://127.0.0.1:{port}/"):
        yield port


def main() -> None:
    """Processor microseconds of one request in Envoy, and latency, of each way; rounds interleaved."""
    key = rsa.generate_private_key(65537, 2048)
    asking, seen = everybody(key.public_key()), {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            nothing(folder) as port,
            gateway(folder, port, "m--r1", "m", None) as free,
            gateway(folder, port, "m--r1", "m", asking) as strict,
        ):
            body, said = (
                os.urandom(240),
                {"inference-header-content-length": "120", "x-millrace-key": "user-1"},
            )
            plain = [load.request("/v2/models/m/infer", "127.0.0.1", body, said)]
            among = {
                "open": (free, plain),
                f"a key, one of {MANY}": (strict, shown(plain, KEY)),
                "a signed token": (strict, shown(plain, token(key))),
            }
            assert httpx.post(f"http://127.0.0.1:{strict.port}/v2/models/m/infer").status_code == 401
            for _ in range(ROUNDS):
                for way, (asked, requests) in among.items():
                    seen.setdefault(way, []).append(_once(asked, requests))
    print(
        json.dumps(
            {"load": os.getloadavg(), "ways": {way: _told(runs) for way, runs in seen.items()}}, indent=2
        )
    )


def _once(asked: Asked, requests: list[bytes]) -> tuple[float, float, int]:
    process = psutil.Process(asked.pid)
    before = process.cpu_times()
    went = load.run(asked.port, requests, CONNECTIONS, SECONDS)
    after = process.cpu_times()
    spent = after.user + after.system - before.user - before.system
    return spent / went.answers * 1e6, went.p50_ms, went.failures


def _told(runs: list[tuple[float, float, int]]) -> dict[str, float]:
    spent = [item[0] for item in runs]
    return {
        "least_us": round(min(spent), 1),
        "median_us": round(float(np.median(spent)), 1),
        "p50_ms": round(float(np.median([item[1] for item in runs])), 2),
        "failures": sum(item[2] for item in runs),
    }


if __name__ == "__main__":
    main()
