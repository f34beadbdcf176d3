"""Killing any one process leaves the loop whole: it answers again, with one champion, and nothing acked is lost."""

import json
import time

import psutil
import pytest
from tests.loop.conftest import kill, predict

pytestmark = [pytest.mark.loop, pytest.mark.xdist_group("loop"), pytest.mark.timeout(400)]


def until(check, patience=60):
    deadline = time.monotonic() + patience
    while not check():
        assert time.monotonic() < deadline, "it did not come back"
        time.sleep(0.2)


def ready(platform, name):
    return platform.services[name].waits_for() is None


@pytest.mark.parametrize("name", ["registry", "training", "serving", "monitoring", "controller"])
def test_a_killed_service_comes_back_and_answers_as_before(platform, client, table, loop, name):
    before, champion = predict(client, table), client.registry.alias(loop, "champion")
    restarts = platform.restarts()[name]
    kill(platform.services[name].process.pid)
    if name != "serving":
        assert predict(client, table)["predictions"] == before["predictions"]
    until(lambda: platform.restarts()[name] == restarts + 1 and ready(platform, name))
    assert predict(client, table)["predictions"] == before["predictions"]
    assert client.registry.alias(loop, "champion") == champion
    assert client.registry.verify_decisions()["ok"]


@pytest.mark.parametrize("name", ["triton", "envoy"])
def test_a_killed_data_plane_process_comes_back_with_its_revisions(platform, client, table, loop, name):
    before = predict(client, table)
    record = json.loads((platform.run / f"{name}.json").read_text())
    kill(record["pid"])
    until(lambda: not psutil.pid_exists(record["pid"]) or psutil.Process(record["pid"]).status() == "zombie")
    assert predict(client, table, patience=60)["predictions"] == before["predictions"]


def test_a_pipeline_that_is_killed_is_run_again_and_leaves_one_champion(platform, client, loop):
    number = client.controller.retrain(loop)["number"]
    until(lambda: client.controller.run(loop, number)["state"] == "running")
    folders = (platform.home / "controller" / "runs").glob(f"*-{number}")
    marker = [str(folder) for folder in folders]
    victims = [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(part in marker for part in process.info["cmdline"] or [])
    ]
    assert victims
    kill(victims[0])
    ended = client.controller.await_run(loop, number, timeout=170)
    assert ended["attempts"] >= 2
    assert ended["state"] in ("promoted", "rejected")
    assert client.registry.alias(loop, "champion") == client.controller.loop(loop)["champion"]
