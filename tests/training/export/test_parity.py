"""The parity gate sees a graph that differs from the trained pipeline, however rare the rows."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from millrace_contracts.signature import Signature
from millrace_stats import tasks
from millrace_training.automl import pipeline
from millrace_training.automl.aims import Aim
from millrace_training.automl.portfolio import NETS, PORTFOLIO
from millrace_training.export import parity, trees
from millrace_training.features.columns import Column
from millrace_training.features.frame import MISSING_TIME, Frame
from millrace_training.graph.builder import SIGNATURE_KEY
from millrace_training.graph.session import answers, open_session, predict
from millrace_training.runtime.errors import JobError

ROWS = 3_000
COLUMNS = [
    Column("size", "size", "number"),
    Column("is it", "is_it", "boolean"),
    Column("kind", "kind", "category"),
    Column("at", "at", "timestamp"),
]
SIGNATURE = Signature(
    inputs=[column.as_input() for column in COLUMNS],
    outputs=[{"name": "prediction", "datatype": "FP32"}],
    task="regression",
    target="y",
)
ENSEMBLE = {
    "id": "mixed",
    "family": "ensemble",
    "members": [
        PORTFOLIO[0] | {"weight": 0.5},
        PORTFOLIO[1] | {"weight": 0.25},
        NETS[0] | {"weight": 0.25},
    ],
}


@pytest.fixture(scope="module")
def data() -> tuple[Frame, np.ndarray]:
    draw = np.random.default_rng(0)
    size = draw.normal(size=ROWS).astype(np.float32)
    at = draw.integers(1_300_000_000, 1_400_000_000, ROWS)
    kind = draw.integers(0, 4, ROWS).astype(np.int32)
    target = 5 * size + kind**2 + (at // 3_600 % 24) / 4.0
    size[::11] = np.nan
    at[::13] = MISSING_TIME
    values = {"size": size, "is it": (size > 0).astype(np.float32), "kind": kind, "at": at}
    return Frame(COLUMNS, values, {"kind": ["", "a", "ż", "東京"]}, ROWS), target


def fitted(configuration, data) -> pipeline.Pipeline:
    frame, target = data
    return pipeline.fit(configuration, frame, target, Aim(tasks.of("regression")), "America/New_York", 7)


@pytest.mark.parametrize("configuration", [*PORTFOLIO, *NETS, ENSEMBLE], ids=lambda item: item["id"])
def test_every_configuration_passes_with_missing_unseen_and_extreme_values(configuration, data):
    frame, target = data
    made = fitted(configuration, data)
    found = parity.gate(made, made.export(SIGNATURE), frame, float(target.std()), 7)
    assert (found.bad, found.largest < 1e-4) == (0, True)
    assert found.rows >= parity.REAL + parity.SYNTHETIC


@pytest.mark.parametrize("configuration", PORTFOLIO, ids=lambda item: item["id"])
def test_numbers_that_are_often_zero_on_both_sides_of_which_there_are_others_pass(configuration):
    """LightGBM splits beside such a zero, and reads the numbers at the very split as zero."""
    draw = np.random.default_rng(7)
    columns = [Column("a", "a", "number"), Column("b", "b", "number")]
    values = {name: (np.round(draw.normal(0, 8, 400)) / 8).astype(np.float32) for name in "ab"}
    target = (values["a"] + values["b"] + draw.normal(0, 0.3, 400) > 0).astype(np.float64)
    frame = Frame(columns, values, {}, 400)
    outputs = [{"name": "probability", "datatype": "FP32"}, {"name": "class", "datatype": "BYTES"}]
    signature = Signature(inputs=[column.as_input() for column in columns], outputs=outputs)
    made = pipeline.fit(configuration, frame, target, Aim(tasks.of("binary"), ("no", "yes")), "UTC", 7)
    found = [parity.compare(made, made.export(signature), frame, 1.0, seed) for seed in range(5)]
    assert [item.bad for item in found] == [0] * 5


KINDS = Aim(tasks.of("multiclass"), ("żółć", "b", "c", "d"))
MANY = Signature(
    inputs=SIGNATURE.inputs,
    outputs=[
        {"name": "probabilities", "datatype": "FP32", "width": 4},
        {"name": "class", "datatype": "BYTES"},
    ],
)


@pytest.fixture(scope="module")
def classes(data) -> np.ndarray:
    """Four classes, the last of one row only."""
    _, target = data
    made = np.digitize(target, np.quantile(target, [0.3, 0.8])).astype(float)
    made[17] = 3
    return made


@pytest.mark.parametrize("configuration", [*PORTFOLIO, *NETS, ENSEMBLE], ids=lambda item: item["id"])
def test_many_classes_pass_in_their_probabilities_and_in_the_class_that_is_named(
    configuration, data, classes
):
    frame, _ = data
    made = pipeline.fit(configuration, frame, classes, KINDS, "America/New_York", 7)
    graph = made.export(MANY)
    found = parity.gate(made, graph, frame, 1.0, 7)
    assert (found.bad, found.largest < 1e-4) == (0, True)
    session = open_session(graph)
    assert [(item.name, item.shape[1]) for item in session.get_outputs()] == [
        ("probabilities", 4),
        ("class", 1),
    ]
    told = answers(session, frame)
    np.testing.assert_allclose(told["probabilities"].sum(axis=1), 1, atol=1e-5)
    assert np.mean(told["class"] == np.array(KINDS.classes)[classes.astype(int)]) > 0.6


def test_a_class_that_is_named_wrongly_turns_the_gate_red(data, classes):
    frame, _ = data
    made = pipeline.fit(PORTFOLIO[1], frame, classes, KINDS, "America/New_York", 7)
    model = onnx.load_from_string(made.export(MANY))
    names = next(item for item in model.graph.initializer if list(item.string_data))
    names.string_data[0], names.string_data[1] = names.string_data[1], names.string_data[0]
    with pytest.raises(JobError, match="rows differently"):
        parity.gate(made, model.SerializeToString(), frame, 1.0, 7)


def test_a_word_that_means_missing_is_no_difference(data):
    frame, target = data
    marked = [
        replace(column, marks=("NaN", "NA")) if column.kind == "category" else column for column in COLUMNS
    ]
    told = Frame(marked, frame.values, frame.words, frame.rows), target + 100 * (frame.values["kind"] == 0)
    trained = fitted(PORTFOLIO[1], told)
    scale = float(told[1].std())
    assert parity.compare(trained, trained.export(SIGNATURE), told[0], scale, 3).bad == 0


def test_a_threshold_rounded_to_nearest_turns_the_gate_red(data, monkeypatch):
    frame, target = data
    made = fitted(PORTFOLIO[0], data)
    monkeypatch.setattr(trees, "to_float32", lambda thresholds: thresholds.astype(np.float32))
    found = parity.compare(made, made.export(SIGNATURE), frame, float(target.std()), 7)
    assert 0 < found.bad < found.rows / 10
    with pytest.raises(JobError, match="rows differently"):
        parity.gate(made, made.export(SIGNATURE), frame, float(target.std()), 7)


def test_a_lost_word_turns_the_gate_red(data):
    frame, target = data
    made = fitted(PORTFOLIO[0], data)
    model = onnx.load_from_string(made.export(SIGNATURE))
    encoder = next(node for node in model.graph.node if node.op_type == "LabelEncoder")
    floats = next(item for item in encoder.attribute if item.name == "values_floats")
    floats.floats[0] += 50
    with pytest.raises(JobError):
        parity.gate(made, model.SerializeToString(), frame, float(target.std()), 7)


def test_a_graph_that_answers_nan_turns_the_gate_red(data):
    frame, target = data
    made = fitted(PORTFOLIO[1], data)
    model = onnx.load_from_string(made.export(SIGNATURE))
    graph = onnx.load_from_string(made.export(SIGNATURE)).graph
    last = model.graph.node[-1]
    model.graph.node.insert(len(graph.node) - 1, onnx.helper.make_node("Log", [last.input[0]], ["/log"]))
    last.input[0] = "/log"
    found = parity.compare(made, model.SerializeToString(), frame, float(target.std()), 7)
    assert found.bad > 0
    assert found.largest == np.inf


def test_the_graph_is_one_file_of_standard_operators_and_says_what_it_takes(data):
    graph = fitted(ENSEMBLE, data).export(SIGNATURE)
    model = onnx.load_from_string(graph)
    assert {(item.domain, item.version) for item in model.opset_import} == {("", 17), ("ai.onnx.ml", 3)}
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx.ml"}
    assert not any(item.external_data for item in model.graph.initializer)
    assert (model.producer_name, model.doc_string, model.graph.doc_string) == ("", "", "")
    assert [item.key for item in model.metadata_props] == [SIGNATURE_KEY]
    session = open_session(graph)
    assert {item.name: (item.type, item.shape[1]) for item in session.get_inputs()} == {
        "size": ("tensor(float)", 1),
        "is_it": ("tensor(float)", 1),
        "kind": ("tensor(string)", 1),
        "at": ("tensor(int64)", 1),
    }
    assert [(item.name, item.shape[1]) for item in session.get_outputs()] == [("prediction", 1)]


def test_the_same_rows_and_seed_give_the_same_bytes(data):
    assert fitted(ENSEMBLE, data).export(SIGNATURE) == fitted(ENSEMBLE, data).export(SIGNATURE)


def test_batches_of_any_size_give_the_same_answers(data):
    frame, _ = data
    session = open_session(fitted(ENSEMBLE, data).export(SIGNATURE))
    few = frame.take(np.arange(70))
    whole = predict(session, few)
    for batch in (1, 7, 64):
        np.testing.assert_allclose(predict(session, few, batch), whole, rtol=1e-6)
    assert predict(session, frame.take(np.arange(0))).shape == (0,)
