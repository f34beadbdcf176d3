"""One session of calls that any server of MLflow's REST API can be put through; what each answered is told as JSON.

Written for Millrace from the API's published description; nothing here is MLflow's own test. Identifiers that the
server chose and instants of its clock are replaced by names, so that the answers of two servers can be compared.
"""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
CLOCK = 1_700_000_000_000
"""What is later than this (milliseconds) came from the server's clock: the session's own instants are earlier."""


@dataclass
class Session:
    """Calls one server and keeps what it answered; *names* are the server's identifiers by the session's own word."""

    client: httpx.Client
    told: list[dict[str, Any]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        keep: dict[str, Callable[[Any], str]] | None = None,
        raw: bytes | None = None,
    ) -> Any:
        """One call, with `{name}` replaced in path and body; *keep*: identifiers to remember of the answer."""
        sent = json.loads(self._filled(json.dumps(body))) if body is not None else None
        where = self._filled(path)
        where = where if where.startswith("/api") else API + where
        options = (
            {"content": raw} if raw is not None else {"params": sent} if method == "GET" else {"json": sent}
        )
        answer = self.client.request(method, where, **options)
        try:
            said = answer.json() if answer.content else {}
        except ValueError:
            said = answer.text
        for name, find in (keep or {}).items():
            self.names[name] = find(said)
        self.told.append(
            {"call": f"{method} {path}", "sent": body, "status": answer.status_code, "answer": said}
        )
        return said

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.call("POST", path, body or {}, **more)

    def get(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.call("GET", path, body, **more)

    def _filled(self, text: str) -> str:
        for name, value in self.names.items():
            text = text.replace("{" + name + "}", value)
        return text

    def comparable(self) -> list[dict[str, Any]]:
        """What was told, with the server's own identifiers and instants replaced."""
        values = sorted(self.names.items(), key=lambda item: -len(item[1]))
        return [item | {"answer": _plain(item["answer"], values)} for item in self.told]


def _plain(value: Any, names: list[tuple[str, str]], key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _plain(part, names, name) for name, part in sorted(value.items())}
    if isinstance(value, list):
        parts = [_plain(part, names, key) for part in value]
        keyed = all(isinstance(part, dict) and ("key" in part or "alias" in part) for part in parts)
        return sorted(parts, key=lambda part: json.dumps(part, sort_keys=True)) if keyed else parts
    if isinstance(value, int) and not isinstance(value, bool) and value > CLOCK:
        return "<now>"
    if not isinstance(value, str):
        return value
    if key == "next_page_token":
        return "<token>"
    for name, known in names:
        if len(known) > 8:
            value = value.replace(known, f"<{name}>")
        elif key in ("experiment_id", "artifact_location", "artifact_uri", "root_uri", "source"):
            value = re.sub(rf"(?<![^/]){known}(?![^/])", f"<{name}>", value)
    return value


def experiments(s: Session) -> None:
    made = {"exp": lambda said: said["experiment_id"]}
    tags = [{"key": "team", "value": "sales"}, {"key": "no te", "value": "it's"}]
    s.post("/experiments/create", {"name": "first", "tags": tags}, keep=made)
    s.post("/experiments/create", {"name": "first"})
    s.post("/experiments/create", {"name": ""})
    s.post("/experiments/create", {})
    s.post("/experiments/create", {"name": "x" * 501})
    s.post("/experiments/create", {"name": "second"}, keep={"exp2": lambda said: said["experiment_id"]})
    s.get("/experiments/get", {"experiment_id": "{exp}"})
    s.get("/experiments/get", {"experiment_id": "0"})
    s.get("/experiments/get", {"experiment_id": "999999"})
    s.get("/experiments/get")
    s.get("/experiments/get-by-name", {"experiment_name": "first"})
    s.get("/experiments/get-by-name", {"experiment_name": "Default"})
    s.get("/experiments/get-by-name", {"experiment_name": "none"})
    s.post("/experiments/set-experiment-tag", {"experiment_id": "{exp}", "key": "team", "value": "ops"})
    s.post("/experiments/set-experiment-tag", {"experiment_id": "{exp}", "key": "more", "value": "1"})
    s.post("/experiments/set-experiment-tag", {"experiment_id": "{exp}", "value": "1"})
    s.post("/experiments/delete-experiment-tag", {"experiment_id": "{exp}", "key": "more"})
    s.post("/experiments/update", {"experiment_id": "{exp2}", "new_name": "second again"})
    s.post("/experiments/update", {"experiment_id": "{exp2}", "new_name": "first"})
    for filter_ in (
        "name = 'first'", "name LIKE 'sec%'", "name ILIKE 'SEC%'", "tags.team = 'ops'", "tags.`no te` = 'it''s'",
        "name != 'first'", "attribute.name = 'first'", "tags.team = 'ops' AND name = 'second again'",
        "creation_time > 0",
        "name =", "nonsense.x = 'a'", "name > 'a'",
    ):  # fmt: skip
        s.post("/experiments/search", {"max_results": 50, "filter": filter_})
    s.post("/experiments/search", {"max_results": 50, "order_by": ["name ASC"]})
    s.post("/experiments/search", {"max_results": 50, "order_by": ["name DESC"]})
    s.post("/experiments/search", {"max_results": 50, "order_by": ["nothing DESC"]})
    s.post("/experiments/search", {"max_results": 0})
    s.get("/experiments/search", {"max_results": 50, "filter": "name = 'first'"})
    s.post("/experiments/delete", {"experiment_id": "{exp2}"})
    s.post("/experiments/delete", {"experiment_id": "999999"})
    s.post("/experiments/search", {"max_results": 50, "view_type": "DELETED_ONLY"})
    s.post("/experiments/search", {"max_results": 50, "view_type": "ALL", "order_by": ["name ASC"]})
    s.post("/runs/create", {"experiment_id": "{exp2}", "start_time": 5})
    s.post("/experiments/restore", {"experiment_id": "{exp2}"})
    s.get("/experiments/get", {"experiment_id": "{exp2}"})


def runs(s: Session) -> None:
    made = {"run": lambda said: said["run"]["info"]["run_id"]}
    new = {"experiment_id": "{exp}", "user_id": "ann", "run_name": "one", "start_time": 1000}
    s.post(
        "/runs/create",
        new | {"tags": [{"key": "mlflow.user", "value": "ann"}, {"key": "kind", "value": "tree"}]},
        keep=made,
    )
    s.post("/runs/create", {"experiment_id": "999999", "start_time": 1})
    s.get("/runs/get", {"run_id": "{run}"})
    s.get("/runs/get", {"run_id": "no"})
    s.get("/runs/get")
    metric = {"run_id": "{run}", "key": "rmse", "value": 1.5, "timestamp": 100, "step": 0}
    s.post("/runs/log-metric", metric)
    s.post("/runs/log-metric", metric)
    s.post("/runs/log-metric", metric | {"value": 1.2, "timestamp": 200, "step": 1})
    s.post("/runs/log-metric", metric | {"value": 9.9, "timestamp": 50, "step": 0})
    s.post("/runs/log-metric", metric | {"key": "bad", "value": "NaN"})
    s.post("/runs/log-metric", metric | {"key": "big", "value": "Infinity"})
    s.post("/runs/log-metric", metric | {"key": "neg", "value": "-Infinity", "step": -3})
    s.post("/runs/log-metric", metric | {"value": "text"})
    s.post("/runs/log-metric", {"run_id": "{run}", "key": "rmse"})
    s.post("/runs/log-metric", metric | {"key": "x" * 251})
    s.get("/metrics/get-history", {"run_id": "{run}", "metric_key": "rmse"})
    s.get("/metrics/get-history", {"run_id": "{run}", "metric_key": "big"})
    s.get("/metrics/get-history", {"run_id": "{run}", "metric_key": "none"})
    s.get("/metrics/get-history", {"run_id": "no", "metric_key": "rmse"})
    s.get("/metrics/get-history", {"run_id": "{run}"})
    s.post("/runs/log-parameter", {"run_id": "{run}", "key": "depth", "value": "3"})
    s.post("/runs/log-parameter", {"run_id": "{run}", "key": "depth", "value": "3"})
    s.post("/runs/log-parameter", {"run_id": "{run}", "key": "depth", "value": "4"})
    s.post("/runs/log-parameter", {"run_id": "{run}", "key": "empty", "value": ""})
    s.post("/runs/set-tag", {"run_id": "{run}", "key": "kind", "value": "forest"})
    s.post("/runs/set-tag", {"run_id": "{run}", "key": "mlflow.note.content", "value": "a note, ü"})
    s.post("/runs/set-tag", {"run_id": "no", "key": "kind", "value": "forest"})
    s.post("/runs/delete-tag", {"run_id": "{run}", "key": "kind"})
    s.post("/runs/delete-tag", {"run_id": "{run}", "key": "kind"})
    s.post("/runs/set-tag", {"run_id": "{run}", "key": "kind", "value": "forest"})
    many = [
        {"key": "loss", "value": 1 / (step + 1), "timestamp": 300 + step, "step": step} for step in range(60)
    ]
    params = [{"key": f"p{number}", "value": str(number)} for number in range(5)]
    s.post(
        "/runs/log-batch",
        {"run_id": "{run}", "metrics": many, "params": params, "tags": [{"key": "t", "value": "1"}]},
    )
    s.post("/runs/log-batch", {"run_id": "{run}", "metrics": many[:1] * 1001})
    s.post(
        "/runs/log-batch",
        {"run_id": "{run}", "params": [{"key": "p0", "value": "other"}, {"key": "new", "value": "1"}]},
    )
    s.post("/runs/log-batch", {"run_id": "{run}"})
    s.get("/metrics/get-history", {"run_id": "{run}", "metric_key": "loss"})
    data = {
        "name": "flights",
        "digest": "abc123",
        "source_type": "local",
        "source": "{}",
        "schema": "{}",
        "profile": "{}",
    }
    context = [{"key": "mlflow.data.context", "value": "training"}]
    s.post("/runs/log-inputs", {"run_id": "{run}", "datasets": [{"tags": context, "dataset": data}]})
    s.post("/runs/log-inputs", {"run_id": "{run}", "datasets": [{"tags": context, "dataset": data}]})
    s.post("/experiments/search-datasets", {"experiment_ids": ["{exp}"]})
    s.get("/runs/get", {"run_id": "{run}"})
    s.post("/runs/update", {"run_id": "{run}", "status": "FINISHED", "end_time": 2000})
    s.post("/runs/update", {"run_id": "{run}", "run_name": "one again"})
    s.get("/runs/get", {"run_id": "{run}"})
    odd = {"experiment_id": "{exp2}", "user_id": "ann", "run_name": "odd", "start_time": 1}
    s.post("/runs/create", odd, keep={"runodd": lambda said: said["run"]["info"]["run_id"]})
    s.post("/runs/log-parameter", {"run_id": "{runodd}", "key": "long", "value": "x" * 6001})
    s.post("/runs/log-inputs", {"run_id": "{runodd}", "datasets": [{"dataset": {"name": "flights"}}]})
    s.post("/runs/update", {"run_id": "{runodd}", "status": "NOTHING"})
    s.get("/runs/get", {"run_id": "{runodd}"})


def searches(s: Session) -> None:
    for number, (name, rmse) in enumerate((("two", 0.9), ("three", 2.5), ("four", None))):
        run = f"run{name}"
        new = {"experiment_id": "{exp}", "user_id": "bob", "run_name": name, "start_time": 3000 + number}
        s.post("/runs/create", new, keep={run: lambda said: said["run"]["info"]["run_id"]})
        metrics = [] if rmse is None else [{"key": "rmse", "value": rmse, "timestamp": 1, "step": 0}]
        params = [{"key": "depth", "value": str(number)}, {"key": "Model Kind", "value": "Tree"}]
        s.post("/runs/log-batch", {"run_id": "{" + run + "}", "metrics": metrics, "params": params})
    for filter_ in (
        "metrics.rmse < 1", "metrics.rmse >= 1.2 and metrics.rmse <= 2.5", "metric.rmse != 2.5", "metrics.bad > 0",
        "params.depth = '1'", "params.depth != '1'", 'params."Model Kind" = \'Tree\'', "param.`Model Kind` LIKE 'T%'",
        "params.`Model Kind` ILIKE 't%'", "params.`Model Kind` LIKE 't%'", "tags.kind = 'forest'", "tags.kind IS NULL",
        "tags.kind IS NOT NULL", "params.empty IS NOT NULL", "attributes.status = 'RUNNING'", "status != 'RUNNING'",
        "attributes.start_time > 3000", "start_time <= 3001 AND user_id = 'bob'", "run_name = 'two'",
        "run_name LIKE '%o'",
        "run_id IN ('{run}', '{runtwo}')", "run_id NOT IN ('{run}')", "tags.mlflow.runName = 'two'",
        "dataset.name = 'flights'",
        "datasets.digest LIKE 'abc%'", "dataset.context = 'training'", "end_time > 100", "attr.user_id = 'ann'",
        "metrics.rmse < 'a'", "params.depth = 1", "params.depth > '1'", "metrics.rmse LIKE 'a'", "foo",
        "metrics.rmse < 1 OR 1 = 1",
        "metrics.rmse < 1 AND", "attributes.nothing = 'a'", "run_id = 'x'; DROP TABLE runs", "tags.`a` = 'it''s'",
        "status = RUNNING",
    ):  # fmt: skip
        s.post("/runs/search", {"experiment_ids": ["{exp}"], "filter": filter_})
    for order in (
        "metrics.rmse ASC",
        "metrics.rmse DESC",
        "params.depth DESC",
        "attributes.start_time ASC",
        "run_name",
        "tags.kind",
        "metrics.rmse down",
    ):
        s.post("/runs/search", {"experiment_ids": ["{exp}"], "order_by": [order]})
    s.post("/runs/search", {"experiment_ids": ["{exp}"], "max_results": 0})
    s.post("/runs/search", {"experiment_ids": ["999999"]})
    s.post("/runs/search", {"experiment_ids": []})
    page = {"experiment_ids": ["{exp}"], "max_results": 3, "order_by": ["start_time ASC"]}
    s.post("/runs/search", page, keep={"token": lambda said: said["next_page_token"]})
    s.post("/runs/search", page | {"page_token": "{token}"})
    s.post("/runs/search", page | {"page_token": "forged"})
    s.post("/runs/delete", {"run_id": "{runfour}"})
    s.post("/runs/delete", {"run_id": "no"})
    s.post("/runs/log-metric", {"run_id": "{runfour}", "key": "a", "value": 1, "timestamp": 1})
    s.post("/runs/search", {"experiment_ids": ["{exp}"], "run_view_type": "DELETED_ONLY"})
    s.post("/runs/search", {"experiment_ids": ["{exp}"], "run_view_type": "ALL", "order_by": ["start_time"]})
    s.get("/runs/get", {"run_id": "{runfour}"})
    s.post("/runs/restore", {"run_id": "{runfour}"})
    s.get("/runs/get", {"run_id": "{runfour}"})


def files(s: Session) -> None:
    root = FILES + "/{exp}/{run}/artifacts"
    s.get("/artifacts/list", {"run_id": "{run}"})
    s.call("PUT", root + "/notes.txt", raw=b"hello")
    s.call("PUT", root + "/model/data/weights.bin", raw=bytes(range(256)))
    s.call("PUT", root + "/model/MLmodel", raw=b"flavors: {}")
    s.call("PUT", root + "/notes.txt", raw=b"hello again")
    s.call("PUT", root + "/a%20b/%C3%BC.txt", raw=b"")
    s.get("/artifacts/list", {"run_id": "{run}"})
    s.get("/artifacts/list", {"run_id": "{run}", "path": "model"})
    s.get("/artifacts/list", {"run_id": "{run}", "path": "model/data"})
    s.get("/artifacts/list", {"run_id": "{run}", "path": "notes.txt"})
    s.get("/artifacts/list", {"run_id": "{run}", "path": "none"})
    s.get("/artifacts/list", {"run_id": "{run}", "path": "../x"})
    s.get("/artifacts/list", {"run_id": "no"})
    s.get(FILES, {"path": "{exp}/{run}/artifacts"})
    s.get(FILES, {"path": "{exp}/{run}/artifacts/model"})
    s.call("GET", root + "/notes.txt")
    s.call("GET", root + "/a%20b/%C3%BC.txt")
    s.call("GET", root + "/none.txt")
    s.call("PUT", root + "/..%2f..%2fx", raw=b"x")
    s.call("DELETE", root + "/model/data")
    s.get("/artifacts/list", {"run_id": "{run}", "path": "model"})
    s.call("DELETE", root + "/notes.txt")
    s.get("/artifacts/list", {"run_id": "{run}"})


def logged_models(s: Session) -> None:
    new = {"experiment_id": "{exp}", "name": "tree", "model_type": "classifier", "source_run_id": "{run}"}
    said = {"params": [{"key": "depth", "value": "3"}], "tags": [{"key": "a", "value": "b"}]}
    s.post("/logged-models", new | said, keep={"model": lambda told: told["model"]["info"]["model_id"]})
    s.post(
        "/logged-models",
        new | {"name": "other"},
        keep={"model2": lambda told: told["model"]["info"]["model_id"]},
    )
    s.post("/logged-models", {"experiment_id": "999999", "name": "x"})
    s.call("PUT", FILES + "/{exp}/models/{model}/artifacts/MLmodel", raw=b"flavors: {}")
    s.call("PUT", FILES + "/{exp}/models/{model}/artifacts/data/model.onnx", raw=b"bytes")
    s.call("PATCH", "/logged-models/{model}", {"model_id": "{model}", "status": "LOGGED_MODEL_READY"})
    s.get("/logged-models/{model}")
    s.get("/logged-models/m-none")
    s.call("PATCH", "/logged-models/{model}/tags", {"tags": [{"key": "stage", "value": "new"}]})
    s.call("DELETE", "/logged-models/{model}/tags/a")
    s.post(
        "/logged-models/{model}/params", {"model_id": "{model}", "params": [{"key": "more", "value": "1"}]}
    )
    s.post("/runs/outputs", {"run_id": "{run}", "models": [{"model_id": "{model}", "step": 3}]})
    s.post("/runs/log-inputs", {"run_id": "{runtwo}", "models": [{"model_id": "{model}"}]})
    of = {"run_id": "{run}", "key": "acc", "value": 0.5, "timestamp": 7, "step": 2, "model_id": "{model}"}
    s.post("/runs/log-metric", of | {"dataset_name": "flights", "dataset_digest": "abc123"})
    s.post("/runs/log-metric", of | {"key": "loss", "timestamp": 300, "step": 0, "value": 1.0})
    s.get("/metrics/get-history", {"run_id": "{run}", "metric_key": "loss"})
    s.get("/logged-models/{model}")
    s.get("/runs/get", {"run_id": "{run}"})
    s.get("/runs/get", {"run_id": "{runtwo}"})
    s.get("/logged-models/{model}/artifacts/directories")
    s.get("/logged-models/{model}/artifacts/directories", {"artifact_directory_path": "data"})
    for filter_ in (
        "name = 'tree'",
        "metrics.acc > 0.4",
        "params.depth = '3'",
        "tags.stage = 'new'",
        "name LIKE 'o%'",
        "status = 'READY'",
        "nothing = 'a'",
    ):
        s.post("/logged-models/search", {"experiment_ids": ["{exp}"], "filter": filter_})
    s.post(
        "/logged-models/search",
        {"experiment_ids": ["{exp}"], "order_by": [{"field_name": "name", "ascending": True}]},
    )
    s.post(
        "/logged-models/search",
        {"experiment_ids": ["{exp}"], "order_by": [{"field_name": "metrics.acc", "ascending": False}]},
    )
    s.call("DELETE", "/logged-models/{model2}")
    s.get("/logged-models/{model2}")


def registry(s: Session) -> None:
    name = "my model"
    s.post(
        "/registered-models/create", {"name": name, "description": "d", "tags": [{"key": "k", "value": "v"}]}
    )
    s.post("/registered-models/create", {"name": name})
    s.post("/registered-models/create", {"name": "a/b"})
    s.post("/registered-models/create", {"name": ""})
    s.post("/registered-models/create", {"name": "other"})
    s.get("/registered-models/get", {"name": name})
    s.get("/registered-models/get", {"name": "none"})
    s.call("PATCH", "/registered-models/update", {"name": name, "description": "better"})
    s.post("/registered-models/rename", {"name": "other", "new_name": "another"})
    s.post("/registered-models/rename", {"name": "another", "new_name": name})
    s.post("/registered-models/set-tag", {"name": name, "key": "team", "value": "sales"})
    s.post("/registered-models/set-tag", {"name": "none", "key": "team", "value": "sales"})
    s.call("DELETE", "/registered-models/delete-tag", {"name": name, "key": "k"})
    of_run = {"name": name, "source": "mlflow-artifacts:/{exp}/{run}/artifacts/model", "run_id": "{run}"}
    s.post("/model-versions/create", of_run | {"tags": [{"key": "v", "value": "1"}], "description": "first"})
    s.post("/model-versions/create", {"name": name, "source": "models:/{model}", "model_id": "{model}"})
    s.post("/model-versions/create", of_run | {"name": "none"})
    s.post("/model-versions/create", {"name": name, "source": "file:///etc"})
    s.post("/model-versions/create", {"name": name})
    s.get("/model-versions/get", {"name": name, "version": "1"})
    s.get("/model-versions/get", {"name": name, "version": "9"})
    s.call("PATCH", "/model-versions/update", {"name": name, "version": "1", "description": "again"})
    s.post("/model-versions/set-tag", {"name": name, "version": "1", "key": "a", "value": "b"})
    s.call("DELETE", "/model-versions/delete-tag", {"name": name, "version": "1", "key": "v"})
    s.get("/model-versions/get-download-uri", {"name": name, "version": "1"})
    s.get("/model-versions/get-download-uri", {"name": name, "version": "2"})
    s.post("/registered-models/alias", {"name": name, "alias": "best", "version": "1"})
    s.post("/registered-models/alias", {"name": name, "alias": "best", "version": "2"})
    s.post("/registered-models/alias", {"name": name, "alias": "old", "version": "1"})
    s.post("/registered-models/alias", {"name": name, "alias": "v1", "version": "1"})
    s.post("/registered-models/alias", {"name": name, "alias": "gone", "version": "9"})
    s.get("/registered-models/alias", {"name": name, "alias": "best"})
    s.get("/registered-models/alias", {"name": name, "alias": "none"})
    s.call("DELETE", "/registered-models/alias", {"name": name, "alias": "old"})
    s.get("/registered-models/get", {"name": name})
    s.post("/model-versions/transition-stage", {"name": name, "version": "1", "stage": "Staging"})
    s.post(
        "/model-versions/transition-stage",
        {"name": name, "version": "2", "stage": "staging", "archive_existing_versions": True},
    )
    s.post("/model-versions/transition-stage", {"name": name, "version": "1", "stage": "Nowhere"})
    s.post("/registered-models/get-latest-versions", {"name": name})
    s.post("/registered-models/get-latest-versions", {"name": name, "stages": ["Staging"]})
    for filter_ in (
        "",
        f"name = '{name}'",
        "name LIKE 'my%'",
        "tags.team = 'sales'",
        "name > 'a'",
        "nothing = 'a'",
    ):
        s.get("/registered-models/search", {"filter": filter_, "max_results": 10})
    s.get("/registered-models/search", {"max_results": 1, "order_by": "name DESC"})
    for filter_ in (
        f"name = '{name}'",
        "run_id = '{run}'",
        f"name = '{name}' and tags.a = 'b'",
        "version_number > 1",
        "source_path LIKE 'models%'",
        "run_id IN ('{run}')",
    ):
        s.get(
            "/model-versions/search", {"filter": filter_, "max_results": 10, "order_by": "version_number ASC"}
        )
    prompt = "tag.`mlflow.prompt.is_prompt` != 'true'"
    s.get("/registered-models/search", {"filter": prompt, "max_results": 10})
    s.get("/registered-models/search", {"filter": f"name LIKE 'my%' AND {prompt}", "max_results": 10})
    s.get(
        "/registered-models/search", {"filter": "tag.`mlflow.prompt.is_prompt` = 'true'", "max_results": 10}
    )
    s.call("DELETE", "/model-versions/delete", {"name": name, "version": "2"})
    s.get("/model-versions/get", {"name": name, "version": "2"})
    s.get("/registered-models/alias", {"name": name, "alias": "best"})
    s.call("DELETE", "/registered-models/delete", {"name": name})
    s.get("/registered-models/get", {"name": name})
    s.call("DELETE", "/registered-models/delete", {"name": name})


PARTS = (experiments, runs, searches, files, logged_models, registry)


def through(client: httpx.Client) -> list[dict[str, Any]]:
    """Put a server, which must be fresh, through the whole session; returns what it told, comparable."""
    session = Session(client)
    for part in PARTS:
        part(session)
    return session.comparable()


if __name__ == "__main__":
    with httpx.Client(base_url=sys.argv[1], timeout=60) as opened:
        print(json.dumps(through(opened), indent=1))
