"""Ten loops of two projects, declared together on one machine: the queue of a cluster, with one place to train."""

import csv
import random
import time

import httpx
import pytest
from tests.controller.crowd import unfair

from millrace.delivery import push
from millrace_contracts.loop import ModelLoop

pytestmark = [pytest.mark.loop, pytest.mark.soak, pytest.mark.timeout(1500)]
PROJECTS = ("ten-a", "ten-b")
MINUTES = 20
AHEAD = 3
"""Runs of one place and two ahead, which the first project has opened before the other has any data."""


def document(name):
    return ModelLoop.model_validate(
        {
            "apiVersion": "millrace.dev/v1alpha1",
            "kind": "ModelLoop",
            "metadata": {"name": name},
            "spec": {
                "task": "binary",
                "target": "target",
                "data": {"dataset": "tiny"},
                "training": {
                    "search": {"trials": 1, "families": ["linear"]},
                    "folds": 3,
                    "variants": ["none"],
                },
                "gates": {"champion": {"margin": 0.5, "minimumDays": 2}},
            },
        }
    )


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    path, draw = tmp_path_factory.mktemp("rows") / "tiny.csv", random.Random(7)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["size", "texture", "target"])
        for _ in range(120):
            size = draw.gauss(14, 4)
            writer.writerow([size, draw.gauss(19, 4), int(size + draw.gauss(0, 2) > 14)])
    return path


def test_ten_loops_wait_for_their_turn_and_all_reach_a_champion(platform, rows):
    clients = {project: platform.client(project) for project in PROJECTS}
    for number in range(10):
        clients[PROJECTS[number >= 6]].controller.apply(document(f"ten-{number}"))
    assert all(
        push(clients[project], f"ten-{place}", rows).accepted
        for project, place in zip(PROJECTS, (0, 6), strict=True)
    )
    for number in range(10):
        clients[PROJECTS[number >= 6]].controller.wake(f"ten-{number}")
    order, most, waited, began = [], 0, set(), time.monotonic()
    while len(order) < 10 and time.monotonic() - began < 60 * MINUTES:
        open_runs = 0
        for project, client in clients.items():
            for loop in client.controller.loops():
                run = loop.run
                assert run is None or run.state in ("pending", "running", "rolling-out", "promoted"), run
                if loop.champion and (project, loop.name) not in order:
                    order.append((project, loop.name))
                if run is not None and run.state == "running":
                    open_runs += 1
                if run is not None and run.queue is not None and run.waiting is not None:
                    assert run.waiting.message == run.queue.told()
                    waited.add(loop.name)
        most = max(most, open_runs)
        time.sleep(0.5)
    print(
        f"ten champions after {time.monotonic() - began:.0f} s, {most} runs open at most, {len(waited)} waited"
    )
    assert len(order) == 10
    assert most <= AHEAD + 1, "one place, two runs ahead, and one that is at its last steps"
    assert len(waited) >= 6, "the others waited, and it was told"
    assert unfair([project for project, _ in order], {"ten-a": 6, "ten-b": 4}, slack=AHEAD) == []


def test_the_queue_is_in_the_metrics_by_project(platform, client):
    told = httpx.get(
        f"{client.controller.api.url}/metrics",
        headers={"authorization": f"Bearer {platform.secrets['user']}"},
        trust_env=False,
    ).text
    for project in PROJECTS:
        assert f'millrace_queue_runs{{project="{project}"}} 0.0' in told
        assert f'millrace_queue_waited_seconds_count{{project="{project}"}}' in told
