"""The real controller on SQLite, with stand-ins for the other services and for the pipeline's process."""

import hashlib
import json
import shutil
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from millrace_contracts.models import ModelVersionWrite
from millrace_controller.clock import quarantines, worker
from millrace_controller.clock import queries as clock
from millrace_controller.lookup import queries as lookup
from millrace_controller.main import ControllerSettings, build
from millrace_controller.runs import ending, returning, tending
from millrace_controller.runs import queries as runs
from millrace_controller.runs.states import State
from millrace_controller.tables import Outbox
from millrace_core import migrate
from millrace_core.outbox import decide, deliver

from .fakes import World, run_job

ADMIN = {"authorization": "Bearer admin-token"}
START = datetime(2024, 2, 1, tzinfo=UTC)


def document(name="sales", **spec):
    return {
        "apiVersion": "millrace.dev/v1alpha1",
        "kind": "ModelLoop",
        "metadata": {"name": name},
        "spec": {
            "task": "regression",
            "target": "y",
            "data": {"dataset": name, "eventTime": "at", "labelDelay": "1d"},
            "rollout": {"mirror": {"percent": 100, "for": "1d"}},
            "triggers": {"schedule": "30d", "alarms": ["performance"]},
        }
        | spec,
    }


def day(number):
    """End of the number-th day after the training data."""
    return (START + timedelta(days=number)).isoformat().replace("+00:00", "Z")


def alarm(number, cause="performance", kind="performance"):
    opened = (START + timedelta(days=number - 1)).date().isoformat()
    return {
        "id": "a",
        "kind": kind,
        "cause": cause,
        "opened_day": opened,
        "reason": "loss is up",
        "evidence": {},
    }


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """A database with all migrations, copied for each test."""
    path = tmp_path_factory.mktemp("db") / "state.db"
    migrate.upgrade("millrace_controller", f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture
def url(database, monkeypatch):
    """A PostgreSQL database that the environment names as the controller's."""
    monkeypatch.setenv("MILLRACE_DATABASE_URL", database)
    return database


@pytest.fixture
def home(tmp_path, migrated):
    return made_home(tmp_path / "home", migrated)


def made_home(path, migrated):
    (path / "run").mkdir(parents=True)
    (path / "controller").mkdir()
    shutil.copy(migrated, path / "controller" / "state.db")
    entries = [
        {"name": role, "role": role, "sha256": hashlib.sha256(f"{role}-token".encode()).hexdigest()}
        for role in ("admin", "viewer", "gateway", "controller")
    ]
    (path / "run" / "tokens.json").write_text(json.dumps({"tokens": entries}))
    return path


@pytest.fixture(autouse=True)
def looks_anew():
    """Every pass sees what lies in quarantine now, also when a test has undone its own changes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quarantines, "LOOK_SECONDS", 0.0)
        yield


class Platform:
    """One controller and its world; `rest` does everything that can be done without waiting."""

    def __init__(self, app, world):
        self.app, self.world = app, world
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=ADMIN)

    @property
    def services(self):
        """What the controller works with."""
        return self.app.state.services

    async def call(self, method, path, expect=None, **more):
        answer = await self.client.request(method, path, **more)
        if expect is not None:
            assert answer.status_code == expect, answer.text
        return answer.json() if answer.content else None

    async def apply(self, body, expect=200):
        return await self.call("PUT", f"/v1/loops/{body['metadata']['name']}", expect, json=body)

    async def loop(self, name="sales"):
        return await self.call("GET", f"/v1/loops/{name}", 200)

    async def runs(self, name="sales"):
        return (await self.call("GET", f"/v1/loops/{name}/runs", 200))["items"]

    async def rest(self, quiet=False):
        """Read the feed, then pass over every loop until nothing is left to do; crashes come through."""
        feed = await self.services.clients.monitoring.feed(await self._read())
        async with self.services.sessions.begin() as session:
            await clock.receive(session, feed.items)
        async with self.services.readers() as session:
            ids = await clock.every(session)
        for loop_id in ids:
            while await worker.step(self.services, loop_id):
                pass
        await self.deliver()

    async def deliver(self):
        """Bring every decision to the registry, the controller's and serving's."""
        while await deliver(self.services, Outbox) or self.world.tell():
            pass

    async def _read(self):
        async with self.services.sessions.begin() as session:
            return (await clock.feed(session)).seq


WORLDS = {}
"""The world of each controller, by its services."""


async def in_process(services, loop, run):
    """The pipeline's steps, called one after the other; a stand-in for `tending.tend`."""
    app, world = WORLDS[id(services)]
    number = run.number
    if State(run.state) == State.PENDING:
        async with services.sessions.begin() as session:
            await runs.move(session, await runs.get(session, loop, number), State.RUNNING, attempts=1)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=ADMIN) as client:
        base = f"/v1/loops/{loop.name}/runs/{number}"

        async def tell(method, path, body):
            answer = await client.request(method, base + path, json=body)
            assert answer.status_code < 300, answer.text
            return answer.json()

        async def job(kind, spec):
            made = run_job(world, f"{loop.name}/{number}/{kind}", kind, spec, loop.name, number)
            await tell("PUT", f"/steps/{kind}", {"state": "succeeded", "job": made})
            return made

        plan = (await client.get(base + "/plan")).json()
        if plan["ingest"] is not None:
            await job("ingest", plan["ingest"])
        await job("validate", plan["validate"])
        train = await job("train", plan["train"])
        data = {"dataset": plan["dataset"], "dataset_version": len(world.datasets[plan["dataset"]])}
        evaluate = await job("evaluate", plan["evaluate"] | data)
        verdict = await tell("POST", "/gates", {"train_job": train, "evaluate_job": evaluate})
        if verdict["verdict"] != "passed":
            async with services.sessions.begin() as session:
                kept = await lookup.get(session, loop.project, loop.name)
                mine = await runs.get(session, kept, number)
                await runs.move(session, mine, State.REJECTED, message=verdict["reason"])
                closed = ending.closed(kept, mine, verdict["reason"], mine.opened_at)
                await decide(session, Outbox, closed)
                await returning.intend(session, kept, mine)
            return True
        result = world.jobs[train]["result"]
        release = {
            "key": f"{loop.name}/run-{number}", "files": result["files"], "signature": result["signature"],
            "task": "regression", "target": "y", "metrics": {}, "golden": result["golden"],
            **({"front": result["front"]} if "front" in result else {}),
            "lineage": {"loop_run": number, "loop": loop.name, "dataset_version": 1, "trained_through": plan["cut"]},
        }  # fmt: skip
        made = await services.clients.registry.add_version(
            loop.name, ModelVersionWrite.model_validate(release)
        )
        await tell("POST", "/rollout", {"version": made.number})
    return True


@asynccontextmanager
async def running(home, world):
    """A controller on *home*; its background tasks are the test's to drive."""
    app = build(ControllerSettings(home=home))
    elsewhere = httpx.AsyncClient(transport=httpx.ASGITransport(world), base_url="http://world")
    core = app.state.services
    for name in ("registry", "training", "serving", "monitoring"):
        getattr(core.clients, name).api._client = elsewhere
    async with app.router.lifespan_context(app):
        WORLDS[id(app.state.services)] = app, world
        yield Platform(app, world)


@asynccontextmanager
async def in_cluster(home, world, monkeypatch, resources):
    """The same beneath an API server's *resources*: it leads nothing by itself, and team-a is the default project."""

    async def nothing(app):
        return None

    monkeypatch.setattr("millrace_controller.main.leading", lambda tasks: nothing)
    monkeypatch.setattr("millrace_controller.services.cluster", lambda settings: resources)
    monkeypatch.setenv("MILLRACE_PLATFORM", "kubernetes")
    monkeypatch.setenv("MILLRACE_NAMESPACE_PROJECTS", '{"team-a": "default"}')
    async with running(home, world) as platform:
        yield platform


@pytest.fixture
def world():
    return World()


@pytest.fixture
def still(monkeypatch):
    """No background task runs, and pipelines run in this process."""

    async def nothing(app):
        return None

    monkeypatch.setattr("millrace_controller.main.read_feed", nothing)
    monkeypatch.setattr("millrace_controller.main.keep_loops", nothing)
    monkeypatch.setattr("millrace_controller.main.keep_sources", nothing)
    monkeypatch.setattr("millrace_controller.main.keep_scores", nothing)
    monkeypatch.setattr("millrace_controller.main.keep_backtests", nothing)
    monkeypatch.setattr("millrace_controller.main.keep_notices", nothing)
    monkeypatch.setattr("millrace_controller.main.deliver_forever", lambda table: nothing)
    monkeypatch.setattr("millrace_controller.main.send_forever", lambda table: nothing)
    monkeypatch.setattr(tending, "tend", in_process)


@pytest.fixture
async def platform(home, world, still):
    async with running(home, world) as platform:
        yield platform


@pytest.fixture
async def loop(platform):
    """A loop with data and a first champion."""
    platform.world.add_data("sales", 1000)
    await platform.apply(document())
    await platform.rest()
    assert (await platform.loop())["champion"] == 1
    return platform


async def champion_everywhere(platform, version, name="sales"):
    world = platform.world
    assert (await platform.loop(name))["champion"] == version
    assert world.aliases[name, "champion"] == version
    assert world.endpoints[name]["stable_version"] == version
    assert world.monitors[name]["champion"]["version"] == version


async def closed(platform, *numbers, **found):
    for number in numbers:
        platform.world.close("sales", day(number), **found)
    await platform.rest()


async def promoted_twice(loop):
    await closed(loop, *range(1, 32))
    await champion_everywhere(loop, 2)
