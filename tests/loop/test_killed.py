"""Killing any one process leaves the loop whole: it answers again, with one champion, and nothing acked is lost."""

import json
import re
import time

import psutil
import pytest
from tests.loop.conftest import kill, predict

pytestmark = [pytest.mark.loop, pytest.mark.timeout(400)]


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
        assert predict(client, table).predictions == before.predictions
    until(lambda: platform.restarts()[name] == restarts + 1 and ready(platform, name))
    assert predict(client, table).predictions == before.predictions
    assert client.registry.alias(loop, "champion") == champion
    assert client.registry.verify_decisions().ok


@pytest.mark.parametrize("name", ["triton", "envoy"])
def test_a_killed_data_plane_process_comes_back_with_its_revisions(platform, client, table, loop, name):
    before = predict(client, table)
    record = json.loads((platform.run / f"{name}.json").read_text())
    kill(record["pid"])
    until(lambda: not psutil.pid_exists(record["pid"]) or psutil.Process(record["pid"]).status() == "zombie")
    assert predict(client, table, patience=60).predictions == before.predictions


def pipeline(platform, number):
    """Process id of a loop run's pipeline, known by the folder on its command line; None before it is there."""
    place = re.compile(
        rf"{re.escape(str(platform.home / 'controller' / 'runs'))}/[^/]*-{number}-[0-9a-f]{{8}}"
    )
    lines = {item.pid: item.info["cmdline"] or [] for item in psutil.process_iter(["cmdline"])}
    return next((pid for pid, line in lines.items() if any(place.fullmatch(part) for part in line)), None)


@pytest.mark.slow
def test_a_pipeline_that_is_killed_is_run_again_and_leaves_one_champion(platform, client, loop):
    number = client.controller.retrain(loop).number
    until(lambda: pipeline(platform, number) is not None)
    kill(pipeline(platform, number))
    ended = client.controller.await_run(loop, number, timeout=170)
    assert ended.attempts >= 2
    assert ended.state in ("promoted", "rejected")
    assert client.registry.alias(loop, "champion") == client.controller.loop(loop).champion
