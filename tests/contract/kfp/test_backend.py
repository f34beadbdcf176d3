"""The stand-in answers as the real backend was seen to answer; a client that pleases it does not rely on luck."""

import httpx
import pytest
import yaml
from pipelines.compile import COMPILED
from tests.contract.kfp.backend import API, Backend

SPEC = yaml.safe_load((COMPILED / "loop-run.yaml").read_text())
GIVEN = {"project": "default", "loop": "sales", "run": 1}


class Caller:
    def __init__(self, backend):
        transport = httpx.ASGITransport(backend)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://ml-pipeline")

    async def __call__(self, method, path, **more):
        answer = await self.http.request(method, API + path, **more)
        return answer.status_code, answer.json()


@pytest.fixture
def backend():
    return Backend()


@pytest.fixture
def call(backend):
    return Caller(backend)


@pytest.fixture
async def experiment(call):
    _, made = await call("POST", "/experiments", json={"display_name": "e"})
    return made["experiment_id"]


def order(experiment, **more):
    config = {"parameters": GIVEN}
    return {
        "display_name": "r",
        "experiment_id": experiment,
        "pipeline_spec": SPEC,
        "runtime_config": config,
    } | more


async def test_a_run_begins_pending_and_keeps_its_history(call, backend, experiment):
    status, run = await call("POST", "/runs", json=order(experiment))
    assert (status, run["state"]) == (200, "PENDING")
    backend.move(backend.only_run(), "RUNNING", {"ingest": "SUCCEEDED"})
    _, run = await call("GET", f"/runs/{run['run_id']}")
    assert [entry["state"] for entry in run["state_history"]] == ["PENDING", "RUNNING"]
    names = {task["display_name"] for task in run["run_details"]["task_details"]}
    assert {"ingest", "ingest(0)", "ingest-driver", "root", "root-driver", "loop-run-rgtgg", ""} <= names


@pytest.mark.parametrize("spec", [None, {}, {"pipelineInfo": {"name": "x"}}, SPEC | {"bogus": 1}])
async def test_a_pipeline_that_is_missing_or_wrong_is_a_500_of_code_13(call, experiment, spec):
    status, error = await call("POST", "/runs", json=order(experiment, pipeline_spec=spec))
    assert (status, error["code"]) == (500, 13)


async def test_a_description_that_its_database_cannot_keep_is_a_500_of_code_13(call, experiment):
    assert (await call("POST", "/runs", json=order(experiment, description="x" * 255)))[0] == 200
    status, error = await call("POST", "/runs", json=order(experiment, description="x" * 256))
    assert (status, error["code"]) == (500, 13)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"bogus": 1}, "bogus"),
        ({"display_name": ""}, "name"),
        ({"runtime_config": {"parameters": GIVEN | {"other": 1}}}, "other"),
        ({"runtime_config": {"parameters": GIVEN | {"run": "one"}}}, "run"),
        ({"runtime_config": {"parameters": {}}}, "loop"),
    ],
)
async def test_a_request_that_is_not_understood_is_a_400_of_code_3_that_names_it(
    call, experiment, more, named
):
    status, error = await call("POST", "/runs", json=order(experiment, **more))
    assert (status, error["code"]) == (400, 3)
    assert named in error["message"]


async def test_a_run_that_nobody_knows_is_a_404_of_code_5(call):
    for method, path in (("GET", ""), ("POST", ":terminate"), ("POST", ":retry"), ("DELETE", "")):
        status, error = await call(method, f"/runs/unknown{path}")
        assert (status, error["code"]) == (404, 5)


async def test_a_terminated_run_is_canceling_then_failed_and_is_terminated_once(call, backend, experiment):
    _, run = await call("POST", "/runs", json=order(experiment))
    place = f"/runs/{run['run_id']}"
    assert await call("POST", place + ":terminate") == (200, {})
    shown = (await call("GET", place))[1]
    assert (shown["state"], [entry["state"] for entry in shown["state_history"]]) == (
        "CANCELING",
        ["PENDING"],
    )
    status, error = await call("POST", place + ":terminate")
    assert status == 400
    assert "Row not found" in error["message"]
    backend.move(backend.only_run(), "FAILED")
    assert (await call("POST", place + ":terminate"))[0] == 400


async def test_only_a_failed_run_is_retried(call, backend, experiment):
    _, run = await call("POST", "/runs", json=order(experiment))
    place = f"/runs/{run['run_id']}:retry"
    for state in ("PENDING", "RUNNING", "SUCCEEDED", "CANCELING"):
        backend.move(backend.only_run(), state)
        status, error = await call("POST", place)
        assert (status, error["code"]) == (409, 10)
    backend.move(backend.only_run(), "FAILED")
    assert await call("POST", place) == (200, {})


async def test_a_second_experiment_of_a_name_is_a_409_and_a_second_run_is_a_second_run(
    call, backend, experiment
):
    status, error = await call("POST", "/experiments", json={"display_name": "e"})
    assert (status, error["code"]) == (409, 6)
    for _ in range(2):
        assert (await call("POST", "/runs", json=order(experiment)))[0] == 200
    assert len(backend.runs) == 2


async def test_runs_are_archived_and_deleted(call, backend, experiment):
    _, run = await call("POST", "/runs", json=order(experiment))
    assert (await call("POST", f"/runs/{run['run_id']}:archive"))[0] == 200
    assert (await call("DELETE", f"/runs/{run['run_id']}"))[0] == 200
    assert backend.runs == {}


@pytest.mark.parametrize(
    "params",
    [
        {"filter": "name=e"},
        {"filter": '{"predicates": [{"op": 1, "key": "name", "string_value": "e"}]}'},
        {"filter": '{"predicates": [{"operation": "EQUALS", "key": "bogus", "string_value": "e"}]}'},
        {"sort_by": "bogus desc"},
        {"bogus": "1"},
    ],
)
async def test_a_list_that_is_asked_for_wrongly_is_refused(call, params):
    status, error = await call("GET", "/runs", params=params)
    assert (status, error["code"]) == (400, 3)
