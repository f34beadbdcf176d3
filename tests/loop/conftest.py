"""One real platform for all loop tests: every service a process, real Triton behind real Envoy."""

import json
import os
import signal
import socket
import time

import pytest
from sklearn.datasets import load_breast_cancer
from typer.testing import CliRunner

from millrace.cli.main import app
from millrace.client import ApiError
from millrace.delivery import push
from millrace.laptop import Platform
from millrace_contracts.loop import ModelLoop

NAME = "tumours"
PATIENCE = 900
"""Seconds for one run of the loop; a machine that does much else beside it needs minutes."""


def pytest_itemcollected(item):
    """A test's timeout is its own: starting the platform and two trainings, which the first one pays, have theirs."""
    mark = item.get_closest_marker("timeout")
    item.add_marker(pytest.mark.timeout(mark.args[0] if mark else 180, func_only=True), append=False)


def _free_port():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


MAIL = _free_port()
"""Where the platform looks for a mail server; a test that needs one begins it there."""


@pytest.fixture(scope="package")
def platform(tmp_path_factory):
    """Its jobs may reach servers of this machine, as those that stand for a bucket."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MILLRACE_SOURCE_HOSTS", '["127.0.0.1"]')
        patched.setenv("MILLRACE_SECRET_FOLDERS", json.dumps([str(tmp_path_factory.getbasetemp())]))
        mail = {"HOST": "localhost", "PORT": str(MAIL), "SECURITY": "none", "FROM": "millrace@shop.example"}
        for name, value in mail.items():
            patched.setenv(f"MILLRACE_SMTP_{name}", value)
        with Platform(tmp_path_factory.mktemp("platform") / "home") as platform:
            yield platform


@pytest.fixture(scope="package")
def client(platform):
    return platform.client()


@pytest.fixture(scope="module")
def millrace(platform):
    """Run one command against the platform's home; returns what it printed, JSON if that was asked for."""
    environment = {"MILLRACE_HOME": str(platform.home), "MILLRACE_PROJECT": "default"}

    def run(*arguments, code=0):
        done = CliRunner().invoke(app, [str(item) for item in arguments], env=environment)
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if "json" in arguments else done.stdout + done.stderr

    return run


@pytest.fixture(scope="package")
def table():
    frame = load_breast_cancer(as_frame=True).frame
    return frame.rename(columns=lambda name: name.replace(" ", "_"))


def document(name=NAME, **spec):
    return {
        "apiVersion": "millrace.dev/v1alpha1",
        "kind": "ModelLoop",
        "metadata": {"name": name},
        "spec": {
            "task": "binary",
            "target": "target",
            "data": {"dataset": name},
            "training": {"search": {"trials": 3}, "executor": "inline"},
            "gates": {"champion": {"margin": 0.5, "minimumDays": 5}},
        }
        | spec,
    }


@pytest.fixture(scope="package")
def loop(client, table, tmp_path_factory):
    """A loop with two promoted versions; the second is champion."""
    path = tmp_path_factory.mktemp("data") / "tumours.csv"
    table.to_csv(path, index=False)
    client.controller.apply(ModelLoop.model_validate(document()))
    assert push(client, NAME, path).accepted
    first = client.controller.await_run(NAME, 1, timeout=PATIENCE)
    assert first.state == "promoted", first
    client.controller.retrain(NAME, search=True)
    second = client.controller.await_run(NAME, 2, timeout=PATIENCE)
    assert second.state == "promoted", second
    return NAME


def predict(client, table, rows=3, patience=40):
    """Predictions through the gateway, tried again while something restarts."""
    wanted = table.drop(columns="target").head(rows).to_dict("records")
    deadline = time.monotonic() + patience
    while True:
        try:
            return client.serving.predict(NAME, wanted)
        except ApiError as error:
            if time.monotonic() > deadline:
                raise
            if error.status < 500:
                raise
            time.sleep(0.3)


def kill(pid):
    """SIGKILL to one process that the platform started."""
    os.kill(pid, signal.SIGKILL)
