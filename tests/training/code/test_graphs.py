"""A graph that is handed over is only a model, fits the columns, and answers as its model did; else it is refused."""

import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import TensorProto, helper, numpy_helper

from millrace_contracts.custom_code import CodeExport, CodeSpec
from millrace_contracts.learning import TrainSpec
from millrace_stats import tasks
from millrace_training.automl.aims import Aim
from millrace_training.automl.fitting import Workplace
from millrace_training.automl.plan import Plan
from millrace_training.automl.table import load
from millrace_training.code import laying
from millrace_training.code.accepting import accept
from millrace_training.rows.records import Records
from millrace_training.runtime.errors import JobError

ROWS = 300


@pytest.fixture(params=["regression", "binary", "multiclass"])
def task(request):
    return request.param


@pytest.fixture
def laid(task, registry, make_context):
    """A training of that task: its plan, and its rows as the code sees them."""
    draw = np.random.default_rng(1)
    gap = np.where(draw.random(ROWS) < 0.1, np.nan, draw.normal(size=ROWS))
    target = {
        "regression": draw.normal(5, 2, ROWS),
        "binary": [["no", "yes"][place] for place in draw.integers(0, 2, ROWS)],
        "multiclass": [["a", "b", "c"][place] for place in draw.integers(0, 3, ROWS)],
    }[task]
    columns = {
        "size": draw.normal(size=ROWS),
        "gap": pa.array(gap, from_pandas=True),
        "kind": [["x", "y"][place] for place in draw.integers(0, 2, ROWS)],
        "target": target,
    }
    registry.add("table", 1, pa.table(columns))
    code = CodeSpec(digest=f"sha256:{'0' * 64}")
    spec = TrainSpec(dataset="table", dataset_version=1, task=task, target="target", code=code)
    context = make_context()
    table = load(Records(context), spec)
    plan = Plan(spec, context, table, Aim(tasks.of(task), table.classes), Workplace(context.scratch))
    return plan, laying.rows_of(plan, np.arange(ROWS))


def graph(width, wide=1, name="x", after=(), batch="N", opset=17, domain="", bias=0.25):
    """A layer of *width* to *wide*, and its weights."""
    weights = {
        "w": np.random.default_rng(2).normal(size=(width, wide)).astype(np.float32),
        "b": np.full(wide, bias, np.float32),
    }
    names = ["y", *(f"y{number}" for number in range(1, len(after) + 1))]
    nodes = [helper.make_node("Gemm", [name, "w", "b"], ["y"], domain=domain)]
    nodes += [
        helper.make_node(kind, [given], [made])
        for kind, given, made in zip(after, names, names[1:], strict=False)
    ]
    made = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, width])],
        [helper.make_tensor_value_info(names[-1], TensorProto.FLOAT, [batch, wide])],
        [numpy_helper.from_array(value, key) for key, value in weights.items()],
    )
    opsets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(made, opset_imports=opsets, ir_version=8), weights


def handed(answers, logits=False):
    return CodeExport(file="exported.onnx", answers=np.asarray(answers, float).tolist(), logits=logits)


def test_a_layer_over_the_matrix_becomes_a_whole_graph(task, laid):
    plan, rows = laid
    wide = {"regression": 1, "binary": 2, "multiclass": 3}[task]
    model, weights = graph(rows.matrix.shape[1], wide)
    raw = rows.matrix @ weights["w"] + weights["b"]
    accepted = accept(model.SerializeToString(), handed(raw, logits=True), plan, rows)
    assert accepted.parity["bad"] == 0
    whole = onnx.load_from_string(accepted.graph)
    assert [item.name for item in whole.graph.input] == ["size", "gap", "kind"]
    assert [item.name for item in whole.graph.output] == [item.name for item in plan.signature.outputs]


def test_answers_that_the_graph_does_not_give_are_refused_with_the_rows(laid):
    plan, rows = laid
    wide = 1 if plan.spec.task == "regression" else len(plan.table.classes)
    model, weights = graph(rows.matrix.shape[1], wide)
    raw = rows.matrix @ weights["w"] + weights["b"]
    raw[7] += 5
    with pytest.raises(JobError, match="1 differ") as caught:
        accept(model.SerializeToString(), handed(raw, logits=True), plan, rows)
    assert "row 7" in caught.value.detail
    assert "evaluation mode" in caught.value.mend


@pytest.mark.parametrize("task", ["binary", "multiclass"], indirect=True)
def test_logits_that_are_not_told_are_refused(laid):
    plan, rows = laid
    model, weights = graph(rows.matrix.shape[1], len(plan.table.classes), bias=4)
    with pytest.raises(JobError, match="no probabilities") as caught:
        accept(model.SerializeToString(), handed(rows.matrix @ weights["w"] + weights["b"]), plan, rows)
    assert "logits=True" in caught.value.mend


def outside(model):
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    return model


BAD = {
    "no file of ONNX": (lambda width: b"a pickle", "not an ONNX file"),
    "another width": (lambda width: graph(width + 1)[0], "the matrix has"),
    "an unknown column": (lambda width: two_inputs(), "'colour' are no columns"),
    "a number as a text": (lambda width: graph(1, name="kind")[0], "BYTES"),
    "missing values": (lambda width: graph(1, name="gap")[0], "with no number, of which one has no gap"),
    "one row at a time": (lambda width: graph(width, batch=1)[0], "any number of rows"),
    "too wide an answer": (lambda width: graph(width, 4)[0], "answers with 4 numbers"),
    "an old operator set": (lambda width: graph(width, opset=9)[0], "operator set 9"),
    "operators of one's own": (lambda width: graph(width, domain="my.own")[0], "my.own"),
    "weights elsewhere": (lambda width: outside(graph(width)[0]), "another file"),
    "rows that depend on each other": (lambda width: together(width), "asked about together"),
}


def two_inputs():
    model, _ = graph(1, name="size")
    model.graph.input.append(helper.make_tensor_value_info("colour", TensorProto.FLOAT, ["N", 1]))
    return model


def together(width):
    """Answers less their mean over the rows that were asked about."""
    model, _ = graph(width)
    model.graph.node.append(helper.make_node("ReduceMean", ["y"], ["mean"], axes=[0], keepdims=1))
    model.graph.node.append(helper.make_node("Sub", ["y", "mean"], ["less"]))
    model.graph.output[0].name = "less"
    return model


@pytest.mark.parametrize("task", ["regression"], indirect=True)
@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_served_is_refused_with_what_is_wrong(laid, kind):
    plan, rows = laid
    make, says = BAD[kind]
    model = make(rows.matrix.shape[1])
    content = model if isinstance(model, bytes) else model.SerializeToString()
    given = rows.matrix @ graph(rows.matrix.shape[1])[1]["w"] + 0.25
    given -= given.mean() if kind.startswith("rows") else 0
    with pytest.raises(JobError) as caught:
        accept(content, handed(given), plan, rows)
    assert says in caught.value.detail
    assert caught.value.mend
