"""The whole service on a cluster in memory: rollouts, reasons and the gateway's story are those of its pods."""

import asyncio
import base64
import contextlib
from types import SimpleNamespace

import httpx
import pytest
from prometheus_client import REGISTRY

from millrace_serving import main
from millrace_serving.cluster import names
from millrace_serving.envoy.discovery import Discovery
from millrace_serving.envoy.publisher import EXTENSIONS, TABLES
from millrace_serving.planes.cluster import ClusterPlane
from millrace_serving.settings import ServingSettings, Standby

from . import graphs
from .conftest import write_tokens
from .fake_cluster import FakeCluster, FakeTriton
from .neighbours import Neighbours
from .test_refusals import message

FAST = {
    "triton_replicas": 1,
    "form_seconds": 0.1,
    "probe_seconds": 0,
    "accept_seconds": 5.0,
    "pod_seconds": 60,
}


@pytest.fixture
async def world(tmp_path, monkeypatch):
    """Serving with a gateway that accepts whatever it is told; all pods answer at one address."""
    write_tokens(tmp_path)
    triton, cluster, neighbours = FakeTriton("127.0.0.1", 0, {}), FakeCluster(), Neighbours()
    monkeypatch.setattr(names, "TRITON_PORT", triton.port)
    monkeypatch.setattr(ClusterPlane, "supervise_seconds", 0.1)
    monkeypatch.setattr(main, "MODELS_SECONDS", 0.1)
    monkeypatch.setattr(main, "_plane", lambda core: ClusterPlane(core, cluster))
    labels = {"app.kubernetes.io/component": "gateway"}
    cluster.put("Service", "millrace-gateway-pods", spec={"selector": labels})
    ready = {"conditions": [{"type": "Ready", "status": "True"}], "podIP": ""}
    cluster.put("Pod", "gateway-a", metadata={"labels": labels}, status=ready)
    settings = ServingSettings(
        home=tmp_path,
        platform="kubernetes",
        namespace="work",
        serving_image="docker.io/millrace/serving:dev",
        triton_image="docker.io/millrace/triton-test:dev",
        registry_url=neighbours.url,
        monitoring_url=neighbours.url,
        **FAST,
    )
    app = main.build(settings)
    async with app.router.lifespan_context(app):
        gateway = asyncio.create_task(accept(app.state.services.plane.discovery))
        transport = httpx.ASGITransport(app)
        headers = {"authorization": "Bearer user-token"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=headers, timeout=60
        ) as client:
            yield SimpleNamespace(
                client=client, cluster=cluster, triton=triton, neighbours=neighbours, settings=settings
            )
        gateway.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await gateway
    neighbours.close()
    triton.close()


async def accept(discovery: Discovery):
    """Polls as an Envoy does that takes everything."""

    async def follow(name):
        while True:
            await discovery.poll("gateway-a", name, discovery.versions.get(name, ""), hold=0.02)

    await asyncio.gather(*(follow(name) for name in ("clusters", *TABLES, *EXTENSIONS)))


async def rollout(world, version=1, **more):
    await world.client.put("/v1/endpoints/flights", json={"model": "air-time"})
    digest = world.neighbours.register("air-time", version, graphs.graph(float(version)))
    world.triton.models[f"flights--r{version}"] = graphs.golden(float(version))["outputs"]
    body = {
        "key": f"run-{version}",
        "model": "air-time",
        "version": version,
        "signature": graphs.SIGNATURE,
        "files": {"model.onnx": digest},
        "golden": graphs.golden(float(version)),
        "event_time": "2013-03-01T00:00:00Z",
        "loop": "flights",
        "run": version,
    } | more
    answer = await world.client.post("/v1/endpoints/flights/rollouts", json=body)
    assert answer.status_code in (200, 201), answer.text
    path = f"/v1/endpoints/flights/rollouts/{answer.json()['id']}"
    return (await world.client.get(path, params={"wait": 30})).json()


async def asked_anew(world, name):
    """The passes have asked so often that at least one that began after this call has ended."""
    path = f"/v2/models/{name}/infer"
    before = world.triton.asked.count(path)
    async with asyncio.timeout(20):
        while world.triton.asked.count(path) < before + 6:
            await asyncio.sleep(0.1)


async def gateway(world):
    return (await world.client.get("/v1/gateway")).json()


async def test_a_version_is_promoted_once_its_pods_answer_and_the_gateway_says_so(world):
    done = await rollout(world, placement={"nodeSelector": {"disk": "fast"}})
    assert done["state"] == "promoted", done["reason"]
    deployment = world.cluster.objects["Deployment", "work", "flights-r1"]
    assert deployment["metadata"]["labels"]["millrace.dev/loop"] == "flights"
    assert deployment["spec"]["template"]["spec"]["nodeSelector"] == {"disk": "fast"}
    told = await gateway(world)
    assert told["inference_url"] == "http://millrace-gateway.work.svc:8000"
    assert told["gateways"] == 1
    assert told["accepted"] is True
    assert told["problem"] is None
    assert (await world.client.get("/readyz")).status_code == 200


async def test_a_repetition_without_a_placement_is_the_same_request(world):
    assert (await rollout(world))["id"] == (await rollout(world))["id"] == 1


async def test_an_image_that_cannot_be_pulled_aborts_the_rollout_with_that_reason(world, monkeypatch):
    monkeypatch.setattr("millrace_serving.cluster.reasons.age", lambda thing: 61.0)
    waiting = {"reason": "ErrImagePull", "message": "not found"}
    status = {"name": "triton", "image": "example/triton:1", "ready": False, "state": {"waiting": waiting}}
    world.cluster.born = lambda pod: pod.update(status={"phase": "Pending", "containerStatuses": [status]})
    done = await rollout(world)
    assert done["state"] == "aborted"
    assert done["reason"] == (
        "Version 1 was refused: not every pod answered within 60 s: "
        "ImagePullBackOff: the image example/triton:1 cannot be pulled: not found."
    )
    async with asyncio.timeout(5):
        while world.cluster.names("Deployment"):
            await asyncio.sleep(0.05)


async def test_an_endpoint_tells_what_its_candidate_waits_for_before_the_wait_is_over(world):
    words = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words}
    pending, ready = {"phase": "Pending", "conditions": [condition]}, world.cluster.born
    world.cluster.born = lambda pod: pod.update(status=dict(pending))
    loading = asyncio.create_task(rollout(world))

    async def waits():
        answer = await world.client.get("/v1/endpoints/flights")
        revisions = answer.json()["revisions"] if answer.status_code == 200 else []
        return revisions and revisions[0]["waiting"]

    async with asyncio.timeout(5):
        while not (told := await waits()):
            await asyncio.sleep(0.05)
    assert told == {"reason": "Unschedulable", "message": f"its pod cannot be scheduled: {words}"}
    for key, pod in world.cluster.objects.items():
        if key[0] == "Pod" and key[2].startswith("flights"):
            ready(pod)
    assert (await loading)["state"] == "promoted"
    assert await waits() is None


async def test_retired_revisions_lose_their_pods_and_the_stable_one_keeps_them(world):
    await rollout(world, 1)
    await rollout(world, 2)
    assert world.cluster.names("Deployment") == ["flights-r1", "flights-r2"]
    await world.client.post("/v1/endpoints/flights:retain", json={"versions": []})
    async with asyncio.timeout(5):
        while world.cluster.names("Deployment") != ["flights-r2"]:
            await asyncio.sleep(0.05)


async def test_a_revision_that_only_stands_by_has_one_pod_until_one_goes_back_to_it(world):
    def pods():
        return [
            world.cluster.objects["Deployment", "work", f"flights-r{n}"]["spec"]["replicas"] for n in (1, 2)
        ]

    async def become(expected):
        async with asyncio.timeout(5):
            while pods() != expected:
                await asyncio.sleep(0.05)

    world.settings.triton_replicas = 2
    assert (await rollout(world, 1))["state"] == "promoted"
    assert (await rollout(world, 2))["state"] == "promoted"
    await become([1, 2])
    answer = await world.client.post(
        "/v1/endpoints/flights:rollback",
        json={"version": 1, "reason": "it is better", "loop": "flights", "key": "back"},
    )
    assert answer.status_code == 200, answer.text
    await become([2, 1])


async def test_where_each_version_sits_is_told_by_the_endpoint_and_counted(world):
    world.settings.triton_standby = Standby()
    await rollout(world, 1)
    await rollout(world, 2)

    async def told():
        revisions = (await world.client.get("/v1/endpoints/flights")).json()["revisions"]
        return {item["version"]: item["pods"] for item in revisions}

    async with asyncio.timeout(20):
        while (await told())[1]["kind"] != "shared" or "flights-r1" in world.cluster.names("Deployment"):
            await asyncio.sleep(0.1)
    assert (await told())[1]["names"] == ["millrace-default-standby-0"]
    own = {"kind": "own", "names": ["flights-r2-0"], "replicas": None, "why": ""}
    assert (await told())[2] == own
    assert REGISTRY.get_sample_value("millrace_serving_revisions", {"pods": "shared"}) == 1
    held = (await world.client.get("/v1/standby")).json()["items"]
    assert [(item["name"], item["version"], item["target"]) for item in held] == [
        ("flights--r1", 1, "ort-cpu-fp32")
    ]
    body = {"version": 1, "reason": "it is better", "loop": "flights", "key": "back"}
    assert (await world.client.post("/v1/endpoints/flights:rollback", json=body)).status_code == 200


async def test_a_way_back_to_a_version_that_does_not_answer_is_refused_for_now_and_what_serves_goes_on(
    world, monkeypatch
):
    monkeypatch.setattr("millrace_serving.planes.cluster.WARM_SECONDS", 0.3)
    monkeypatch.setattr("millrace_serving.cluster.shared.PROBE_SECONDS", 0)
    world.settings.triton_standby = Standby()
    await rollout(world, 1)
    await rollout(world, 2)
    world.triton.loaded = {"flights--r2"}
    await asked_anew(world, "flights--r1")
    body = {"version": 1, "reason": "it is better", "loop": "flights", "key": "back"}
    answer = await world.client.post("/v1/endpoints/flights:rollback", json=body)
    assert answer.status_code == 503, answer.text
    assert "Version 1 does not answer yet" in answer.json()["detail"]
    assert answer.headers["retry-after"]
    assert (await world.client.get("/v1/endpoints/flights")).json()["stable_version"] == 2
    world.triton.loaded = None
    async with asyncio.timeout(20):
        while (await world.client.post("/v1/endpoints/flights:rollback", json=body)).status_code == 503:
            await asyncio.sleep(0.1)
    assert (await world.client.get("/v1/endpoints/flights")).json()["stable_version"] == 1


async def test_a_rollout_to_an_archived_version_that_never_answers_ends_with_the_reason(world, monkeypatch):
    """It waited without end: only what was loaded for the first time could be given up."""
    monkeypatch.setattr("millrace_serving.planes.cluster.WARM_SECONDS", 0.3)
    await rollout(world, 1)
    await rollout(world, 2)
    world.triton.loaded = {"flights--r2"}
    async with asyncio.timeout(20):
        while not (await gateway(world))["problem"]:
            await asyncio.sleep(0.1)
    done = await rollout(world, 1, key="again")
    assert done["state"] == "aborted", done
    assert "Version 1 was refused" in done["reason"]
    assert (await world.client.get("/v1/endpoints/flights")).json()["stable_version"] == 2


async def test_a_gateway_without_gateways_is_a_problem_that_is_told(world):
    del world.cluster.objects["Pod", "work", "gateway-a"]
    async with asyncio.timeout(5):
        while (await gateway(world))["problem"] != "no gateway is ready":
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "placement",
    [
        {"nodeselector": {}},
        {"resources": {"limits": {"memory": "lots"}}},
        {"queue": "q"},
        {"tolerations": {}},
    ],
)
async def test_a_placement_that_nobody_understands_is_refused(world, placement):
    body = {"key": "k", "model": "air-time", "version": 1, "placement": placement}
    body |= {
        "signature": graphs.SIGNATURE,
        "files": {"model.onnx": "sha256:" + "0" * 64},
        "golden": graphs.golden(),
    }
    await world.client.put("/v1/endpoints/flights", json={"model": "air-time"})
    answer = await world.client.post("/v1/endpoints/flights/rollouts", json=body)
    assert answer.status_code == 422
    assert "placement" in answer.text


async def test_serving_tells_the_gateway_what_is_wrong_with_a_message_over_grpc(world):
    assert (await rollout(world))["state"] == "promoted"

    async def told(content, revision="r1"):
        path = f"/v1/gateway/refusals/flights--{revision}"
        headers = {"x-millrace-grpc": "yes"}
        return await world.client.post(path, content=base64.b64encode(content), headers=headers)

    assert (await told(message())).status_code == 204
    assert (await told(message(), "r9")).status_code == 404
    answer = await told(message(without=["origin"]))
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (400, "text/plain")
    assert answer.text == "inputs.origin is missing; send it, as BYTES of shape [rows, 1]."
