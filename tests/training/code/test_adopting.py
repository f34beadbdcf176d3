"""A graph that was made elsewhere becomes a candidate that is judged like any other, on rows that it has not seen."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.training.automl.test_train import flights
from tests.training.code.test_train import spec
from tests.training.conftest import run_evaluate

from millrace_contracts.learning import TrainSpec
from millrace_training.kinds import train
from millrace_training.runtime.errors import JobError

BEFORE = "2013-02-01T00:00:00-05:00"


def graph(columns=("distance", "seats"), weights=(1 / 7.5, 0.0), fill=True):
    """minutes = distance / 7.5 + 20, of columns by name; *fill*: what is missing is 1,300."""
    nodes, names = [], []
    for number, column in enumerate(columns):
        name = column
        if fill:
            nodes += [helper.make_node("IsNaN", [column], [f"n{number}"])]
            nodes += [helper.make_node("Where", [f"n{number}", "usual", column], [f"f{number}"])]
            name = f"f{number}"
        names.append(name)
    nodes += [
        helper.make_node("Concat", names, ["x"], axis=1),
        helper.make_node("Gemm", ["x", "w", "b"], ["prediction"]),
    ]
    kept = [
        numpy_helper.from_array(np.float32([1300]), "usual"),
        numpy_helper.from_array(np.float32(weights).reshape(-1, 1), "w"),
        numpy_helper.from_array(np.float32([20]), "b"),
    ]
    ins = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1]) for name in columns]
    out = [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["N", 1])]
    made = helper.make_graph(nodes, "g", ins, out, kept)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


@pytest.fixture
def adopt(registry, make_context):
    """The job, from JSON to JSON as it travels."""

    def job(content, through=BEFORE, **change):
        registry.add("flights", 1, flights())
        asked = (
            spec("")
            | {"adopt": {"model": "prices", "version": 3, "digest": registry.put_artifact(content)}}
            | change
        )
        del asked["code"]
        asked["adopt"]["trained_through"] = through
        return train(TrainSpec.model_validate(asked), make_context("job")).model_dump(mode="json")

    return job


def test_it_is_held_to_the_data_and_judged_on_days_that_it_has_not_seen(adopt, make_context):
    made = adopt(graph())
    assert sorted(made["files"]) == ["baseline.json", "holdout.onnx", "model.onnx"]
    assert made["metrics"]["holdout"]["r2"] > 0.8
    assert made["parity"]["bad"] == 0
    assert [item["name"] for item in made["signature"]["inputs"]] == ["distance", "seats"]
    assert made["configuration"]["id"] == "prices/3"
    assert (made["trained_through"], made["holdout_from"]) == (BEFORE, "2013-02-06T00:00:00-05:00")
    assert len(made["golden"]["inputs"]["distance"]) > 1
    asked = spec("") | {"candidate": {"files": made["files"], "signature": made["signature"]}}
    judged = run_evaluate({k: v for k, v in asked.items() if k != "code"}, make_context("evaluate"))
    assert judged["metrics"]["candidate"]["r2"] == pytest.approx(made["metrics"]["holdout"]["r2"])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\x80\x04pickle", "not an ONNX file"),
        (graph(("distance", "price")), "no columns of the data"),
        (graph(fill=False), "with no number"),
        (graph(("features",), (1.0,)), "matrix"),
    ],
)
def test_a_graph_that_does_not_fit_the_data_is_refused_with_the_remedy(adopt, content, why):
    with pytest.raises(JobError) as refused:
        adopt(content)
    assert why in str(refused.value)


def test_a_graph_with_weights_elsewhere_is_refused(adopt):
    model = onnx.ModelProto.FromString(graph())
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    with pytest.raises(JobError, match="another file"):
        adopt(model.SerializeToString())


def test_rows_that_it_may_have_seen_do_not_judge_it(adopt):
    with pytest.raises(JobError, match="cannot be judged"):
        adopt(graph(), through="2013-02-06T00:00:01-05:00")
    assert adopt(graph(), through="2013-02-06T00:00:00-05:00")["parity"]["bad"] == 0
