"""What a run leaves for people in Kubeflow Pipelines' console: a backend that really executes the compiled pipeline."""

import json

import pytest
from tests.contract.kfp.backend import Backend
from tests.contract.kfp.execution import Executor

from millrace import drawing, exchange
from millrace.client import Millrace
from millrace_contracts.loop import ModelLoop
from millrace_contracts.verdicts import GatesVerdict
from millrace_controller.main import ControllerSettings, build

from .conftest import document, made_home
from .fakes import RESULTS, World
from .test_processes import SERVICES, Server, until

ROC = [{"fpr": 0.0, "tpr": 0.0, "threshold": 1.0}, {"fpr": 1.0, "tpr": 1.0, "threshold": 0.0}]


def tried(world, spec, loop, run):
    """A form that was no faster: it is told, and leaves no file."""
    assert spec["candidate"]["files"]
    assert (spec["target"], spec["margin"], spec["targets"]) == ("y", 0.02, ["auto"])
    assert spec["golden"]["inputs"]
    form = {"target": "ort-cpu-int8", "state": "refused", "reason": "0.87 times as fast with 1 row"}
    return {"variants": [form], "files": None}


@pytest.mark.slow
def test_a_loop_runs_through_kubeflow_and_its_console_has_something_to_draw(tmp_path, migrated, monkeypatch):
    world, executor, evaluated = World(), Executor(tmp_path), RESULTS["evaluate"]
    monkeypatch.setitem(RESULTS, "evaluate", lambda *order: evaluated(*order) | {"roc": ROC})
    trained = RESULTS["train"]
    monkeypatch.setitem(RESULTS, "train", lambda *order: trained(*order) | {"layers": 3})
    monkeypatch.setitem(RESULTS, "compress", tried)
    backend = Backend(executor)
    others, kubeflow = Server(world), Server(backend)
    monkeypatch.setenv("MILLRACE_TOKEN", "controller-token")
    monkeypatch.setenv("MILLRACE_KFP_URL", kubeflow.url)
    for name in SERVICES:
        monkeypatch.setenv(f"MILLRACE_{name.upper()}_URL", others.url)
    settings = ControllerSettings(home=made_home(tmp_path / "home", migrated), token="controller-token")
    controller = Server(build(settings))
    settings.controller_url = controller.url
    monkeypatch.setenv("MILLRACE_CONTROLLER_URL", controller.url)
    try:
        client = Millrace.from_environment()
        world.add_data("sales", 1000)
        client.controller.apply(ModelLoop.model_validate(document()))
        run = client.controller.await_run("sales", 1, timeout=100)
        assert (run.state, run.attempts, run.pipeline["runner"]) == ("promoted", 1, "kubeflow")
        assert run.steps["compress"].message == "ort-cpu-int8 refused: 0.87 times as fast with 1 row"
        made = backend.only_run()
        until(lambda: made["state"] == "SUCCEEDED")
    finally:
        for server in (controller, kubeflow, others):
            server.stop()
    artifacts = executor.artifacts(made)
    assert set(artifacts) == {"drift", "holdout", "roc", "report", "gates", "model"}
    assert artifacts["holdout"][1]["rmse"] == pytest.approx(10**0.5)
    first = {"confidenceThreshold": 1.0, "recall": 0.0, "falsePositiveRate": 0.0}
    assert artifacts["roc"][1]["confidenceMetrics"][0] == first
    assert [item["state"] for item in world.models["sales"][0]["variants"]] == ["refused"]
    uri, facts = artifacts["model"]
    assert uri == f"{others.url}/v1/models/sales/versions/1?project=default"
    assert facts == {
        "version": "1",
        "digest": world.models["sales"][0]["digest"],
        "dataset": "sales/1",
        "run": "sales/1",
        "gates": "passed",
    }
    with open(artifacts["gates"][0]) as table:
        text = table.read()
    assert "| useful | passed |" in text
    assert f"`millrace explain {run.decision}`" in text
    assert f"explain {run.decision}" in made["description"]
    with open(artifacts["drift"][0]) as page:
        assert "Nothing is served yet" in page.read()


def test_the_gate_table_keeps_its_columns_whatever_a_reason_says():
    gate = {"name": "g", "verdict": "failed", "reason": "a|b\nc"}
    verdict = GatesVerdict(verdict="failed", reason="a|b", gates=[gate])
    assert drawing.gate_table(verdict).splitlines()[-1] == r"| g | failed | a\|b c |"


def test_nothing_that_data_says_becomes_markup_or_a_link_in_the_gate_table():
    """A slice is named by a value of somebody's table, and the console draws Markdown in a browser."""
    evil = "<img src=x onerror=alert(1)> [more](javascript:alert(1)) `x` **y** https://evil.example"
    gate = {"name": "slices", "verdict": "failed", "reason": evil}
    table = drawing.gate_table(GatesVerdict(verdict="failed", reason=evil, gates=[gate]))
    assert "<" not in table
    assert "[more]" not in table.replace(r"\[more\]", "")
    assert r"\`x\`" in table
    assert "https:" not in table, "a bare address is a link too"


def test_the_page_of_a_first_run_is_self_contained():
    page = drawing.nothing_served()
    assert "Nothing is served yet" in page
    assert not any(sign in page for sign in ("<script", "http", "src=", "href="))


class Answer:
    def __init__(self, token):
        self.token = token

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def read(self):
        return json.dumps({"status": {"token": self.token}}).encode()


@pytest.fixture
def pod(tmp_path, monkeypatch):
    """A pod of Kubeflow Pipelines with its own token, and the API server's memory of what was asked."""
    asked = []

    def answer(request, timeout, context):
        asked.append((request.full_url, json.loads(request.data), request.headers["Authorization"]))
        return Answer("for-millrace")

    claims = "eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6a3ViZWZsb3c6bWlsbHJhY2UtcGlwZWxpbmUifQ"
    (tmp_path / "token").write_text(f"head.{claims}.sign\n")
    monkeypatch.setattr(exchange, "ACCOUNT", tmp_path)
    monkeypatch.setattr(exchange, "urlopen", answer)
    monkeypatch.setattr(exchange.ssl, "create_default_context", lambda cafile: cafile)
    monkeypatch.setattr(
        exchange.threading, "Thread", lambda **more: type("T", (), {"start": lambda self: None})()
    )
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("MILLRACE_TOKEN_AUDIENCE", "millrace")
    monkeypatch.setenv("MILLRACE_TOKEN_FILE", "")
    monkeypatch.delenv("MILLRACE_TOKEN", raising=False)
    return asked


def test_a_step_asks_for_a_token_that_opens_millrace_alone(pod):
    exchange.arrange()
    exchange.arrange()
    ((url, order, shown),) = pod
    assert url == "https://10.0.0.1:443/api/v1/namespaces/kubeflow/serviceaccounts/millrace-pipeline/token"
    assert order["spec"]["audiences"] == ["millrace"]
    assert shown.startswith("Bearer head.")
    file = exchange.os.environ["MILLRACE_TOKEN_FILE"]
    with open(file) as token:
        assert token.read() == "for-millrace"


def test_a_step_that_has_a_token_asks_for_none(pod, monkeypatch):
    monkeypatch.setenv("MILLRACE_TOKEN", "mine")
    exchange.arrange()
    assert pod == []
