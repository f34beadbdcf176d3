"""Tensors through training: flattened and scaled in the graph, whose input keeps their shape; watched by statistics."""

from typing import Any

import numpy as np
import onnx
import orjson
import pyarrow as pa
import pytest
from sklearn.datasets import load_digits
from tests.training.conftest import run_evaluate, run_train

from millrace_contracts.signature import Signature
from millrace_stats.profiles import ProfileSpec
from millrace_stats.shaped import STATISTICS, summaries
from millrace_table import tensors
from millrace_training.automl.portfolio import NETS, choices
from millrace_training.features.columns import columns_from_signature
from millrace_training.features.frame import from_rows
from millrace_training.graph.builder import boundary_of
from millrace_training.graph.session import answers, open_session
from millrace_training.runtime.errors import JobError

SMALL = NETS[0] | {"params": NETS[0]["params"] | {"layers": 1, "width": 24}}


def digits(rows: int = 250) -> pa.Table:
    """Small images; every 50th is missing."""
    images, labels = load_digits(return_X_y=True)
    missing = np.arange(rows) % 50 == 49
    cells = tensors.from_numpy(images[:rows].reshape(-1, 8, 8).astype(np.float32), [8, 8], missing)
    return pa.table({"image": cells, "ink": images[:rows].sum(axis=1), "digit": labels[:rows]})


def spec(**change: Any) -> dict[str, Any]:
    return {
        "dataset": "digits",
        "dataset_version": 1,
        "task": "multiclass",
        "target": "digit",
        "folds": 2,
        "search": "refit",
        "configurations": [SMALL],
        "seed": 7,
        "executor": "inline",
    } | change


def test_a_net_of_images_is_a_whole_release_unit(registry, make_context):
    registry.add("digits", 1, digits())
    made = run_train(spec(), make_context())
    signature = Signature.model_validate(made["signature"])
    assert [(item.kind, item.dims) for item in signature.inputs] == [("tensor", [8, 8]), ("number", [1])]
    assert made["parity"]["bad"] == 0
    assert made["metrics"]["holdout"]["accuracy"] > 0.7
    model = onnx.load_from_string(registry.store[made["files"]["model.onnx"]])
    shapes = [[axis.dim_value for axis in item.type.tensor_type.shape.dim][1:] for item in model.graph.input]
    assert shapes == [[8, 8], [1]]
    assert boundary_of(model) == "features"

    columns = columns_from_signature(signature)
    golden = made["golden"]
    count = len(golden["outputs"]["class"])
    rows = [{name: values[row] for name, values in golden["inputs"].items()} for row in range(count)]
    said = answers(open_session(model.SerializeToString()), from_rows(rows, columns))
    np.testing.assert_allclose(said["probabilities"], golden["outputs"]["probabilities"], atol=1e-5)

    baseline = orjson.loads(registry.store[made["baseline"]])
    watched = set(ProfileSpec.from_dict(baseline["profile"]).features)
    assert {f"image.{word}" for word in STATISTICS} | {"ink"} <= watched
    assert "image" not in watched

    told = run_evaluate(
        {
            name: value
            for name, value in spec().items()
            if name in ("dataset", "dataset_version", "task", "target")
        }
        | {"candidate": {name: made[name] for name in ("files", "signature")}},
        make_context("judged"),
    )
    assert {item["column"] for item in told["importance"]} == {"image", "ink"}

    other = digits()
    cells = tensors.from_numpy(tensors.to_numpy(other["image"])[:, :4], [4, 8])
    registry.add("digits", 2, other.set_column(0, "image", cells))
    judged = {name: value for name, value in spec().items() if name in ("dataset", "task", "target")}
    candidate = {"candidate": {name: made[name] for name in ("files", "signature")}}
    with pytest.raises(JobError, match=r"'image' has the shape \[4, 8\], the model takes \[8, 8\]"):
        run_evaluate(judged | candidate | {"dataset_version": 2}, make_context("other"))


def test_trees_take_the_numbers_of_a_tensor_too(registry, make_context):
    registry.add("digits", 1, digits(150))
    trees = {
        "id": "et",
        "family": "extra-trees",
        "params": {"trees": 10, "leaves": 64, "least_rows": 3, "columns": 0.7},
    }
    context = make_context()
    made = run_train(spec(configurations=[trees], folds=2), context)
    context.close()
    assert made["parity"]["bad"] == 0


def test_what_is_searched_by_itself_follows_from_the_columns():
    """Words and times among them: what was searched before there were nets."""
    families = [
        [item["family"] for item in choices(None, kinds)] for kinds in ({"number", "category"}, {"number"})
    ]
    assert "mlp" not in families[0]
    assert families[1][3] == "mlp"
    assert next(iter(choices(None, {"tensor", "category"})))["family"] == "mlp"


def test_statistics_of_a_cell_leave_out_what_is_missing():
    values = np.array([[[3.0, np.nan], [4.0, 5.0]], np.full((2, 2), np.nan)], np.float32)
    told = summaries("x", values)
    assert [round(float(numbers[0]), 4) for numbers in told.values()] == [4.0, 0.8165, 7.0711, 3.0, 5.0]
    assert all(np.isnan(numbers[1]) for numbers in told.values())
    assert [name.partition(".")[2] for name in told] == list(STATISTICS)
