"""The file MLmodel of a loop's version, with which MLflow's clients load the graph: written when it is asked for."""

import json

from millrace_contracts.models import ModelVersionRead
from millrace_contracts.signature import Input, Output

NAME = "MLmodel"
GRAPH = "model.onnx"
DTYPES = {"FP32": "float32", "FP64": "float64", "INT64": "int64", "BYTES": "str"}


def text(version: ModelVersionRead) -> bytes | None:
    """JSON, which is YAML too; None for a version without a graph of the base form."""
    if GRAPH not in version.files.by_name():
        return None
    signature = {
        "inputs": json.dumps([_tensor(item, item.dims) for item in version.signature.inputs]),
        "outputs": json.dumps([_tensor(item, [item.values()]) for item in version.signature.outputs]),
    }
    flavors = {
        "onnx": {"data": GRAPH, "providers": ["CPUExecutionProvider"]},
        "python_function": {"loader_module": "mlflow.onnx", "data": GRAPH},
    }
    told = {
        "flavors": flavors,
        "signature": signature,
        "run_id": version.lineage.run,
        "utc_time_created": version.created_at.strftime("%Y-%m-%d %H:%M:%S.%f"),
        "metadata": {
            "millrace": {"model": version.model, "version": version.number, "digest": version.digest}
        },
    }
    return json.dumps(told, indent=1).encode()


def _tensor(item: Input | Output, dims: list[int]) -> dict[str, object]:
    return {
        "name": item.name,
        "type": "tensor",
        "tensor-spec": {"dtype": DTYPES[item.datatype], "shape": [-1, *dims]},
    }
