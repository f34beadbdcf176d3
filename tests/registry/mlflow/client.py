"""What a user of MLflow's client does in a day; run by the client's own Python: `client.py <address>`.

Prints what it saw as JSON. Nothing of Millrace is imported: only MLflow's public functions are called.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

import mlflow
import numpy
import onnx
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature


def graph() -> onnx.ModelProto:
    """A graph that doubles its input."""
    from onnx import TensorProto, helper

    two = helper.make_tensor("two", TensorProto.FLOAT, [1], [2.0])
    node = helper.make_node("Mul", ["x", "two"], ["prediction"])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in ("x", "prediction")]
    made = helper.make_graph([node], "g", ends[:1], ends[1:], [two])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def refused(call) -> str:
    try:
        call()
    except MlflowException as error:
        return f"{error.error_code}: {error.message}"
    return "was let through"


def main(address: str) -> dict:
    mlflow.set_tracking_uri(address)
    client, seen = MlflowClient(), {"version": mlflow.__version__}
    experiment = mlflow.set_experiment("by the client")
    with mlflow.start_run(run_name="first", tags={"kind": "tree"}) as run:
        mlflow.log_params({"depth": 3, "rate": 0.1})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"rmse": 0.5, "odd": float("nan")})
        mlflow.log_text("some words", "notes/a.txt")
        mlflow.log_dict({"a": 1}, "facts.json")
        table = mlflow.data.from_numpy(numpy.arange(6.0).reshape(3, 2), name="little")
        mlflow.log_input(table, context="training")
        example = numpy.array([[1.0], [2.0]], dtype=numpy.float32)
        info = mlflow.onnx.log_model(
            graph(), name="model", signature=infer_signature(example, example * 2),
            pip_requirements=["onnx"], registered_model_name="doubled", save_as_external_data=False,
        )  # fmt: skip
    with mlflow.start_run(run_name="second"):
        mlflow.log_metric("rmse", 0.9)
        with mlflow.start_run(run_name="child", nested=True):
            mlflow.log_metric("rmse", 0.2)
    told = client.get_run(run.info.run_id)
    seen["status"], seen["metrics"] = told.info.status, sorted(told.data.metrics)
    seen["params"], seen["kind"] = told.data.params, told.data.tags["kind"]
    seen["history"] = [item.value for item in client.get_metric_history(run.info.run_id, "loss")]
    seen["inputs"] = [item.dataset.name for item in told.inputs.dataset_inputs]
    seen["files"] = sorted(item.path for item in client.list_artifacts(run.info.run_id))
    seen["text"] = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes/a.txt")
    found = client.search_runs(
        [experiment.experiment_id], "metrics.rmse < 0.6", order_by=["metrics.rmse ASC"]
    )
    seen["found"] = [item.info.run_name for item in found]
    seen["page"] = len(client.search_runs([experiment.experiment_id], max_results=2))
    client.set_registered_model_alias("doubled", "best", "1")
    seen["alias"] = client.get_model_version_by_alias("doubled", "best").version
    client.set_model_version_tag("doubled", "1", "seen", "yes")
    seen["tags"] = client.get_model_version("doubled", "1").tags
    loaded = mlflow.onnx.load_model("models:/doubled@best")
    seen["nodes"] = [node.op_type for node in loaded.graph.node]
    seen["logged"] = mlflow.get_logged_model(info.model_id).status.value
    seen["searched"] = [
        item.name for item in mlflow.search_logged_models([experiment.experiment_id], output_format="list")
    ]
    seen["registered"] = sorted(item.name for item in client.search_registered_models())
    with tempfile.TemporaryDirectory() as folder:
        seen["downloaded"] = Path(
            mlflow.artifacts.download_artifacts(info.model_uri, dst_path=folder)
        ).is_dir()
    seen["loops"] = loops(client)
    return seen


def loops(client: MlflowClient) -> dict:
    """What a loop's runs and versions look like, and that they cannot be written."""
    experiment = client.get_experiment_by_name("loop.sales")
    (run,) = client.search_runs([experiment.experiment_id], "metrics.rmse > 0")
    champion = mlflow.onnx.load_model("models:/loop.sales@champion")
    answer = mlflow.pyfunc.load_model("models:/loop.sales@champion").predict(
        numpy.array([[3.0]], numpy.float32)
    )
    return {
        "run": run.info.run_name,
        "metric": refused(lambda: client.log_metric(run.info.run_id, "rmse", 0.0)),
        "alias": refused(lambda: client.set_registered_model_alias("loop.sales", "champion", "1")),
        "nodes": [node.op_type for node in champion.graph.node],
        "predicted": [float(value) for value in answer["prediction"].ravel()],
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
