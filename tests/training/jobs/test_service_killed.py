"""SIGKILL of the service itself: its jobs go on without it and are adopted."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

FOLDER = Path(__file__).parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(home: Path, port: int) -> subprocess.Popen:
    environment = os.environ | {"MILLRACE_TOKEN": "token-of-training"}
    process = subprocess.Popen([sys.executable, FOLDER / "service.py", home, str(port)], env=environment)
    while process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=1).status_code == 200:
                return process
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("the service did not start")


def ended(client: httpx.Client, id: str) -> dict:
    """The job once it is over."""
    while (job := client.get(f"/v1/jobs/{id}", params={"wait": 30}).json())["state"] in ("queued", "running"):
        pass
    return job


@pytest.mark.slow
def test_a_job_outlives_its_service_and_is_adopted(home):
    port = free_port()
    headers = {"authorization": "Bearer token-of-user"}
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=40)
    service = start(home, port)
    try:
        go = home / "go"
        spec = {"do": "count", "trials": 3, "hold": 2, "go": str(go)}
        made = client.post("/v1/jobs", json={"key": "k", "kind": "train", "spec": spec}).json()
        waiting = client.post(
            "/v1/jobs", json={"key": "l", "kind": "train", "spec": {"do": "count", "trials": 1}}
        ).json()
        while (client.get(f"/v1/jobs/{made['id']}").json()["progress"] or {}).get("done", 0) < 2:
            time.sleep(0.05)
        service.kill()
        service.wait()
        service = start(home, port)
        go.touch()
        done = ended(client, made["id"])
        assert (done["state"], done["attempts"]) == ("succeeded", 1)
        assert done["result"]["kept"] == 0
        assert ended(client, waiting["id"])["state"] == "succeeded"
    finally:
        service.terminate()
        service.wait(120)
