"""The registry as a process of its own, MLflow's own server, and the environments that `make test-mlflow` makes."""

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[3]
CLIENTS = {name: ROOT / f".cache/mlflow/{name}/bin/python" for name in ("client", "client-old")}
SERVER = ROOT / ".cache/peers/mlflow/bin/mlflow"
TOKEN = "token-of-admin"


def free_port():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


@contextlib.contextmanager
def running(command, path, seconds=120, **options):
    """A server that answers at *path* of its port; ended afterwards. Answers its address."""
    port = free_port()
    child = subprocess.Popen([part.format(port=port) for part in command], **options)
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + seconds
    try:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(address + path, timeout=5)
                break
            assert child.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.2)
        yield address
    finally:
        child.terminate()
        child.wait(30)


def registry(home):
    """Millrace's registry on SQLite in *home*; its address."""
    (home / "run").mkdir(parents=True)
    entry = {"name": "admin", "role": "admin", "sha256": hashlib.sha256(TOKEN.encode()).hexdigest()}
    (home / "run/tokens.json").write_text(json.dumps({"tokens": [entry]}))
    command = [
        "env",
        "MILLRACE_PORT={port}",
        sys.executable,
        "-m",
        "millrace_core.serve",
        "millrace_registry.main",
    ]
    settings = os.environ | {"MILLRACE_HOME": str(home), "MILLRACE_SERVICE": "registry"}
    return running(command, "/healthz", env=settings)


def mlflow_server(home):
    """MLflow's own server on SQLite in *home*; its address."""
    store, files = f"sqlite:///{home}/mlflow.db", str(home / "files")
    command = [
        str(SERVER),
        "server",
        "--backend-store-uri",
        store,
        "--artifacts-destination",
        files,
        "--serve-artifacts",
    ]
    return running(
        [*command, "--workers", "1", "--host", "127.0.0.1", "--port", "{port}"], "/version", cwd=home
    )
