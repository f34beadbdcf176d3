"""A real Envoy on discovery of its own: refused tables are noticed, changes arrive at once."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from millrace_core import errors
from millrace_core.auth import check_routes
from millrace_core.services import new
from millrace_serving.envoy import manifests
from millrace_serving.envoy.bootstrap import Gateway, bootstrap
from millrace_serving.envoy.callers import ENTRANCE, Callers, Key
from millrace_serving.envoy.discovery import Discovery
from millrace_serving.envoy.listeners import AGAIN_SECONDS
from millrace_serving.envoy.manifests import Split
from millrace_serving.envoy.publisher import EXTENSIONS, Desired, Publisher
from millrace_serving.gateway import discovery as routes
from millrace_serving.movement import Movement
from millrace_serving.processes.ports import free_port
from millrace_serving.services import Services
from millrace_serving.settings import ServingSettings

from .conftest import write_tokens

ENVOY = Path(sys.prefix) / "bin" / "envoy"
WAYS = manifests.Ways(lambda _: ("127.0.0.1", 1), ("127.0.0.1",), 5.0)


def gateway(**changes):
    ports = {name: free_port() for name in ("inference_port", "shadow_port", "admin_port", "discovery_port")}
    fixed = {"otlp_port": 1, "token": "gateway-token", "flush_seconds": 0.1, "request_seconds": 30}
    return Gateway(**ports | fixed | changes)


def one_split(*arms, mirror=None):
    return Split("default", "fraud", "fraud", arms, "fraud/1", mirror)


@pytest.fixture
async def plane(tmp_path, request):
    """Discovery on a real port, and an Envoy that polls it."""
    write_tokens(tmp_path)
    settings = gateway(protected=getattr(request, "param", False))
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    errors.install(app)
    app.include_router(routes.router)
    check_routes(app)
    discovery = Discovery(tmp_path / "discovery.json")
    core = vars(new(ServingSettings(home=tmp_path), {}, {}))
    plane = SimpleNamespace(discovery=discovery)
    app.state.services = Services(**core, plane=plane, gateway=None, movement=Movement())
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=settings.discovery_port, log_level="error")
    )
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    (tmp_path / "boot.json").write_text(json.dumps(bootstrap(settings)))
    command = [ENVOY, "-c", tmp_path / "boot.json", "--concurrency", "1", "--disable-hot-restart"]
    with (tmp_path / "envoy.log").open("wb") as log:
        envoy = subprocess.Popen(
            [*command, "--reject-unknown-dynamic-fields", "--log-level", "warn"], stdout=log, stderr=log
        )
    publisher = Publisher(discovery, WAYS, 10.0)
    yield SimpleNamespace(
        settings=settings,
        discovery=discovery,
        publisher=publisher,
        url=f"http://127.0.0.1:{settings.inference_port}",
    )
    envoy.kill()
    envoy.wait()
    server.should_exit = True
    await task


async def publish(plane, *splits, asking=None):
    async def read():
        return Desired(splits, [], asking)

    return await plane.publisher.publish(read)


async def present(plane):
    while not plane.discovery.present():
        await asyncio.sleep(0.02)


async def live(plane):
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"{plane.url}/v2/health/live")).status_code


async def test_a_change_is_accepted_and_a_misspelt_table_never(plane):
    await present(plane)
    assert await publish(plane, one_split(("fraud--r1", 10_000)))
    assert await live(plane) == 200
    assert await publish(plane, one_split(("fraud--r1", 9_000), ("fraud--r2", 1_000), mirror=None))
    assert plane.publisher.settled()

    good = plane.discovery.resources["inference"]
    bad = json.loads(json.dumps(good).replace('"path_rewrite"', '"path_rewrit"'))
    await plane.discovery.publish("inference", bad)
    assert not await plane.discovery.wait_accepted("inference", 8)
    assert plane.discovery.refused("inference") == ["gateway-0"]
    assert not plane.publisher.settled()
    assert await live(plane) == 200
    await plane.discovery.publish("inference", good)
    assert await plane.discovery.wait_accepted("inference", 8)


async def test_a_route_to_an_unknown_cluster_is_refused_instead_of_503(plane):
    await present(plane)
    assert await publish(plane, one_split(("fraud--r1", 10_000)))
    ahead = manifests.route_tables([one_split(("fraud--r9", 10_000))], WAYS)[0]
    await plane.discovery.publish("inference", [ahead])
    assert not await plane.discovery.wait_accepted("inference", 8)


async def test_who_asks_a_version_of_which_no_pod_is_there_is_told_when_to_ask_again(plane):
    """Behind WAYS nobody listens."""
    await present(plane)
    assert await publish(plane, one_split(("fraud--r1", 10_000)))
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{plane.url}/v2/models/fraud/infer", json={"inputs": []})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == str(AGAIN_SECONDS)
    assert "Ask again" in answer.json()["error"]


@pytest.mark.parametrize("plane", [True], indirect=True)
async def test_a_filter_that_envoy_refuses_is_never_taken_for_accepted(plane):
    """Envoy takes what it has just refused for known when it is offered again, and says that it has it."""
    await present(plane)
    asking = Callers((Key("a" * 64, "one", ("*",)),))
    assert await publish(plane, one_split(("fraud--r1", 10_000)), asking=asking)
    assert plane.publisher.settled()
    for name in EXTENSIONS:
        (good,) = plane.discovery.resources[name]
        bad = json.loads(json.dumps(good))
        config = bad["typed_config"]
        if name == ENTRANCE:
            config["default_source_code"]["inline_string"] += "this is no Lua"
        else:
            config["misspelt"] = True
        await plane.discovery.publish(name, [bad])
        assert not await plane.discovery.wait_accepted(name, 8), name
        assert plane.discovery.refused(name) == ["gateway-0"]
        await plane.discovery.publish(name, [good])
        assert await plane.discovery.wait_accepted(name, 8)


def test_envoy_itself_finds_the_start_up_configuration_valid(tmp_path):
    path = tmp_path / "boot.json"
    path.write_text(json.dumps(bootstrap(gateway())))
    checked = subprocess.run([ENVOY, "-c", path, "--mode", "validate"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


async def test_discovery_needs_the_gateways_token(plane):
    url = f"http://127.0.0.1:{plane.settings.discovery_port}/v3/discovery"
    async with httpx.AsyncClient(trust_env=False) as client:
        for token, status in ((None, 401), ("wrong", 401), ("viewer-token", 403)):
            headers = {"authorization": f"Bearer {token}"} if token else {}
            answer = await client.post(f"{url}:clusters", json={"node": {"id": "g"}}, headers=headers)
            assert answer.status_code == status
        known = {"authorization": "Bearer gateway-token"}
        for body in ({}, {"node": "text"}, [], {"node": {"id": "g"}, "resource_names": ["x"]}):
            assert (await client.post(f"{url}:routes", json=body, headers=known)).status_code == 422
        assert (await client.post(f"{url}:clusters", content=b"{", headers=known)).status_code == 422


async def test_a_restart_offers_the_snapshot_under_the_same_version(tmp_path):
    one = Discovery(tmp_path / "discovery.json")
    version = await one.publish("clusters", [{"name": "fraud--r1"}])
    two = Discovery(tmp_path / "discovery.json")
    assert two.restore()
    assert two.versions["clusters"] == version
    assert await two.poll("g", "clusters", version, hold=0.01) is None
    assert b"fraud--r1" in (await two.poll("g", "clusters", "", hold=0.01) or b"")
