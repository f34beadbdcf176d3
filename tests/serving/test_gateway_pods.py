"""Gateways as pods: their start-up file, their rotating token, their counters, and whom a change waits for."""

import asyncio
import json
import subprocess
import sys
import time
from types import SimpleNamespace

import httpx
import pytest
import uvicorn

from millrace_serving.cluster.gateways import Gateways
from millrace_serving.envoy import bootstrap, counters, upstreams
from millrace_serving.envoy.discovery import Discovery
from millrace_serving.envoy.manifests import Ways, clusters, route_tables
from millrace_serving.processes.ports import free_port
from millrace_serving.settings import ServingSettings

from .fake_cluster import FakeCluster
from .neighbours import LogReceiver
from .test_gateway import ENVOY, one_split

WAYS = Ways(lambda revision: (f"{revision.replace('--', '-')}.work.svc", 8000), ("*",), 5.0)


def written(tmp_path, **environment):
    """What a gateway pod's init container writes."""
    path = tmp_path / "envoy.json"
    known = {
        "MILLRACE_HOME": str(tmp_path),
        "MILLRACE_SERVING_URL": "http://millrace-serving.millrace.svc:8080",
        "MILLRACE_MONITORING_URL": "http://millrace-monitoring.millrace.svc:8080",
        "MILLRACE_TOKEN_FILE": "/var/run/secrets/millrace.dev/token",
        "MILLRACE_POD_NAME": "millrace-gateway-abc",
    }
    command = [sys.executable, "-m", "millrace_serving.envoy.bootstrap", str(path)]
    done = subprocess.run(command, env=known | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return path


def test_envoy_finds_the_file_of_a_pod_valid_and_it_holds_no_token(tmp_path):
    path = written(tmp_path)
    checked = subprocess.run([ENVOY, "-c", path, "--mode", "validate"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    made = json.loads(path.read_text())
    assert made["node"] == {"id": "millrace-gateway-abc", "cluster": "millrace-gateway"}
    hosts = {item["name"]: item["load_assignment"] for item in made["static_resources"]["clusters"]}
    assert "millrace-serving.millrace.svc" in str(hosts["localhost"])
    assert "'port_value': 4317" in str(hosts["otlp"])
    open_to = {item["name"]: item["address"] for item in made["static_resources"]["listeners"]}
    assert open_to["inference"]["socket_address"] == {"address": "0.0.0.0", "port_value": 8000}
    assert open_to["shadow"]["socket_address"]["address"] == "127.0.0.1"
    assert open_to["stats"]["socket_address"] == {"address": "0.0.0.0", "port_value": 9902}
    assert made["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"
    assert made["static_resources"]["secrets"] == []


class Polled:
    """A stand-in for serving's discovery that notes the credential of every poll."""

    def __init__(self):
        self.seen = []

    async def __call__(self, scope, receive, send):
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.seen.append(dict(scope["headers"]).get(b"authorization", b"").decode())
        asked = json.loads(body)
        resources, kind = [], "type.googleapis.com/envoy.config.cluster.v3.Cluster"
        if scope["path"].endswith("routes"):
            tables = {table["name"]: table for table in route_tables([], WAYS)}
            resources = [tables[asked["resource_names"][0]]]
            kind = resources[0]["@type"]
        answer = json.dumps({"version_info": "1", "type_url": kind, "resources": resources}).encode()
        await asyncio.sleep(0.1)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": answer})


class Projected:
    """A folder that is changed as the kubelet changes a projected volume: by swapping a link."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0
        folder.mkdir()
        (folder / "token").symlink_to("..data/token")

    def put(self, token):
        self.count += 1
        fresh = self.folder / f"..{self.count}"
        fresh.mkdir()
        (fresh / "token").write_text(token)
        link = self.folder / "..data_tmp"
        link.symlink_to(fresh.name)
        link.rename(self.folder / "..data")


async def listening(port):
    async with asyncio.timeout(15):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                return writer.close()


@pytest.fixture
async def pod(tmp_path):
    """A real Envoy with the start-up file of a pod, on other ports, its token in a projected folder."""
    polled, receiver, token = Polled(), LogReceiver("second"), Projected(tmp_path / "secrets")
    token.put("first")
    ports = {name: free_port() for name in ("inference", "shadow", "admin", "stats", "discovery")}
    server = uvicorn.Server(
        uvicorn.Config(polled, host="127.0.0.1", port=ports["discovery"], log_level="error", lifespan="off")
    )
    task = asyncio.create_task(server.serve())
    (tmp_path / "token.json").write_text(json.dumps(upstreams.token_file(tmp_path / "secrets" / "token")))
    gateway = bootstrap.Gateway(
        inference_port=ports["inference"],
        shadow_port=ports["shadow"],
        admin_port=ports["admin"],
        stats_port=ports["stats"],
        discovery_port=ports["discovery"],
        otlp_port=receiver.port,
        flush_seconds=0.1,
        request_seconds=30,
        token_discovery=tmp_path / "token.json",
    )
    (tmp_path / "envoy.json").write_text(json.dumps(bootstrap.bootstrap(gateway)))
    command = [ENVOY, "-c", tmp_path / "envoy.json", "--concurrency", "1", "--disable-hot-restart"]
    with (tmp_path / "envoy.log").open("wb") as log:
        envoy = subprocess.Popen([*command, "--log-level", "warn"], stdout=log, stderr=log)
    await listening(ports["inference"])
    yield SimpleNamespace(polled=polled, receiver=receiver, token=token, ports=ports)
    envoy.kill()
    envoy.wait()
    server.should_exit = True
    await task
    receiver.close()


async def until(true, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_polls_and_logs_carry_the_token_and_a_rotated_one_within_seconds(pod):
    await until(lambda: "Bearer first" in pod.polled.seen)
    pod.token.put("second")
    await until(lambda: pod.polled.seen[-1] == "Bearer second")
    assert set(pod.polled.seen) == {"Bearer first", "Bearer second"}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{pod.ports['inference']}", trust_env=False
    ) as client:
        await client.post("/v2/models/none/infer", content=b"{}", headers={"x-request-id": "one"})
    (record,) = await asyncio.to_thread(pod.receiver.of, "one")
    assert record["status"] == "404"


async def test_the_port_for_probes_shows_readiness_and_counters_and_nothing_else(pod):
    url = f"http://127.0.0.1:{pod.ports['stats']}"
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        assert (await client.get("/ready")).status_code == 200
        assert b"envoy_server_live" in (await client.get("/stats/prometheus")).content
        for method, path in (
            ("GET", "/config_dump"),
            ("GET", "/"),
            ("POST", "/quitquitquit"),
            ("POST", "/stats"),
        ):
            assert (await client.request(method, path)).status_code == 404
    admin = counters.EnvoyAdmin(url)
    assert (await admin.counts())["requests"] == 0
    await admin.close()


def test_each_revision_is_found_by_name_and_a_failed_connection_goes_to_another_pod():
    (found,) = clusters(["flights--r1"], WAYS)
    assert found["type"] == "STRICT_DNS"
    assert "flights-r1.work.svc" in str(found["load_assignment"])
    (route,) = [
        item
        for item in route_tables([one_split(("flights--r1", 10_000))], WAYS)[0]["virtual_hosts"][0]["routes"]
        if item["match"].get("path", "").endswith("/infer")
    ]
    policy = route["route"]["retry_policy"]
    assert policy["retry_on"] == "connect-failure,refused-stream,reset-before-request"
    assert policy["retry_host_predicate"][0]["name"] == "envoy.retry_host_predicates.previous_hosts"


def gateway_pod(name, ready=True, **more):
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    status = {"podIP": "127.0.0.1", "conditions": conditions, "containerStatuses": [{"restartCount": 2}]}
    labels = {"app.kubernetes.io/component": "gateway"}
    return {"metadata": {"labels": labels} | more, "status": status}


async def test_gateways_are_the_pods_of_their_service_and_those_that_end_are_still_counted():
    cluster = FakeCluster()
    selector = {"app.kubernetes.io/component": "gateway"}
    cluster.put("Service", "millrace-gateway-pods", "release", spec={"selector": selector})
    for name, more in (
        ("a", {}),
        ("b", {"ready": False}),
        ("c", {"deletionTimestamp": "2026-01-01T00:00:00Z"}),
    ):
        cluster.put("Pod", name, "release", **gateway_pod(name, **more))
    cluster.put("Pod", "other", "release", metadata={"labels": {"app.kubernetes.io/component": "registry"}})
    gateways = Gateways(ServingSettings(namespace="release"), cluster)
    await gateways.look()
    assert gateways.up == {"a"}
    assert gateways.known == {"a", "b"}
    assert [pod.name for pod in gateways.pods] == ["a", "b", "c"]
    assert gateways.restarts == 6
    assert all(pod.life == f"{pod.uid}-2" for pod in gateways.pods)


async def test_a_change_waits_for_every_gateway_that_is_up_and_for_none_that_is_gone(tmp_path):
    discovery = Discovery(tmp_path / "discovery.json")
    version = await discovery.publish("clusters", [])
    await discovery.expect({"a", "b"}, {"a", "b"})
    await discovery.poll("a", "clusters", version, hold=0)
    assert not discovery.accepted("clusters")
    await discovery.poll("b", "clusters", "", hold=0)
    assert not discovery.accepted("clusters")
    await discovery.expect({"a"}, {"a"})
    assert discovery.accepted("clusters")


def test_counters_of_a_life_only_grow():
    assert counters.is_news(None, {"requests": 0})
    assert counters.is_news({"requests": 1}, {"requests": 2})
    assert not counters.is_news({"requests": 2}, {"requests": 2})
    assert not counters.is_news({"requests": 2}, {"requests": 1})
