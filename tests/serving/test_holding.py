"""The loader of a shared pod beside a real Triton: it loads, lets go late, heals, and goes on alone."""

import asyncio
import subprocess
import sys
import time
from functools import reduce
from types import SimpleNamespace

import httpx
import pytest

from millrace.transport.errors import ApiError
from millrace_contracts.standby import StandbyRead, StandbyVersion
from millrace_core.services import clients
from millrace_serving.cluster import standby
from millrace_serving.processes.ports import free_port
from millrace_serving.settings import ServingSettings, Standby
from millrace_serving.triton import holding, installation, source
from millrace_serving.triton.client import Triton, TritonError
from millrace_serving.triton.holding import Holder
from millrace_serving.triton.loading import LoadFailed
from millrace_serving.triton.manifests import pod_arguments

from . import graphs
from .neighbours import Neighbours

pytestmark = pytest.mark.slow


class Server:
    """Triton as a shared pod starts it: nothing is loaded."""

    def __init__(self, settings, models):
        self.settings, self.http, self.metrics = settings, free_port(), free_port()
        self.models, self.process = models, None

    def start(self):
        environment = self.settings.triton_environment
        files, identity = installation.files(environment), installation.identity(self.settings)
        options = pod_arguments("", str(self.models), self.http, self.metrics, 2)
        options = [item.replace("0.0.0.0", "127.0.0.1").replace("$(POD_UID)", "uid") for item in options]
        launch = installation.launch(self.settings, {"triton_port": 0, "triton_metrics_port": 0})
        backends = installation.link_backend(environment, self.settings.home / "backends")
        self.process = subprocess.Popen(
            [files / "bin" / "tritonserver", *options, f"--backend-directory={backends}",
             f"--cache-directory={files / 'caches'}", "--allow-gpu-metrics=false",
             f"--backend-config=python,shm-region-prefix-name={identity}"],
            env=launch.environment,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"http://127.0.0.1:{self.http}/v2/health/live", trust_env=False).is_success:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)
        raise AssertionError("Triton did not start")

    def kill(self):
        self.process.kill()
        self.process.wait(20)
        installation.sweep_shared_memory(installation.identity(self.settings))


@pytest.fixture
async def world(tmp_path, monkeypatch):
    models = tmp_path / "models"
    models.mkdir()
    monkeypatch.setattr(holding, "WHOLE", str(tmp_path / "whole"))
    neighbours = Neighbours()
    settings = ServingSettings(
        home=tmp_path / "home",
        registry_url=neighbours.url,
        probe_seconds=0,
        drain_seconds=0,
        inference_seconds=0.1,
    )
    (settings.folder / "triton").mkdir()
    (settings.folder / "triton" / "models").symlink_to(models)
    server = Server(settings, models)
    server.start()
    made = SimpleNamespace(
        items=[], away=False, neighbours=neighbours, server=server, whole=tmp_path / "whole"
    )

    async def listed():
        if made.away:
            raise httpx.ConnectError("serving is away")
        return StandbyRead(items=made.items)

    async with clients(settings) as platform:

        async def release(item):
            return await source.release(
                platform, "default", item.model, item.version, item.digest, item.target
            )

        def holder():
            triton = Triton(f"http://127.0.0.1:{server.http}", "uid")
            fetch = holding.bounded(platform, "default")
            return Holder(settings, triton, "default", fetch, listed, release)

        made.holder, made.again = holder(), holder
        yield made
    server.kill()
    neighbours.close()


def version(world, number=1, slope=2.0):
    digest = world.neighbours.register("air-time", number, graphs.graph(slope))
    return StandbyVersion(
        name=f"flights--r{number}", model="air-time", version=number, digest=digest, target="ort-cpu-fp32"
    )


def answers(world, name):
    body = {
        "inputs": [
            {"name": "distance", "datatype": "FP32", "shape": [1, 1], "data": [100.0]},
            {"name": "origin", "datatype": "BYTES", "shape": [1, 1], "data": ["JFK"]},
            {"name": "departed", "datatype": "INT64", "shape": [1, 1], "data": [0]},
        ]
    }
    url = f"http://127.0.0.1:{world.server.http}/v2/models/{name}/infer"
    answer = httpx.post(url, json=body, trust_env=False)
    return answer.json()["outputs"][0]["data"] == [205.0] if answer.is_success else False


async def test_what_is_held_answers_and_what_is_let_go_answers_a_while_longer(world):
    world.items = [version(world, 1), version(world, 2)]
    assert not world.whole.exists()
    began = time.monotonic()
    await world.holder.once()
    loaded = time.monotonic()
    assert world.whole.exists()
    assert answers(world, "flights--r1")
    print(f"\ntwo loads {loaded - began:.2f} s, the first answer {(time.monotonic() - loaded) * 1000:.0f} ms")
    assert answers(world, "flights--r2")
    world.holder.linger = 60
    world.items = world.items[1:]
    await world.holder.once()
    assert answers(world, "flights--r1")
    world.holder.linger = 0
    await world.holder.once()
    async with asyncio.timeout(10):
        while answers(world, "flights--r1"):
            await asyncio.sleep(0.05)
    assert answers(world, "flights--r2")


async def test_a_triton_that_began_again_is_not_whole_until_it_has_everything_even_while_serving_is_away(
    world,
):
    world.items = [version(world, 1)]
    await world.holder.once()
    world.away = True
    world.server.kill()
    with pytest.raises(TritonError):
        await world.holder.once()
    assert not world.whole.exists()
    world.server.start()
    await world.holder.once()
    assert world.whole.exists()
    assert answers(world, "flights--r1")


async def test_a_triton_that_began_again_between_two_looks_is_noticed(world):
    world.items = [version(world, 1)]
    await world.holder.once()
    world.server.kill()
    world.server.start()
    world.holder.triton = world.holder.models.triton = Triton(f"http://127.0.0.1:{world.server.http}", "uid")
    loads, seen = world.holder.models._load, []

    async def load(item):
        seen.append(world.whole.exists())
        await loads(item)

    world.holder.models._load = load
    await world.holder.once()
    assert seen == [False]
    assert answers(world, "flights--r1")


async def test_a_loader_that_begins_again_while_serving_is_away_takes_nothing_away(world):
    world.items = [version(world, 1)]
    await world.holder.once()
    world.away = True
    again = world.again()
    again.linger = 0
    await again.once()
    assert answers(world, "flights--r1")
    assert world.whole.exists()


async def test_a_pod_that_nobody_told_anything_is_not_ready(world):
    world.away = True
    await world.holder.once()
    assert not world.whole.exists()


async def test_a_registry_that_is_away_is_waited_for_and_takes_away_nothing(world):
    held = version(world, 1)
    world.items = [held]
    await world.holder.once()
    again = world.again()
    again.linger = 0

    async def release(item):
        raise ApiError(503, {"title": "away"}, "http://registry")

    asked, again.release = again.release, release
    world.whole.unlink()
    await again.once()
    assert not world.whole.exists(), "it has not been tried"
    assert answers(world, "flights--r1")
    again.release = asked
    await again.once()
    assert world.whole.exists()


async def test_a_version_that_cannot_be_loaded_keeps_no_other_from_being_ready(world):
    broken = version(world, 2)
    world.neighbours.artifacts[broken.digest] = b"no graph"
    world.items = [broken, version(world, 1, 2.0).model_copy(update={"digest": "sha256:" + "1" * 64})]
    good = version(world, 3)
    world.neighbours.artifacts[good.digest] = graphs.graph(2.0)
    world.items = [world.items[1], good]
    await world.holder.once()
    assert world.whole.exists()
    assert answers(world, "flights--r3")
    assert not answers(world, "flights--r1")


async def test_a_graph_that_the_registry_has_lost_keeps_no_other_from_being_ready(world):
    lost, good = version(world, 1), version(world, 2, 3.0)
    bring = world.holder._bring

    async def fetch(item):
        if item.digest == lost.digest:
            raise ApiError(404, {"title": "Not found"}, "http://registry")
        return await bring(item)

    world.holder._bring = fetch
    world.items = [lost, good]
    await world.holder.once()
    assert world.whole.exists()


async def test_the_process_as_its_pod_starts_it_loads_what_serving_lists(world, tmp_path):
    """The container's own command, arguments and environment, with places of this machine."""
    held = version(world, 1)
    world.neighbours.server.config.app.get("/v1/standby")(lambda: StandbyRead(items=[held]))
    settings = ServingSettings(
        home=tmp_path,
        serving_image="x",
        triton_image="x",
        registry_url=world.neighbours.url,
        serving_url=world.neighbours.url,
    )
    template = standby.deployment(settings, Standby(), "default", 4, None)["spec"]["template"]
    (made,) = [item for item in template["spec"]["containers"] if item["name"] == "loader"]
    (tmp_path / "token").write_text("a-token")
    moved = {
        "/models": str(world.server.models),
        "http://127.0.0.1:8000": f"http://127.0.0.1:{world.server.http}",
    }
    arguments = [reduce(lambda text, pair: text.replace(*pair), moved.items(), item) for item in made["args"]]
    told = {item["name"]: item["value"] for item in made["env"] if "value" in item} | {
        "POD_UID": "uid",
        "MILLRACE_HOME": str(tmp_path / "loader"),
        "MILLRACE_TOKEN_FILE": str(tmp_path / "token"),
    }
    process = subprocess.Popen(
        [sys.executable, *made["command"][1:], *arguments, f"--whole={world.whole}"], env={"PATH": ""} | told
    )
    try:
        deadline = time.monotonic() + 60
        while not (world.whole.exists() and answers(world, "flights--r1")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("known", [True, False])
async def test_a_graph_that_is_larger_than_there_is_memory_for_is_not_taken(world, monkeypatch, known):
    monkeypatch.setattr(holding, "LARGEST", 10**9 if known else 10)
    world.items = [version(world, 1).model_copy(update={"size": 10 if known else None, "answers": True})]
    await world.holder.once()
    assert world.whole.exists()
    assert not answers(world, "flights--r1")
    with pytest.raises(LoadFailed, match="larger than"):
        await world.holder._fetch(await world.holder._wanted(world.items[0]))


async def test_a_fresh_pod_takes_requests_once_what_has_traffic_is_loaded_and_the_rest_follows(
    world, monkeypatch
):
    """What only stands by may take its time: nobody asks it."""
    rests = [version(world, number).model_copy(update={"answers": False}) for number in (1, 2)]
    world.items = [version(world, 3), *rests]
    seen, usual = [], world.holder._restore

    async def restore(due):
        await usual(due)
        seen.append(([item.name for item in due], world.whole.exists()))

    monkeypatch.setattr(world.holder, "_restore", restore)
    await world.holder.once()
    assert [names for names, _ in seen] == [["flights--r3"], ["flights--r3", "flights--r1", "flights--r2"]]
    assert seen[1][1], "it took requests while the others were loaded"
    assert answers(world, "flights--r1")
