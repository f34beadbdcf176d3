"""`make bench-peers`: Millrace beside MLServer, MLflow's server, BentoML and Ray Serve, side by side in one run."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from tests.bench import models, spent, ways, wide
from tests.bench.__main__ import describe
from tests.bench.peers.graph import ENVIRONMENT
from tests.bench.ways import JSON, Place, Way

from millrace.laptop import Platform
from millrace_serving.processes.ports import free_port

ROOT = Path(__file__).parents[3]
LOOP = "bench"
SECONDS = 300.0
"""Longest time that a peer may take to answer first."""
SAID = 2000
"""Characters of a peer's log that are told when it does not answer."""
OURS = ("Triton, packed", "Millrace, packed", ":predict")
Started = Iterator[Way]
Peer = Callable[[Place, Path, int], contextlib.AbstractContextManager[Way]]


def main() -> int:
    """Measure all peers that are installed; those that do not start are named with their reason."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=_out()) as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        platform = stack.enter_context(Platform(folder / "home"))
        rows = models.table(models.COLUMNS)
        models.trained(platform.client(), LOOP, rows, folder)
        place = models.place(platform.client(), LOOP, rows.drop(columns="target"), folder)
        millrace = ways.of_millrace(platform.client(), place)
        among = {name: millrace[name] for name in OURS}
        processes, absent = spent.parts(platform.processes()), {}
        with _named("FastAPI, both", processes):
            among |= stack.enter_context(ways.naive(place, folder))
        for name, peer in PEERS.items():
            try:
                with _named(name, processes):
                    among[name] = stack.enter_context(peer(place, folder, free_port()))
            except (ways.NoAnswer, OSError) as error:
                absent[name] = str(error)
        figures = wide.rounds(among, wide.CONNECTIONS, processes)
    told = {"machine": describe(), "load": os.getloadavg(), "peers": figures, "absent": absent}
    (_out() / "peers.json").write_text(json.dumps(told, indent=2))
    print(json.dumps(told, indent=2))
    return 0


@contextlib.contextmanager
def _named(part: str, processes: dict[int, str]) -> Iterator[None]:
    """Whatever begins meanwhile is *part* of what is measured."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    begun = {child.pid for child in psutil.Process().children(recursive=True)} - before
    processes.update(dict.fromkeys(begun, part))


def _out() -> Path:
    (ROOT / "out").mkdir(exist_ok=True)
    return ROOT / "out"


@contextlib.contextmanager
def _running(
    peer: str, command: list[str], place: Place, folder: Path, url: str, **more: str
) -> Iterator[None]:
    """A command of the peer's own environment."""
    binaries = ROOT / ".cache" / "peers" / peer / "bin"
    own = {ENVIRONMENT: str(place.graph), "PATH": f"{binaries}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    with (folder / f"{peer}.log").open("wb") as log:
        line = [str(binaries / command[0]), *command[1:]]
        try:
            with ways.running(line, url, SECONDS, env=os.environ | own | more, stdout=log, stderr=log):
                yield
        except ways.NoAnswer as error:
            said = Path(log.name).read_text(errors="replace").strip()[-SAID:]
            raise ways.NoAnswer(f"{error}; the end of its log: {said}") from error


@contextlib.contextmanager
def _mlserver(place: Place, folder: Path, port: int) -> Started:
    here = folder / "mlserver"
    here.mkdir()
    server = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port(), "parallel_workers": 0}
    model = {"name": LOOP, "implementation": "tests.bench.peers.of_mlserver.Runtime"}
    (here / "settings.json").write_text(json.dumps(server | {"debug": False, "host": "127.0.0.1"}))
    (here / "model-settings.json").write_text(json.dumps(model))
    url = f"http://127.0.0.1:{port}/v2/models/{LOOP}"
    with _running("mlserver", ["mlserver", "start", str(here)], place, folder, f"{url}/ready"):
        bodies = [
            {
                "inputs": [
                    {"name": "x", "shape": [1, len(row)], "datatype": "FP32", "data": list(row.values())}
                ]
            }
            for row in _rows(place)
        ]
        yield ways.documents(port, f"/v2/models/{LOOP}/infer", bodies, JSON)


@contextlib.contextmanager
def _mlflow(place: Place, folder: Path, port: int) -> Started:
    model, python = folder / "mlflow", ROOT / ".cache" / "peers" / "mlflow" / "bin" / "python"
    made = [str(python), "-m", "tests.bench.peers.of_mlflow", str(model)]
    own = os.environ | {ENVIRONMENT: str(place.graph)}
    if subprocess.run(made, cwd=ROOT, env=own, capture_output=True).returncode:
        raise ways.NoAnswer("MLflow does not take the graph as a model")
    command = ["mlflow", "models", "serve", "-m", str(model), "--env-manager", "local", "--workers", "1"]
    with _running("mlflow", [*command, "-p", str(port)], place, folder, f"http://127.0.0.1:{port}/ping"):
        bodies = [{"inputs": {name: [[value]] for name, value in row.items()}} for row in _rows(place)]
        yield ways.documents(port, "/invocations", bodies, JSON)


@contextlib.contextmanager
def _bentoml(place: Place, folder: Path, port: int) -> Started:
    command = ["bentoml", "serve", "tests.bench.peers.of_bentoml:Service", "--host", "127.0.0.1"]
    quiet = {"BENTOML_HOME": str(folder / "bentoml"), "BENTOML_DO_NOT_TRACK": "true"}
    url = f"http://127.0.0.1:{port}/readyz"
    with _running("bentoml", [*command, "--port", str(port)], place, folder, url, **quiet):
        yield ways.documents(port, "/predict", ways.rows(place), JSON)


@contextlib.contextmanager
def _ray(place: Place, folder: Path, port: int) -> Started:
    command = ["python", "-m", "tests.bench.peers.of_ray", str(port)]
    quiet = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_SERVE_LOG_TO_STDERR": "0",
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "240",
    }
    with _running("ray", command, place, folder, f"http://127.0.0.1:{port}/", **quiet):
        yield ways.documents(port, "/", ways.rows(place), JSON)


def _rows(place: Place) -> list[Any]:
    return [body["rows"][0] for body in ways.rows(place)]


PEERS: dict[str, Peer] = {"MLServer": _mlserver, "MLflow": _mlflow, "BentoML": _bentoml, "Ray Serve": _ray}

if __name__ == "__main__":
    sys.exit(main())
