"""The cluster to test on: KUBECONFIG, else the command in MILLRACE_CLUSTER_UP, else words on how to get one."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from tests.cluster.kube import Kubernetes
from tests.cluster.release import Release

HOW = """No cluster to test on. Set KUBECONFIG to a cluster that may be broken, or MILLRACE_CLUSTER_UP to a command that
starts one and prints the path of its kubeconfig. Get one with `kind create cluster` or `k3d cluster create`, and put
the images into it: make images-local MILLRACE_IMAGE_LOAD='kind load docker-image'."""
NAMESPACE = "millrace-test"


def pytest_collection_modifyitems(items):
    """Every test in this folder needs a cluster, and they run in the order in which they stand."""
    for item in items:
        if Path(__file__).parent in Path(item.fspath).parents:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def kube() -> Kubernetes:
    config = os.environ.get("KUBECONFIG")
    if config is None and (command := os.environ.get("MILLRACE_CLUSTER_UP")):
        started = subprocess.run(shlex.split(command), stdout=subprocess.PIPE, text=True, check=True)
        config = started.stdout.strip().splitlines()[-1]
    if config is None:
        pytest.fail(HOW, pytrace=False)
    return Kubernetes(Path(config))


@pytest.fixture(scope="session")
def release(kube) -> Release:
    """Millrace, installed once for all tests, with a toolbox beside it."""
    made = Release(kube, NAMESPACE, os.environ.get("MILLRACE_IMAGE_TAG", "dev"))
    made.install()
    made.toolbox("team-a")
    yield made
    if not os.environ.get("MILLRACE_CLUSTER_KEEP"):
        made.uninstall()
        kube.kubectl("delete", "namespace", NAMESPACE, "team-a", "--ignore-not-found", "--wait=false")
