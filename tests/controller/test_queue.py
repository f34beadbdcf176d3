"""Runs that wait for their turn: who is let in, what the others are told, and that waiting costs nothing."""

import asyncio

import httpx
import pytest
from prometheus_client import REGISTRY

from millrace_controller.admission import queries as admission
from millrace_controller.admission import queue
from millrace_controller.clock import queries as clock
from millrace_controller.clock import worker
from millrace_controller.runs import tending

from .conftest import document, in_cluster
from .fake_resources import Resources
from .test_pipeline_jobs import Cluster, pod

TEND = tending.tend
LOOPS = {"a-0": "alpha", "a-1": "alpha", "a-2": "alpha", "b-0": "beta", "b-1": "beta"}


class Going(Cluster):
    """Every pipeline's pod runs, and none comes to an end."""

    def __init__(self):
        super().__init__()
        self.resources = Resources()

    def __getattr__(self, name):
        return getattr(self.resources, name)

    async def list(self, kind, *where, **more):
        return [pod()] if kind == "Pod" else []


@pytest.fixture
def cluster():
    return Going()


@pytest.fixture
async def platform(home, world, still, cluster, monkeypatch):
    """Five loops of two projects with data, where nothing fits beside what is open."""
    monkeypatch.setattr(tending, "tend", TEND)
    monkeypatch.setattr(queue, "LOOK_SECONDS", 0.0)
    monkeypatch.setenv("MILLRACE_WORKLOADS_NAMESPACE", "work")
    world.fits = 0
    async with in_cluster(home, world, monkeypatch, cluster) as platform:
        for name, project in LOOPS.items():
            world.add_data(name, 100)
            body = document(name)
            await platform.call("PUT", f"/v1/loops/{name}", 200, json=body, params={"project": project})
        await platform.rest()
        yield platform


async def run_of(platform, name):
    where = {"project": LOOPS[name]}
    return await platform.call("GET", f"/v1/loops/{name}/runs/1", 200, params=where)


async def standing(platform):
    """Names of the open, and of the waiting by their place."""
    runs = {name: await run_of(platform, name) for name in LOOPS}
    waiting = {name: run["queue"]["position"] for name, run in runs.items() if run["queue"]}
    return {name for name, run in runs.items() if run["state"] == "running"}, sorted(waiting, key=waiting.get)


async def test_two_runs_are_open_where_nothing_fits_and_the_others_know_their_place(platform, cluster):
    opened, waiting = await standing(platform)
    assert (opened, waiting) == ({"a-0", "a-1"}, ["b-0", "b-1", "a-2"]), (
        "alpha came first, then it is beta's turn"
    )
    assert len(cluster.jobs) == 2
    run = await run_of(platform, "b-1")
    assert (run["state"], run["attempts"], run["waiting"]["reason"]) == ("pending", 0, "Queued")
    assert run["queue"]["length"] == 3
    assert run["waiting"]["message"] == (
        "place 2 of 3 in the queue; 2 open runs go before it to the same room: no place"
    )
    loop = await platform.call("GET", "/v1/loops/b-1", 200, params={"project": "beta"})
    told = {item["type"]: item for item in loop["conditions"]}
    assert (told["Progressing"]["reason"], told["Stalled"]["status"]) == ("Queued", "False")


async def test_as_soon_as_one_is_at_work_the_next_is_let_in_and_the_others_move_up(platform, world):
    world.at_work = [{"project": "alpha", "loop": "a-0", "run": 1}]
    await platform.rest()
    opened, waiting = await standing(platform)
    assert (opened, waiting) == ({"a-0", "a-1", "b-0"}, ["b-1", "a-2"])


async def test_loops_that_wait_are_not_looked_after_until_it_is_their_turn(platform, world):
    async with platform.services.readers() as session:
        busy = [item.busy for item in await clock.urgencies(session)]
    assert busy == [True, True, False, False, False]
    world.fits = 9
    keeper = worker.Keeper(platform.services)
    await keeper.once()
    async with platform.services.readers() as session:
        assert all(item.busy for item in await clock.urgencies(session)), "one look lets all in"
    await keeper.stop()


async def test_the_queue_is_in_the_metrics(platform, world):
    await queue.serve(platform.services)
    seen = {
        (name, project): REGISTRY.get_sample_value(f"millrace_{name}", {"project": project})
        for name in ("queue_runs", "runs_open")
        for project in ("alpha", "beta")
    }
    assert seen == {
        ("queue_runs", "alpha"): 1,
        ("queue_runs", "beta"): 2,
        ("runs_open", "alpha"): 2,
        ("runs_open", "beta"): 0,
    }


async def test_loops_are_looked_after_while_training_does_not_answer_the_queue(platform, monkeypatch):
    looked = []

    async def away(sizes):
        looked.append("asked")
        raise httpx.ConnectError("All connection attempts failed")

    async def hangs(sizes):
        looked.append("asked")
        await asyncio.sleep(60)

    async def one_pass(services, loop_id):
        looked.append(loop_id)

    monkeypatch.setattr(worker, "one_pass", one_pass)
    for answer in (away, hangs):
        monkeypatch.setattr(platform.services.clients.training, "room", answer)
        keeper = worker.Keeper(platform.services)
        looked.clear()
        await keeper.once()
        await asyncio.sleep(0)
        assert "asked" in looked
        assert {1, 2} <= set(looked), "loops that are open are looked after"
        await keeper.stop()


async def test_a_run_does_not_stand_behind_a_look_that_lasts(platform):
    async with platform.services.readers() as session:
        waiting = next(run for _, run in await admission.busy(session) if run.admitted_at is None)
    async with platform.services.memory.line.lock:
        assert await asyncio.wait_for(queue.its_turn(platform.services, waiting), 5) is False
