"""MLflow's API on a real platform: a loop's champion is seen there, and a graph logged there is judged by the gates."""

from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from millrace.delivery import push
from millrace_contracts.loop import ModelLoop

from .conftest import document

pytestmark = [pytest.mark.loop, pytest.mark.slow, pytest.mark.timeout(900)]
LOOP = "prices"
API = "/api/2.0/mlflow"
DAYS, A_DAY = 60, 30


def graph(slope):
    """price = slope * size + 5."""
    weights = [
        numpy_helper.from_array(np.float32([[slope]]), "w"),
        numpy_helper.from_array(np.float32([5]), "b"),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1]) for name in ("size", "prediction")
    ]
    nodes = [helper.make_node("Gemm", ["size", "w", "b"], ["prediction"])]
    made = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8).SerializeToString()


@pytest.fixture(scope="module")
def mlflow(client):
    """Calls of MLflow's API, as its client sends them."""
    head = {"authorization": f"Bearer {client.token}", "x-mlflow-workspace": "default"}
    with httpx.Client(base_url=client.urls["registry"], headers=head, timeout=60) as opened:

        def ask(method, path, body=None, content=None):
            where = path if path.startswith("/") else f"{API}/{path}"
            sent = (
                {"content": content} if content else {"params": body} if method == "GET" else {"json": body}
            )
            answer = opened.request(method, where, **sent)
            assert answer.status_code == 200, answer.text
            return answer.json()

        yield ask


@pytest.fixture(scope="module")
def registered(mlflow):
    """Two versions of a user's model: the first is right, the second is not."""
    run = mlflow("POST", "runs/create", {"experiment_id": "0", "start_time": 1})["run"]["info"]
    mlflow("POST", "registered-models/create", {"name": LOOP})
    root = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    for name, slope in (("right", 3.0), ("wrong", -3.0)):
        place = f"/api/2.0/mlflow-artifacts/artifacts/{root}/{name}"
        mlflow("PUT", f"{place}/MLmodel", content=b"flavors: {onnx: {data: model.onnx}}")
        mlflow("PUT", f"{place}/model.onnx", content=graph(slope))
        source = {"name": LOOP, "source": f"runs:/{run['run_id']}/{name}", "run_id": run["run_id"]}
        mlflow("POST", "model-versions/create", source)
    return LOOP


@pytest.fixture(scope="module")
def first(client, tmp_path_factory):
    """A loop with event time and its first champion."""
    draw, begin = np.random.default_rng(1), datetime(2024, 1, 1, tzinfo=UTC)
    file = tmp_path_factory.mktemp("prices") / "prices.csv"
    lines = ["at,size,price"]
    for number in range(DAYS * A_DAY):
        size = draw.uniform(1, 50)
        at = begin + timedelta(minutes=48 * number)
        lines.append(f"{at.isoformat()},{size:.3f},{3 * size + 5 + draw.normal(0, 1):.3f}")
    file.write_text("\n".join(lines))
    spec = {
        "task": "regression",
        "target": "price",
        "data": {"dataset": LOOP, "eventTime": "at", "labelDelay": "0s"},
        "training": {
            "search": {"trials": 1, "families": ["linear"]},
            "executor": "inline",
            "holdout": "14d",
            "variants": ["none"],
        },
        "gates": {"champion": {"margin": 1, "minimumDays": 5}},
    }
    client.controller.apply(ModelLoop.model_validate(document(LOOP, **spec)))
    assert push(client, LOOP, file).accepted
    run = client.controller.await_run(LOOP, 1, timeout=300)
    assert run.state == "promoted", run
    return client


def champion(mlflow):
    return mlflow("GET", "registered-models/alias", {"name": f"loop.{LOOP}", "alias": "champion"})[
        "model_version"
    ]


def test_a_graph_of_a_users_own_becomes_champion_by_the_gates_alone(first, mlflow, registered, millrace):
    assert champion(mlflow)["version"] == "1"
    told = millrace(
        "adopt", LOOP, "--model", registered, "--version", 1, "--trained-through", "2024-02-10T00:00:00Z"
    )
    assert "Run 2 is opened" in told
    run = first.controller.await_run(LOOP, 2, timeout=300)
    assert run.state == "promoted", run
    assert champion(mlflow)["version"] == "2"
    kept = first.registry.version(LOOP, 2)
    assert kept.lineage.trained_through == datetime(2024, 2, 10, tzinfo=UTC)
    served = onnx.load_from_string(first.registry.get_artifact(kept.files.by_name()["model.onnx"]))
    assert any(node.op_type == "Gemm" for node in served.graph.node)
    answer = first.serving.predict(LOOP, [{"size": 10.0}])
    assert answer.predictions[0] == pytest.approx(35, abs=0.01)


def test_a_graph_that_is_worse_is_rejected_and_the_champion_stays(first, mlflow, registered, millrace):
    millrace(
        "adopt", LOOP, "--model", registered, "--version", 2, "--trained-through", "2024-02-10T00:00:00Z"
    )
    run = first.controller.await_run(LOOP, 3, timeout=300)
    assert run.state == "rejected", run
    assert champion(mlflow)["version"] == "2"


def test_the_loops_runs_are_mlflows_and_tell_what_was_adopted(first, mlflow, registered):
    experiment = mlflow("GET", "experiments/get-by-name", {"experiment_name": f"loop.{LOOP}"})["experiment"]
    body = {"experiment_ids": [experiment["experiment_id"]], "order_by": ["start_time ASC"]}
    runs = mlflow("POST", "runs/search", body)["runs"]
    assert [run["info"]["run_name"] for run in runs] == [f"{LOOP}-{number}" for number in (1, 2, 3)]
    params = {item["key"]: item["value"] for item in runs[1]["data"]["params"]}
    assert (params["adopt.model"], params["adopt.version"]) == (registered, "1")
    assert {item["key"] for item in runs[1]["data"]["metrics"]} >= {"rmse", "r2"}


def test_rows_that_the_model_has_seen_do_not_judge_it(first, registered, millrace):
    millrace(
        "adopt", LOOP, "--model", registered, "--version", 1, "--trained-through", "2024-02-25T00:00:00Z"
    )
    run = first.controller.await_run(LOOP, 4, timeout=300)
    assert run.state == "failed", run
    assert "has seen events up to" in run.message
