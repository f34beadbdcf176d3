"""Real child processes: a run's pipeline under kfp.local and a backtest, killed and resumed, over real HTTP."""

import os
import signal
import socket
import threading
import time

import httpx
import psutil
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from schemathesis import GenerationMode
from tests.generated import counted

from millrace.client import Millrace
from millrace_contracts.backtests import BacktestWrite
from millrace_contracts.loop import ModelLoop
from millrace_controller.main import ControllerSettings, build
from millrace_controller.pipelines.process import ProcessRunner

from .conftest import document, made_home
from .fakes import World, digest

SERVICES = ("registry", "training", "serving", "monitoring")


def free_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


class Server:
    """An ASGI application on a real port, in a thread."""

    def __init__(self, app):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(app, port=self.port, log_config=None, lifespan="on")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive(), "the server did not start"
            time.sleep(0.01)

    def stop(self):
        self.server.should_exit = True
        self.thread.join(20)


@pytest.fixture
def stage(tmp_path, migrated, monkeypatch):
    """The controller with all its background tasks, as its users see it."""
    world = World()
    others = Server(world)
    home = made_home(tmp_path / "home", migrated)
    monkeypatch.setenv("MILLRACE_TOKEN", "controller-token")
    for name in SERVICES:
        monkeypatch.setenv(f"MILLRACE_{name.upper()}_URL", others.url)
    app = build(ControllerSettings(home=home, token="controller-token"))
    controller = Server(app)
    monkeypatch.setenv("MILLRACE_CONTROLLER_URL", controller.url)
    world.controller = app
    yield world, Millrace.from_environment()
    controller.stop()
    others.stop()
    for process in psutil.Process().children(recursive=True):
        process.kill()


def until(check, patience=60):
    deadline = time.monotonic() + patience
    while not (found := check()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return found


def children(word):
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if word in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.slow
def test_the_compiled_pipeline_runs_under_kfp_local_and_a_killed_one_is_resumed(stage):
    world, client = stage
    world.add_data("sales", 1000)
    client.controller.apply(ModelLoop.model_validate(document()))
    until(lambda: any(run.attempts for run in client.controller.runs("sales")))
    os.kill(children("millrace_controller.pipelines.local")[0].pid, signal.SIGKILL)
    began = time.monotonic()
    run = client.controller.await_run("sales", 1, timeout=100)
    assert (run.state, run.version, run.attempts) == ("promoted", 1, 2)
    assert {name: step.state for name, step in run.steps.items()} == dict.fromkeys(
        ["ingest", "validate", "train", "evaluate", "gate", "compress", "register", "roll-out"], "succeeded"
    )
    assert world.aliases["sales", "champion"] == 1
    assert len(world.models["sales"]) == 1
    assert not any("token" in str(job) for job in world.jobs.values())
    print(f"pipeline of a run: {time.monotonic() - began:.1f} s")


def test_a_pipeline_that_is_gone_before_it_was_looked_at_counts_and_is_resumed(stage, monkeypatch):
    world, client = stage
    world.add_data("sales", 1000)
    spawn, gone = ProcessRunner._spawn, []

    async def dies_at_once(runner, work, place):
        child = await spawn(runner, work, place)
        if not gone:
            gone.append(child.pid)
            child.kill()
            await child.wait()
        return child

    monkeypatch.setattr(ProcessRunner, "_spawn", dies_at_once)
    client.controller.apply(ModelLoop.model_validate(document()))
    run = client.controller.await_run("sales", 1, timeout=100)
    assert (run.state, run.version, run.attempts) == ("promoted", 1, 2)


def test_a_pipeline_that_cannot_succeed_is_closed_with_its_last_words(stage):
    world, client = stage
    world.add_data("sales", 1000)
    world.broken_kinds.add("train")
    client.controller.apply(ModelLoop.model_validate(document()))
    run = client.controller.await_run("sales", 1, timeout=100)
    assert (run.state, run.attempts) == ("failed", 1)
    assert "train" in run.message
    assert run.steps["train"].state == "failed"


HISTORIES = {
    "": "empty",
    "at,x\n2024-01-01T00:00:00Z,1\n": "no column 'y'",
    "at,x,y\n2024-01-01T00:00:00Z,1,2\n": "1 days",
}


def asked(text):
    loop = ModelLoop.model_validate(document())
    return BacktestWrite(loop=loop, digest=digest(text), format="csv", name="history.csv")


@pytest.mark.slow
def test_a_history_that_cannot_be_replayed_is_said_and_leaves_nothing(stage):
    world, client = stage
    for text, words in HISTORIES.items():
        world.artifacts[digest(text)] = text.encode()
        made = client.controller.backtest(asked(text))
        found = until(
            lambda made=made: (now := client.controller.backtest_state(made.id, wait=5)).ended_at and now
        )
        assert found.state == "failed"
        assert words in found.message
        until(lambda made=made: made.loop not in world.endpoints)
    again = client.controller.backtest(asked(text))
    assert again.id != made.id


@counted
def test_no_generated_request_is_answered_with_5xx(stage, count):
    _, client = stage
    client.controller.apply(ModelLoop.model_validate(document()))
    api = schemathesis.openapi.from_url(client.urls["controller"] + "/openapi.json")
    for result in api.exclude(path_regex="events$").get_all_operations():
        attack(result.ok(), count)


def attack(operation, count):
    @examples(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE) | operation.as_strategy())
    def once(case):
        for name in ("wait", "project"):
            (case.query or {}).pop(name, None)
        if case.path_parameters and "loop" in case.path_parameters and case.method != "DELETE":
            case.path_parameters["loop"] = "sales"
        response = case.call(headers={"authorization": "Bearer admin-token"}, timeout=20)
        assert response.status_code < 500, f"{operation.label}: {response.text}"

    once()


def test_a_server_sent_event_tells_the_loop(stage):
    _, client = stage
    client.controller.apply(ModelLoop.model_validate(document()))
    loop = next(iter(client.controller.events("sales")))
    assert (loop.name, loop.phase) == ("sales", "waiting")
    headers = {"authorization": "Bearer admin-token"}
    answer = httpx.get(client.urls["controller"] + "/v1/loops/none/events", headers=headers)
    assert answer.status_code == 404
