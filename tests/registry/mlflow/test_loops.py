"""A loop's runs and versions are MLflow's too: found and loaded by its clients, written by none."""

import pytest
import pytest_asyncio
from sqlalchemy import delete

from millrace_registry.mlflow.following.controller import catch_up
from millrace_registry.mlflow.tables import MlflowInput, MlflowLatest, MlflowMetric, MlflowRun

from ..conftest import dataset_version, graph, version

LOOP = "sales"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


@pytest_asyncio.fixture(loop_scope="session")
async def loop_run(client, put, project):
    """The training run of a loop, with the data it saw."""
    digest = await put(b"rows")
    await client.put("/v1/datasets/rows", json={})
    await client.post("/v1/datasets/rows/versions", json=dataset_version(digest))
    body = {"key": "job-1", "loop": LOOP, "loop_run": 3, "job": "j1", "dataset": "rows", "dataset_version": 1}
    params = {"task": "regression", "search": {"trials": 20, "seed": 7}, "features": ["x"]}
    made = (await client.post("/v1/runs", json=body | {"params": params})).json()
    change = {
        "metrics": {"rmse": 2.5, "mae": None},
        "state": "succeeded",
        "artifacts": {"model.onnx": digest},
    }
    await client.patch(f"/v1/runs/{made['id']}", json=change)
    return made["id"]


async def found(ask, filter_=""):
    experiment = (await ask("GET", "experiments/get-by-name", {"experiment_name": f"loop.{LOOP}"}))[
        "experiment"
    ]
    body = {"experiment_ids": [experiment["experiment_id"]], "filter": filter_}
    return (await ask("POST", "runs/search", body)).get("runs", [])


async def test_a_loops_run_is_an_mlflow_run_with_what_it_saw_and_measured(ask, loop_run):
    (run,) = await found(ask, "metrics.rmse < 3 and params.search.trials = '20' and dataset.name = 'rows'")
    assert run["info"]["run_id"] == loop_run
    assert run["info"]["status"] == "FINISHED"
    assert {item["key"]: item["value"] for item in run["data"]["metrics"]} == {"rmse": 2.5}
    params = {item["key"]: item["value"] for item in run["data"]["params"]}
    assert params == {"task": "regression", "search.trials": "20", "search.seed": "7", "features": '["x"]'}
    tags = {item["key"]: item["value"] for item in run["data"]["tags"]}
    assert (tags["millrace.loop"], tags["millrace.loop_run"]) == (LOOP, "3")
    assert [item["path"] for item in (await ask("GET", "artifacts/list", {"run_id": loop_run}))["files"]] == [
        "model.onnx"
    ]


async def test_a_null_character_in_a_runs_json_is_shown_as_an_unknown_one(client, ask):
    """JSON may have one, and a column of PostgreSQL may not: the run is taken, and is MLflow's too."""
    params = {"a\0b": "x\0y", "deep": {"\0": 1}, "list": ["\0"]}
    body = {"key": "nulls", "loop": LOOP, "params": params}
    made = await client.post("/v1/runs", json=body)
    assert made.status_code == 201, made.text
    changed = await client.patch(f"/v1/runs/{made.json()['id']}", json={"metrics": {"m\0": 1.0}})
    assert changed.status_code == 200, changed.text
    assert changed.json()["params"] == params
    (run,) = await found(ask)
    told = {item["key"]: item["value"] for item in run["data"]["params"]}
    assert told == {"a\ufffdb": "x\ufffdy", "deep.\ufffd": "1", "list": '["\\u0000"]'}
    assert {item["key"]: item["value"] for item in run["data"]["metrics"]} == {"m\ufffd": 1.0}


async def test_nobody_writes_a_loops_run_and_the_refusal_says_why(ask, loop_run):
    experiment = (await found(ask))[0]["info"]["experiment_id"]
    of = {"run_id": loop_run}
    for call in (
        ("POST", "runs/log-metric", of | {"key": "rmse", "value": 0, "timestamp": 1}),
        ("POST", "runs/log-batch", of | {"params": [{"key": "a", "value": "b"}]}),
        ("POST", "runs/set-tag", of | {"key": "a", "value": "b"}),
        ("POST", "runs/update", of | {"status": "FAILED"}),
        ("POST", "runs/delete", of),
        ("POST", "runs/log-inputs", of | {"models": []}),
        ("POST", "runs/create", {"experiment_id": experiment}),
        ("POST", "experiments/update", {"experiment_id": experiment, "new_name": "mine"}),
        ("POST", "experiments/delete", {"experiment_id": experiment}),
        ("POST", "experiments/set-experiment-tag", {"experiment_id": experiment, "key": "a", "value": "b"}),
        ("POST", "logged-models", {"experiment_id": experiment, "name": "x"}),
        ("PUT", f"{FILES}/{experiment}/{loop_run}/artifacts/x", None),
    ):
        said = await ask(*call, status=403)
        assert said["error_code"] == "PERMISSION_DENIED"
        assert "gates" in said["message"]
        assert "millrace adopt" in said["message"]
    (run,) = await found(ask)
    assert len(run["data"]["metrics"]) == 1


async def test_a_run_written_by_an_earlier_version_is_copied_and_a_copied_one_is_left(ask, loop_run, app):
    services = app.state.services
    async with services.sessions.begin() as session:
        for table in (MlflowInput, MlflowLatest, MlflowMetric):
            await session.execute(delete(table).where(table.run_id == loop_run))
        await session.execute(delete(MlflowRun).where(MlflowRun.id == loop_run))
    assert await found(ask) == []
    assert await catch_up(services) >= 1
    assert [run["info"]["run_id"] for run in await found(ask)] == [loop_run]
    assert await catch_up(services) == 0


@pytest_asyncio.fixture(loop_scope="session")
async def champion(client, put, project):
    """A loop's model whose second version is champion."""
    await client.put(f"/v1/models/{LOOP}", json={})
    for number in (1, 2):
        digest = await put(graph(doc_string=str(number)))
        made = await client.post(
            f"/v1/models/{LOOP}/versions", json=version({"model.onnx": digest}, f"run-{number}")
        )
        assert made.status_code == 201, made.text
    move = {"version": 2, "expected": None, "reason": "passed its gates"}
    assert (await client.put(f"/v1/models/{LOOP}/aliases/champion", json=move)).status_code == 200
    return f"loop.{LOOP}"


async def test_a_loops_versions_are_registered_models_beside_a_users_own(ask, champion):
    await ask("POST", "registered-models/create", {"name": LOOP})
    listed = (await ask("GET", "registered-models/search", {}))["registered_models"]
    assert [item["name"] for item in listed] == [champion, LOOP]
    assert listed[0]["aliases"] == [{"alias": "champion", "version": "2"}]
    found = (await ask("GET", "registered-models/alias", {"name": champion, "alias": "champion"}))[
        "model_version"
    ]
    assert (found["version"], found["aliases"]) == ("2", ["champion"])
    versions = (await ask("GET", "model-versions/search", {"filter": f"name = '{champion}'"}))[
        "model_versions"
    ]
    assert sorted(item["version"] for item in versions) == ["1", "2"]
    where = (await ask("GET", "model-versions/get-download-uri", {"name": champion, "version": "2"}))[
        "artifact_uri"
    ]
    path = where.removeprefix("mlflow-artifacts:/")
    names = [item["path"] for item in (await ask("GET", FILES, {"path": path}))["files"]]
    assert "model.onnx" in names
    assert (await ask("GET", f"{FILES}/{path}/model.onnx"))[:1] == graph()[:1]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "registered-models/alias", {"alias": "champion", "version": "1"}),
        ("POST", "registered-models/alias", {"alias": "mine", "version": "1"}),
        ("DELETE", "registered-models/alias", {"alias": "champion"}),
        ("POST", "registered-models/rename", {"new_name": "x"}),
        ("PATCH", "registered-models/update", {"description": "x"}),
        ("DELETE", "registered-models/delete", {}),
        ("POST", "registered-models/set-tag", {"key": "a", "value": "b"}),
        ("POST", "model-versions/create", {"source": "models:/m-1"}),
        ("POST", "model-versions/transition-stage", {"version": "1", "stage": "Production"}),
        ("PATCH", "model-versions/update", {"version": "1", "description": "x"}),
        ("DELETE", "model-versions/delete", {"version": "1"}),
        ("POST", "model-versions/set-tag", {"version": "1", "key": "a", "value": "b"}),
        ("DELETE", "model-versions/delete-tag", {"version": "1", "key": "a"}),
    ],
)
async def test_a_champion_moves_by_gates_only(ask, champion, method, path, body):
    said = await ask(method, path, {"name": champion} | body, status=403)
    assert said["error_code"] == "PERMISSION_DENIED"
    assert "by the loop's gates" in said["message"]
    found = await ask("GET", "registered-models/alias", {"name": champion, "alias": "champion"})
    assert found["model_version"]["version"] == "2"


async def test_the_names_of_loops_are_nobody_elses(ask):
    for path in ("experiments/create", "registered-models/create"):
        said = await ask("POST", path, {"name": "loop.mine"}, status=400)
        assert "choose another" in said["message"]
