"""Workers on the machines of a Ray cluster: a real one of this machine, whose nodes stand for pods.

Each node has a folder of its own and the container's own command beside it; a pod that is taken away is a node that is
removed. KubeRay and a network between machines are not here.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from tests.training.code.workers import LEARNS

from millrace_training.code import crew, place
from millrace_training.launch import apart
from millrace_training.runtime import executors
from millrace_training.runtime.executors.ray import ENVIRONMENT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Pods:
    """Nodes of a cluster, each with a folder and the container of the code."""

    def __init__(self, root: Path) -> None:
        from ray.cluster_utils import Cluster

        self.root, self.cluster = root, Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        self._made: list[tuple[object, subprocess.Popen[bytes]]] = []

    def add(self) -> None:
        """One more worker's pod."""
        folder = self.root / f"pod-{len(self._made)}"
        folder.mkdir(parents=True)
        node = self.cluster.add_node(num_cpus=1, env_vars={place.BESIDE: str(folder)})
        wait = apart.WAIT.replace(apart.FOLDER, str(folder))
        container = subprocess.Popen([sys.executable, "-c", wait], env={"PATH": os.environ["PATH"]})
        self._made.append((node, container))

    def take_away(self, number: int) -> None:
        """The pod with all that runs in it."""
        node, container = self._made[number]
        for process in [*psutil.Process(container.pid).children(recursive=True), container]:
            process.kill()
        container.wait()
        self.cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        for _, container in self._made:
            container.kill()
            container.wait()
        self.cluster.shutdown()


@pytest.fixture
def cluster(tmp_path_factory, monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("RAY_AUTH_MODE")  # KubeRay gives the token; here is none to give
    import ray

    made = Pods(tmp_path_factory.mktemp("pods"))
    monkeypatch.setenv(executors.RAY_ADDRESS, made.cluster.address)
    monkeypatch.setenv(crew.PATIENCE, "120")  # a pod that is there may take long to begin on a busy machine
    yield made
    ray.shutdown()
    made.close()


def test_workers_of_two_pods_learn_together_and_the_job_reads_the_first(cluster, together):
    cluster.add()
    cluster.add()
    made = together(LEARNS.replace("KILL", "pass"))
    assert [start["workers"] for start in made["code"]["workers"]["starts"]] == [2]
    assert made["code"]["guards"]["network"] == "by policy"
    assert made["code"]["environment"]["packages"]["onnx"]
    assert made["parity"]["bad"] == 0


def test_a_pod_that_is_taken_away_costs_what_follows_its_last_checkpoint(
    cluster, together, make_context, monkeypatch
):
    cluster.add()
    cluster.add()
    context, away = make_context("job"), threading.Event()

    def heard(news):
        if "step 10" in getattr(news, "message", "") and not away.is_set():
            away.set()
            monkeypatch.setenv(crew.PATIENCE, "5")
            cluster.take_away(1)

    context.emit = heard
    made = together(LEARNS.replace("KILL", "time.sleep(0.5)"), {"least": 1, "most": 2}, context)
    first, *others = made["code"]["workers"]["starts"]
    assert first["workers"] == 2
    assert first["lost"] in (0, 1), "Ray's order of the pods is its own"
    assert others[-1]["workers"] == 1, "the other pod does not come back, and one goes on"
    assert others[-1]["step"] >= 10
    assert made["parity"]["bad"] == 0
