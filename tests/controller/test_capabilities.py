"""What the platform found around it is told: also what it found and does not use, and what it may not look at."""

import pytest

from millrace_controller.pipelines import runners
from millrace_core.errors import Forbidden, Unavailable

from .conftest import running

SERVED = {"ray.io/v1": "RayJob", "kueue.x-k8s.io/v1beta1": "LocalQueue"}


class Cluster:
    def __init__(self, accounts=(), nodes=()):
        self.accounts, self.nodes = accounts, nodes

    async def serves(self, group_version, kind):
        return SERVED.get(group_version) == kind

    async def list(self, kind):
        if self.nodes is None:
            raise Forbidden("nodes is forbidden")
        return [{"status": {"allocatable": {"nvidia.com/gpu": count}}} for count in self.nodes]

    async def get(self, kind, name, namespace):
        assert (kind, namespace) == ("ServiceAccount", "kubeflow")
        return {} if name in self.accounts else None


@pytest.fixture
def look(home, world, still, monkeypatch):
    """Capabilities of a controller on a cluster, with or without Kubeflow Pipelines."""

    async def once(cluster, health=None):
        monkeypatch.setattr("millrace_controller.services.cluster", lambda settings: cluster)
        async with running(home, world) as platform:

            async def answer():
                if health is None:
                    raise Unavailable("it does not answer")
                return health

            platform.services.runners.client.health = answer
            found = await platform.call("GET", "/v1/capabilities", 200)
            try:
                return found, await platform.services.runners.choose()
            except Unavailable as error:
                return found, error.detail

    return once


@pytest.fixture
def kubernetes(monkeypatch):
    monkeypatch.setenv("MILLRACE_PLATFORM", "kubernetes")
    monkeypatch.setenv("MILLRACE_KFP_URL", "auto")


async def test_a_laptop_has_nothing_of_a_cluster(look):
    found, runner = await look(None)
    assert (found["platform"], found["pipelines"]) == ("laptop", "process")
    assert not any(part["found"] for part in found.values() if isinstance(part, dict))
    assert isinstance(runner, runners.ProcessRunner)


async def test_parts_are_found_by_what_the_api_server_serves(look, kubernetes):
    found, runner = await look(Cluster(nodes=("0", "2", "1")))
    assert {name for name, part in found.items() if isinstance(part, dict) and part["found"]} == {
        "kuberay",
        "kueue",
        "gpu",
    }
    assert found["gpu"]["detail"] == "3 of nvidia.com/gpu on 2 nodes"
    assert found["pipelines"] == "job"
    assert isinstance(runner, runners.JobRunner)


async def test_what_may_not_be_looked_at_is_unknown_rather_than_absent(look, kubernetes):
    found, _ = await look(Cluster(nodes=None))
    assert found["gpu"]["found"] is None
    assert "forbidden" in found["gpu"]["detail"]


async def test_kubeflow_is_used_by_itself_only_where_its_namespace_is_prepared(look, kubernetes):
    found, runner = await look(Cluster(), {"pipeline_store": "database"})
    part = found["kubeflow_pipelines"]
    assert (part["found"], part["used"], found["pipelines"]) == (True, False, "job")
    assert "apply k8s/kubeflow" in part["detail"]
    assert isinstance(runner, runners.JobRunner)
    found, runner = await look(Cluster(accounts=("millrace-pipeline",)), {"pipeline_store": "database"})
    assert (found["kubeflow_pipelines"]["used"], found["pipelines"]) == (True, "kubeflow")
    assert isinstance(runner, runners.KubeflowRunner)


async def test_a_kubeflow_that_was_asked_for_and_is_away_is_waited_for(look, kubernetes, monkeypatch):
    monkeypatch.setenv("MILLRACE_KFP_URL", "http://ml-pipeline.elsewhere:8888")
    found, words = await look(Cluster())
    assert found["kubeflow_pipelines"]["found"] is False
    assert "Kubeflow Pipelines cannot be used" in words
