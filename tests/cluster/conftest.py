"""The cluster to test on, and the release that all tests share."""

import os
from pathlib import Path

import pytest
from tests.cluster.kube import Kubernetes, NoCluster, find
from tests.cluster.release import Release

NAMESPACE = "millrace-test"


ORDER = (
    "test_story",
    "test_team",
    "test_readme",
    "test_many_classes",
    "test_calls",
    "test_keys",
    "test_own_code",
    "test_workers",
    "test_standby",
    "test_forms",
    "test_database",
    "test_backtest",
    "test_definition",
    "test_volumes",
    "test_waiting",
    "test_fifty",
    "test_surroundings",
    "test_neighbours",
    "test_gpu",
    "test_faults",
    "test_lifecycle",
    "test_restore",
    "test_tour",
)
"""What works comes before what breaks it."""


def pytest_collection_modifyitems(items):
    """Every test in this folder needs a cluster; the others follow behind them."""
    places = {name: place for place, name in enumerate(ORDER)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))
    for item in items:
        if Path(__file__).parent in Path(item.fspath).parents:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def kube() -> Kubernetes:
    try:
        return find()
    except NoCluster as error:
        pytest.fail(str(error), pytrace=False)


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
