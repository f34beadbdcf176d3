"""Who comes in, to which project, and what a refusal looks like; what a client calls a file leads nowhere else."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import insert

from millrace_core.storage import digest_of
from millrace_registry.mlflow import answers
from millrace_registry.mlflow.files import queries as files
from millrace_registry.mlflow.tables import MlflowFile
from millrace_registry.retention.controller import apply

from ..conftest import token

FILES = "/api/2.0/mlflow-artifacts/artifacts"


async def test_a_refusal_has_mlflows_form_and_says_how_to_mend_it(ask):
    said = await ask("GET", "runs/get", {"run_id": "none"}, status=404)
    assert said["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert "none" in said["message"]
    said = await ask("POST", "runs/search", {"experiment_ids": ["0"], "filter": "x"}, status=400)
    assert said["error_code"] == "INVALID_PARAMETER_VALUE"
    assert "joined by AND" in said["message"]
    said = await ask("POST", "nothing/here", status=404)
    assert set(said) == {"error_code", "message"}


async def test_without_a_token_nothing_is_told_and_a_viewer_writes_nothing(ask):
    said = await ask("POST", "runs/search", {"experiment_ids": ["0"]}, status=401, authorization="")
    assert said["error_code"] == "UNAUTHENTICATED"
    viewer = token("viewer")
    await ask("POST", "experiments/search", {"max_results": 5}, **viewer)
    said = await ask("POST", "experiments/create", {"name": "x"}, status=403, **viewer)
    assert said["error_code"] == "PERMISSION_DENIED"
    assert "registry.mlflow.write" in said["message"]


async def test_a_workspace_is_a_project_and_sees_nothing_of_others(ask, run, project):
    found, experiment = run
    other = f"{project}-b"
    await ask("PUT", f"{FILES}/{experiment}/{found}/artifacts/a.txt", content=b"secret")
    for call in (
        ("GET", "runs/get", {"run_id": found}),
        ("GET", "experiments/get", {"experiment_id": experiment}),
        ("POST", "runs/log-metric", {"run_id": found, "key": "a", "value": 1, "timestamp": 1}),
        ("GET", f"{FILES}/{experiment}/{found}/artifacts/a.txt", None),
        ("GET", "artifacts/list", {"run_id": found}),
        ("GET", "metrics/get-history", {"run_id": found, "metric_key": "a"}),
    ):
        await ask(*call, status=404, workspace=other)
    assert await ask("POST", "runs/search", {"experiment_ids": [experiment]}, workspace=other) == {}
    mine = await ask("GET", "experiments/get-by-name", {"experiment_name": "Default"})
    theirs = await ask("GET", "experiments/get-by-name", {"experiment_name": "Default"}, workspace=other)
    assert mine["experiment"]["experiment_id"] == theirs["experiment"]["experiment_id"] == "0"
    assert (mine["experiment"]["workspace"], theirs["experiment"]["workspace"]) == (project, other)
    names = {item["name"] for item in (await ask("GET", "/api/3.0/mlflow/workspaces"))["workspaces"]}
    assert {project, other} <= names


async def test_a_workspace_that_is_no_name_of_a_project_is_refused(ask):
    said = await ask("GET", "experiments/get", {"experiment_id": "0"}, status=400, workspace="../etc")
    assert said["error_code"] == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    "path", ["..%2f..%2fetc%2fpasswd", "a%2f..%2fb", "a%5cb", "a%00b", "a%2f%2fb", "x" * 501]
)
async def test_a_label_that_could_lead_astray_is_refused(ask, run, path):
    found, experiment = run
    await ask("PUT", f"{FILES}/{experiment}/{found}/artifacts/{path}", content=b"x", status=400)
    assert "files" not in await ask("GET", "artifacts/list", {"run_id": found})


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "1/2/3", "workspaces/a/1/none/artifacts/x", "1/none/artifacts/x"]
)
async def test_a_path_of_nobody_is_not_found(ask, path):
    await ask("GET", f"{FILES}/{path}" if path else f"{FILES}?path=", status=404)


async def test_files_are_kept_as_long_as_a_run_has_them(ask, run, app):
    found, experiment = run
    await ask("PUT", f"{FILES}/{experiment}/{found}/artifacts/keep.bin", content=b"keep me" * 9)
    await ask("PUT", f"{FILES}/{experiment}/{found}/artifacts/drop.bin", content=b"drop me" * 9)
    await ask("DELETE", f"{FILES}/{experiment}/{found}/artifacts/drop.bin")
    gone = (await apply(app.state.services, timedelta(0), dry_run=True)).removed
    assert digest_of(b"drop me" * 9) in gone
    assert digest_of(b"keep me" * 9) not in gone
    assert await ask("GET", f"{FILES}/{experiment}/{found}/artifacts/keep.bin") == b"keep me" * 9


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'"x"', b"\xff", b'{"experiment_ids": 3}', b'{"filter": "a = \'\\u0000\'"}']
)
async def test_a_body_that_is_none_is_4xx(ask, body):
    said = await ask("POST", "runs/search", content=body, status=400, **{"content-type": "application/json"})
    assert said["error_code"] == "INVALID_PARAMETER_VALUE"


async def test_the_same_value_twice_is_one_and_the_last_step_counts(ask, run):
    found, _ = run
    metric = {"run_id": found, "key": "loss", "timestamp": 5}
    for value, step in ((3.0, 2), (9.0, 1), (3.0, 2), (4.0, 2)):
        await ask("POST", "runs/log-metric", metric | {"value": value, "step": step})
    history = (await ask("GET", "metrics/get-history", {"run_id": found, "metric_key": "loss"}))["metrics"]
    assert [item["value"] for item in history] == [9.0, 3.0, 4.0]
    shown = (await ask("GET", "runs/get", {"run_id": found}))["run"]["data"]["metrics"]
    assert [(item["value"], item["step"]) for item in shown] == [(4.0, 2)]


async def test_a_run_measures_no_logged_model_of_another_project(ask, run, project):
    found, other = run[0], f"{project}-b"
    new = await ask("POST", "logged-models", {"experiment_id": "0", "name": "theirs"}, workspace=other)
    theirs = new["model"]["info"]["model_id"]
    said = {"key": "accuracy", "value": 1, "timestamp": 1, "model_id": theirs}
    await ask("POST", "runs/log-metric", said | {"run_id": found}, status=404)
    await ask("POST", "runs/log-batch", {"run_id": found, "metrics": [said]}, status=404)
    shown = await ask("GET", f"logged-models/{theirs}", workspace=other)
    assert "metrics" not in shown["model"]["data"]


async def test_a_listing_is_whole_however_many_files_a_run_has_and_one_too_long_is_refused(
    ask, run, project, app, monkeypatch
):
    found, experiment = run
    names = [f"images/{number:05}.png" for number in range(10_050)] + ["last/of/all.txt"]
    rows = [
        {"owner": f"run:{found}", "path": name, "project": project, "digest": "sha256:0", "size": 3}
        for name in names
    ]
    async with app.state.services.sessions.begin() as session:
        await session.execute(insert(MlflowFile), rows)
    listed = await ask("GET", "artifacts/list", {"run_id": found})
    assert [(item["path"], item["is_dir"]) for item in listed["files"]] == [("images", True), ("last", True)]
    inside = (await ask("GET", "artifacts/list", {"run_id": found, "path": "images"}))["files"]
    assert [item["path"] for item in inside] == names[:-1]
    assert "files" not in await ask("GET", "artifacts/list", {"run_id": found, "path": "images/10049.png"})
    monkeypatch.setattr(files, "MOST", 10_049)
    said = await ask("GET", "artifacts/list", {"run_id": found, "path": "images"}, status=400)
    assert "holds more than 10,049 files and folders" in said["message"]
    assert "files" in await ask("GET", FILES, {"path": f"{experiment}/{found}/artifacts/last"})


async def test_a_page_is_never_longer_than_a_database_takes(ask, run, monkeypatch):
    for path, name in (("runs/search", "runs"), ("experiments/search", "experiments")):
        await ask("POST", path, {"experiment_ids": [run[1]], "max_results": 50_001}, status=400)
        monkeypatch.setattr(answers, "PAGE", 1)
        await ask("POST", "runs/create", {"experiment_id": run[1]})
        first = await ask("POST", path, {"experiment_ids": [run[1]], "max_results": 50_000})
        more = {"experiment_ids": [run[1]], "max_results": 50_000, "page_token": first["next_page_token"]}
        second = await ask("POST", path, more)
        assert len(first[name]) == len(second[name]) == 1
        assert first[name] != second[name]
        monkeypatch.undo()


@pytest.mark.parametrize("history", ["x", "5", "[" * 100_000])
async def test_a_tag_that_is_no_history_is_said_when_a_model_is_logged(ask, run, history):
    found = run[0]
    tag = {"key": "mlflow.log-model.history", "value": history[:5000]}
    await ask("POST", "runs/set-tag", tag | {"run_id": found})
    logged = {"run_id": found, "artifact_path": "a", "flavors": {}}
    body = {"run_id": found, "model_json": json.dumps(logged)}
    said = await ask("POST", "runs/log-model", body, status=400)
    assert "remove the tag" in said["message"]
    await ask("POST", "runs/log-model", body | {"model_json": history}, status=400)


async def test_a_name_of_nothing_is_4xx_whatever_signs_it_has(ask):
    await ask("GET", "logged-models/a%00b", status=404)
    new = await ask("POST", "logged-models", {"experiment_id": "0"})
    await ask("DELETE", f"logged-models/{new['model']['info']['model_id']}/tags/a%00b", status=404)
    await ask("POST", "registered-models/create", {"name": "mine"})
    await ask("POST", "model-versions/create", {"name": "mine", "source": "runs://[x"}, status=400)
