"""What Millrace asks of a Kubernetes API server, over real HTTP, and what it makes of the answers."""

import asyncio
import os
import uuid

import pytest
from kubernetes import client

from millrace_core import kubernetes
from millrace_core.errors import BadInput, Conflict, Forbidden, NotFound, Unavailable
from millrace_core.kubernetes import Cluster

from .fake_kubernetes import ApiServer


@pytest.fixture
def server():
    made = ApiServer()
    yield made
    made.close()


def cluster_at(url):
    made = client.Configuration()
    made.host, made.retries = url, False
    return Cluster(client.ApiClient(made))


@pytest.fixture
def cluster(server):
    return cluster_at(server.url)


def pod(name, namespace="team-a"):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": {}}


async def test_apply_is_server_side_and_takes_fields_over(server, cluster):
    await cluster.apply(pod("one"), "team-a")
    method, path, query, sent, kind = server.asked[-1]
    assert (method, path) == ("PATCH", "/api/v1/namespaces/team-a/pods/one")
    assert query == {"fieldManager": "millrace", "force": "true"}
    assert (sent, kind) == (pod("one"), "application/apply-patch+yaml")


async def test_what_is_there_already_is_a_conflict_and_what_is_gone_is_none(server, cluster):
    await cluster.create(pod("one"), "team-a")
    with pytest.raises(Conflict, match="already exists"):
        await cluster.create(pod("one"), "team-a")
    assert (await cluster.get("Pod", "one", "team-a"))["metadata"]["name"] == "one"
    assert await cluster.delete("Pod", "one", "team-a") is True
    assert await cluster.delete("Pod", "one", "team-a", foreground=True) is False
    assert server.asked[-1][2] == {"propagationPolicy": "Foreground"}
    assert await cluster.get("Pod", "one", "team-a") is None


async def test_a_list_is_every_page_of_one_namespace_or_of_all_and_every_item_knows_its_kind(server, cluster):
    for number in range(5):
        await cluster.create(pod(f"pod-{number}"), "team-a")
    await cluster.create(pod("other", "team-b"), "team-b")
    found = await cluster.list("Pod", "team-a", labels="a=b", fields="status.phase=Running")
    assert [item["metadata"]["name"] for item in found] == [f"pod-{number}" for number in range(5)]
    assert {(item["apiVersion"], item["kind"]) for item in found} == {("v1", "Pod")}
    selected = {"labelSelector": "a=b", "fieldSelector": "status.phase=Running"}
    assert server.asked[-1][2] == {"limit": str(kubernetes.PAGE), "continue": "4"} | selected
    assert len(await cluster.list("Pod")) == 6


async def test_a_list_whose_pages_have_expired_begins_again(server, cluster):
    for number in range(3):
        await cluster.create(pod(f"pod-{number}"), "team-a")
    honest = server._listed

    def expiring(path, start):
        server._listed = honest
        server.answers.append((410, "The provided continue parameter is too old"))
        return honest(path, start)

    server._listed = expiring
    assert len(await cluster.list("Pod", "team-a")) == 3


async def test_status_is_merged_by_its_own_door(server, cluster):
    await cluster.create(pod("one"), "team-a")
    await cluster.patch_status("Pod", "one", "team-a", "v1", {"phase": "Odd"})
    method, path, _, sent, kind = server.asked[-1]
    assert (method, path, kind) == (
        "PATCH", "/api/v1/namespaces/team-a/pods/one/status", "application/merge-patch+json")  # fmt: skip
    assert sent == {"status": {"phase": "Odd"}}
    with pytest.raises(NotFound):
        await cluster.patch_status("Pod", "gone", "team-a", "v1", {})


async def test_an_event_is_about_its_object_and_a_log_is_its_last_lines(server, cluster):
    about = pod("one") | {"metadata": {"name": "one", "namespace": "team-a", "uid": "u-1"}}
    await cluster.event(about, "Stuck", "it waits for a node", warning=True)
    sent = server.asked[-1][3]
    assert (sent["reason"], sent["message"], sent["type"]) == ("Stuck", "it waits for a node", "Warning")
    assert sent["involvedObject"] == {
        "apiVersion": "v1", "kind": "Pod", "name": "one", "namespace": "team-a", "uid": "u-1"}  # fmt: skip
    assert await cluster.log("one", "team-a", container="main", lines=2) == "first\nlast\n"
    assert server.asked[-1][2] == {"tailLines": "2", "container": "main"}
    server.answers.append((404, "pods one not found"))
    with pytest.raises(NotFound, match="not found"):
        await cluster.log("one", "team-a")


async def test_a_kind_that_is_not_served_is_not_found_and_no_reason_to_fail_a_question(server, cluster):
    assert await cluster.serves("batch/v1", "Job")
    assert not await cluster.serves("batch/v1", "Eviction")
    assert not await cluster.serves("ray.io/v1", "RayJob")
    assert await cluster.get("RayJob", "one", "team-a", "ray.io/v1") is None
    assert await cluster.delete("RayJob", "one", "team-a", "ray.io/v1") is False
    with pytest.raises(NotFound, match="no RayJob"):
        await cluster.list("RayJob", "team-a", api_version="ray.io/v1")


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, BadInput), (401, Unavailable), (403, Forbidden), (409, Conflict), (422, BadInput),
     (429, Unavailable), (500, Unavailable), (503, Unavailable)],
)  # fmt: skip
async def test_a_refusal_is_ours_and_keeps_the_servers_words(server, cluster, status, error):
    server.answers.append((status, "spec.nodes: must be positive"))
    with pytest.raises(error, match="must be positive") as raised:
        await cluster.get("Pod", "one", "team-a")
    assert type(raised.value) is error


async def test_an_applied_value_of_the_wrong_type_is_the_callers_mistake(server, cluster):
    server.answers.append((500, "failed to create typed patch object (/one): .data.key: expected string"))
    with pytest.raises(BadInput, match="expected string"):
        await cluster.apply(pod("one"), "team-a")


async def test_a_server_that_is_gone_or_silent_is_unavailable(server, cluster, monkeypatch):
    assert await cluster.list("Pod") == []
    server.close()
    for _ in range(2):
        with pytest.raises(Unavailable, match="does not answer"):
            await cluster.list("Pod")
    monkeypatch.setattr(kubernetes, "TIMEOUT", (0.2, 0.2))
    silent = await asyncio.start_server(lambda *_: asyncio.sleep(5), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    with pytest.raises(Unavailable, match="does not answer"):
        await cluster_at(f"http://127.0.0.1:{port}").list("Pod")
    silent.close()


async def test_a_name_cannot_leave_its_path(server, cluster):
    await cluster.get("Pod", "../../../secrets/x", "team-a")
    assert server.asked[-1][1] == "/api/v1/namespaces/team-a/pods/..%2F..%2F..%2Fsecrets%2Fx"


def test_no_cluster_is_told_as_unavailable(monkeypatch, tmp_path):
    monkeypatch.setattr(kubernetes, "ACCOUNT", tmp_path / "token")
    monkeypatch.setenv("KUBECONFIG", "")
    assert not Cluster.available()
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    with pytest.raises(Unavailable, match="no Kubernetes cluster"):
        Cluster.here()


@pytest.mark.cluster
async def test_a_real_server_answers_as_the_fake_does():
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("KUBECONFIG is not set")
    cluster, namespace = Cluster.here(), f"core-{uuid.uuid4().hex[:8]}"
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    try:
        made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "labels": {"a": "b"}}}
        await cluster.create(made, namespace)
        with pytest.raises(Conflict):
            await cluster.create(made, namespace)
        changed = await cluster.apply(made | {"data": {"key": "value"}}, namespace)
        assert changed["data"] == {"key": "value"}
        with pytest.raises(BadInput, match="string"):
            await cluster.apply(made | {"data": {"key": {"no": "text"}}}, namespace)
        assert [item["kind"] for item in await cluster.list("ConfigMap", namespace, "a=b")] == ["ConfigMap"]
        await cluster.event(changed, "Tried", "by a test")
        (event,) = await cluster.list("Event", namespace, fields="involvedObject.name=one")
        assert event["message"] == "by a test"
        assert await cluster.serves("apps/v1", "Deployment")
        assert await cluster.delete("ConfigMap", "one", namespace) is True
        assert await cluster.delete("ConfigMap", "one", namespace) is False
    finally:
        await cluster.delete("Namespace", namespace)
