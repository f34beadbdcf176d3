"""The cluster to test on, and the release that all tests share."""

import os
from pathlib import Path

import pytest
from tests.cluster.kube import Kubernetes, NoCluster, find
from tests.cluster.release import Release
from tests.cluster.shop import EGRESS

NAMESPACE = "millrace-test"
VALUES = {"gateway.grpc.enabled": True, "networkPolicy.sources": EGRESS}
"""Of the release, for all tests; a module's own VALUES are laid over them."""

FIRST = (
    "test_story",
    "test_autoscaling",
    "test_team",
    "test_readme",
    "test_calls",
    "test_definition",
    "test_volumes",
    "test_surroundings",
    "test_console",
    "test_neighbours",
    "test_keys",
    "test_restore",
    "test_tour",
)
"""What people, teams and platform engineers meet: `make test-cluster`."""
MORE = (
    "test_many_classes",
    "test_own_code",
    "test_database",
    "test_backtest",
    "test_waiting",
    "test_gpu",
    "test_admission",
    "test_workers",
    "test_forms",
    "test_standby",
    "test_faults",
    "test_lifecycle",
)
"""Kinds of training, forms and scoring, shared pods, and what is broken or taken away: `make test-cluster-more`."""
ORDER = (*FIRST, *MORE)
"""What works comes before what breaks it, and modules that want the same values of the release stand together."""


def pytest_collection_modifyitems(items):
    """Every test in this folder needs a cluster; the others follow behind them."""
    places = {name: place for place, name in enumerate(ORDER)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))
    for item in items:
        if Path(__file__).parent in Path(item.fspath).parents:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.slow)
            if item.path.stem in MORE:
                item.add_marker(pytest.mark.more)


@pytest.fixture(scope="session")
def kube() -> Kubernetes:
    try:
        return find()
    except NoCluster as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def release(kube) -> Release:
    """Millrace, installed once for all tests, with a toolbox beside it."""
    made = Release(kube, NAMESPACE, os.environ.get("MILLRACE_IMAGE_TAG", "dev"), dict(VALUES))
    made.install()
    made.toolbox("team-a")
    yield made
    if not os.environ.get("MILLRACE_CLUSTER_KEEP"):
        made.uninstall()
        kube.kubectl("delete", "namespace", NAMESPACE, "team-a", "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="module", autouse=True)
def as_the_module_wants(request):
    """The release has the values of the module's tests. Modules with the same ones stand together in ORDER."""
    if "release" in request.fixturenames:
        release = request.getfixturevalue("release")
        release.values = VALUES | getattr(request.module, "VALUES", {})
        release.upgrade()
