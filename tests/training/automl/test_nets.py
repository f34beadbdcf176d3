"""The family of neural nets: it learns what lines cannot, stops in time, and its graph says where its features end."""

import numpy as np
import onnx
import pytest

from millrace_contracts.signature import Signature
from millrace_stats import tasks
from millrace_training.automl import nets, pipeline, portfolio
from millrace_training.automl.aims import Aim
from millrace_training.automl.portfolio import NETS, PORTFOLIO
from millrace_training.features.columns import Column
from millrace_training.features.frame import Frame
from millrace_training.graph.builder import boundary_of
from millrace_training.graph.session import open_session, predict

ROWS = 1_200
SMALL = NETS[0] | {"params": NETS[0]["params"] | {"width": 32}}


def corners(classes: int, names: str = "ab", rows: int = ROWS) -> tuple[Frame, np.ndarray]:
    """Points in the plane whose class is told by an angle that no line finds."""
    draw = np.random.default_rng(3)
    points = draw.uniform(-1, 1, (rows, 2)).astype(np.float32)
    angle = np.arctan2(points[:, 1], points[:, 0]) / np.pi + 1
    columns = [Column(name, name, "number") for name in names.split() or names]
    columns = columns if len(columns) == 2 else [Column(name, name, "number") for name in names]
    values = {column.name: points[:, place] for place, column in enumerate(columns)}
    return Frame(columns, values, {}, rows), np.floor(angle * 4 % classes)


def fitted(configuration, frame, target, task: str, classes: tuple = (), seed: int = 7) -> pipeline.Pipeline:
    return pipeline.fit(configuration, frame, target, Aim(tasks.of(task), classes), "UTC", seed)


def signature(frame: Frame, task: str, classes: tuple = ()) -> Signature:
    outputs = [
        {"name": item.name, "datatype": item.datatype, "width": None if item.width == 1 else item.width}
        for item in tasks.of(task).outputs(classes)
    ]
    inputs = [column.as_input() for column in frame.columns]
    return Signature.model_validate(
        {"inputs": inputs, "outputs": outputs, "task": task, "target": "y", "classes": list(classes) or None}
    )


@pytest.mark.parametrize(("task", "classes"), [("binary", (0, 1)), ("multiclass", ("p", "q", "r"))])
def test_a_net_tells_classes_apart_that_lines_cannot(task, classes):
    frame, target = corners(len(classes))
    half, rest = np.arange(ROWS // 2), np.arange(ROWS // 2, ROWS)
    losses = {}
    for item in (SMALL, PORTFOLIO[1]):
        made = fitted(item, frame.take(half), target[half], task, classes)
        losses[item["family"]] = tasks.of(task).losses(target[rest], made.predict(frame.take(rest))).mean()
    assert losses["mlp"] < 0.6 * losses["linear"]


def test_a_regression_is_answered_in_the_targets_own_unit():
    frame, _ = corners(2)
    target = 1_000_000 + 5_000 * frame.values["a"].astype(np.float64) * frame.values["b"]
    made = fitted(SMALL, frame, target, "regression")
    assert np.abs(made.predict(frame) - target).std() < 0.3 * target.std()


def test_the_same_seed_gives_the_same_graph_and_another_one_another():
    frame, target = corners(2, rows=200)
    said = signature(frame, "binary", (0, 1))
    graphs = [fitted(SMALL, frame, target, "binary", (0, 1), seed).export(said) for seed in (1, 1, 2)]
    assert graphs[0] == graphs[1] != graphs[2]


@pytest.mark.parametrize(("names", "called"), [("a b", "features"), ("features b", "/features")])
def test_the_graph_of_one_net_says_where_its_features_end_whatever_the_columns_are_called(names, called):
    """Forms for a target are made of what lies behind that tensor."""
    frame, target = corners(2, names)
    made = fitted(SMALL, frame, target, "binary", (0, 1))
    graph = made.export(signature(frame, "binary", (0, 1)))
    model = onnx.load_from_string(graph)
    assert boundary_of(model) == called
    behind = [node.op_type for node in model.graph.node][
        [called in node.output for node in model.graph.node].index(True) + 1 :
    ]
    assert behind[:6] == ["Gemm", "Relu", "Gemm", "Relu", "Gemm", "Sigmoid"]
    np.testing.assert_allclose(predict(open_session(graph), frame), made.predict(frame), atol=1e-5)


def test_neither_trees_nor_an_ensemble_have_such_a_tensor():
    frame, target = corners(2, rows=200)
    both = {
        "id": "x",
        "family": "ensemble",
        "members": [SMALL | {"weight": 0.5}, PORTFOLIO[1] | {"weight": 0.5}],
    }
    for item in (both, PORTFOLIO[1]):
        graph = fitted(item, frame, target, "binary", (0, 1)).export(signature(frame, "binary", (0, 1)))
        assert boundary_of(onnx.load_from_string(graph)) is None


def test_a_class_of_one_row_and_one_of_none_break_nothing():
    frame, target = corners(2, rows=120)
    target[target == 1] = 2
    target[:1] = 1
    made = fitted(SMALL, frame, target, "multiclass", ("p", "q", "r", "never"))
    answers = made.predict(frame)
    assert answers.shape == (120, 4)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)
    assert (answers[:, 3] < 1e-5).all()


def test_training_stops_when_rows_that_it_does_not_see_get_worse(monkeypatch):
    """Labels that say nothing: the best epoch is an early one."""
    frame, target = corners(2)
    noise = np.random.default_rng(0).permutation(target)
    asked = []
    real = nets._slow_down
    monkeypatch.setattr(nets, "_slow_down", lambda *given: (asked.append(given[2]), real(*given)))
    fitted(SMALL, frame, noise, "binary", (0, 1))
    assert len(asked) < nets.EPOCHS


def test_a_search_is_held_to_the_families_that_are_asked_for():
    assert {item["family"] for item in portfolio.choices(["mlp", "linear"], {"number"})} == {"mlp", "linear"}
    assert portfolio.start(portfolio.choices(["mlp"], {"number"}), 12) == NETS
