"""Kill any part: the data plane heals, and without its control plane it goes on answering."""

import contextlib
import json
import os
import signal
import sqlite3
import time

import httpx
import psutil
import pytest

from millrace_serving.processes import recorded

from . import graphs

ROW = {
    "inputs": [
        {"name": "distance", "datatype": "FP32", "shape": [1, 1], "data": [1.0]},
        {"name": "origin", "datatype": "BYTES", "shape": [1, 1], "data": ["EWR"]},
        {"name": "departed", "datatype": "INT64", "shape": [1, 1], "data": [0]},
    ]
}


@pytest.fixture
def endpoint(serving):
    name = serving.endpoint()
    assert serving.rollout(name, 2)["state"] == "promoted"
    return name


def until_answered(serving, name, seconds=120):
    """Seconds until the endpoint answers five times in a row."""
    began, row = time.monotonic(), 0
    while row < 5:
        assert time.monotonic() - began < seconds, serving.log()[-2000:]
        with contextlib.suppress(httpx.HTTPError):
            row = row + 1 if serving.predict(name).status_code == 200 else 0
        time.sleep(0.05)
    return time.monotonic() - began


def stubs(serving, name):
    """Pids of the Python stubs of one endpoint's revisions, below this serving's own Triton."""
    found = []
    for process in psutil.Process(serving.record("triton").pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if "triton_python_backend_stub" in line and f"/{name}--" in line:
                found.append(process.pid)
    return found


def test_a_killed_triton_comes_back_with_its_revisions(serving, endpoint):
    before = serving.record("triton")
    os.kill(before.pid, signal.SIGKILL)
    until_answered(serving, endpoint)
    assert serving.record("triton").pid != before.pid
    assert not recorded.alive(before)
    serving.wait_ready()


def test_while_triton_starts_again_nobody_is_told_that_there_is_no_such_model(serving, endpoint):
    url = f"{serving.gateway()['inference_url']}/v2/models/{endpoint}/infer"
    pid, said, began = serving.record("triton").pid, [], time.monotonic()
    os.kill(pid, signal.SIGKILL)
    with httpx.Client() as http:
        while said[-5:] != [200] * 5 or serving.record("triton").pid == pid:
            assert time.monotonic() - began < 120, said
            said.append(http.post(url, json=ROW).status_code)
            time.sleep(0.005)
    assert set(said) <= {200, 503}


def test_a_file_that_changed_on_the_disk_is_fetched_again_when_triton_loads_it_by_itself(serving, endpoint):
    folder = serving.home / "serving" / "triton" / "models"
    (placed,) = folder.glob(f"{endpoint}--*/1/model.onnx")
    good = placed.read_bytes()
    placed.write_bytes(graphs.graph(77.0))
    pid = serving.record("triton").pid
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    while placed.read_bytes() != good:
        assert time.monotonic() - began < 120
        time.sleep(0.05)
    until_answered(serving, endpoint)
    serving.wait_ready()
    assert serving.predict(endpoint).json()["predictions"] == [205.0]


def test_a_killed_envoy_comes_back_and_its_counts_are_kept(serving, endpoint):
    time.sleep(1.2)
    before = serving.gateway()
    os.kill(serving.record("envoy").pid, signal.SIGKILL)
    until_answered(serving, endpoint)
    after = serving.gateway()
    assert after["envoy_restarts"] == before["envoy_restarts"] + 1
    assert after["requests"] >= before["requests"] + 5
    assert after["inference_url"] == before["inference_url"]


def test_a_dead_stub_is_healed_by_unload_and_load(serving, endpoint):
    (stub,) = stubs(serving, endpoint)
    os.kill(stub, signal.SIGKILL)
    assert serving.predict(endpoint).status_code == 503
    until_answered(serving, endpoint)
    assert stubs(serving, endpoint) != [stub]


@pytest.mark.slow
def test_without_serving_the_data_plane_answers_and_is_adopted_afterwards(serving, endpoint):
    url = f"{serving.gateway()['inference_url']}/v2/models/{endpoint}/infer"
    processes = {name: serving.record(name) for name in ("triton", "envoy")}
    counted = serving.gateway()["requests"]
    serving.kill()
    for _ in range(20):
        assert httpx.post(url, json=ROW).json()["outputs"][0]["data"] == [9.0]
        time.sleep(0.05)
    serving.start()
    assert {name: serving.record(name) for name in processes} == processes
    assert serving.predict(endpoint).json()["predictions"] == [205.0]
    assert serving.client.get(f"/v1/endpoints/{endpoint}").json()["stable_version"] == 2
    assert serving.gateway()["requests"] >= counted + 21
    assert serving.rollout(endpoint, 3)["state"] == "promoted"


def test_a_serving_killed_while_loading_finishes_the_rollout(serving, endpoint):
    digest = serving.neighbours.register("air-time", 5, graphs.graph(5.0))
    body = {
        "key": "interrupted",
        "model": "air-time",
        "version": 5,
        "signature": graphs.SIGNATURE,
        "files": {"model.onnx": digest},
        "golden": graphs.golden(5.0),
    }
    made = serving.client.post(f"/v1/endpoints/{endpoint}/rollouts", json=body).json()
    serving.kill()
    serving.start()
    path = f"/v1/endpoints/{endpoint}/rollouts/{made['id']}"
    assert serving.client.get(path, params={"wait": 20}).json()["state"] == "promoted"
    assert serving.predict(endpoint).json()["version"] == 5


def test_a_fresh_envoy_learns_its_routes_without_the_database(serving, endpoint):
    """Discovery answers from memory and a snapshot: the database may be locked by somebody else."""
    database = sqlite3.connect(serving.home / "serving" / "state.db", timeout=5)
    database.execute("BEGIN EXCLUSIVE")
    try:
        os.kill(serving.record("envoy").pid, signal.SIGKILL)
        url = f"http://127.0.0.1:{json.loads((serving.home / 'serving/ports.json').read_text())['gateway_port']}"
        deadline = time.monotonic() + 10
        status = None
        while status != 200 and time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                status = httpx.get(f"{url}/v2/models/{endpoint}/ready").status_code
            time.sleep(0.05)
        assert status == 200
    finally:
        database.rollback()
        database.close()
    serving.wait_ready()
