"""Tree models of every library answer alike in ONNX on every float32 row, also beside their thresholds."""

import numpy as np
import pytest

from millrace_contracts.signature import Signature
from millrace_stats import tasks
from millrace_training.automl import estimators
from millrace_training.automl.aims import Aim
from millrace_training.automl.portfolio import PORTFOLIO
from millrace_training.export import boosters, trees
from millrace_training.features.columns import Column
from millrace_training.graph.builder import Graph
from millrace_training.graph.session import open_session

WIDTH, ROWS = 4, 1_500
TREES = [item for item in PORTFOLIO if item["id"] in ("lgb-b", "xgb-a", "hgb", "et")]


@pytest.fixture(scope="module")
def matrix() -> np.ndarray:
    draw = np.random.default_rng(3)
    made = np.round(draw.normal(size=(ROWS, WIDTH)) * 10, 2).astype(np.float32)
    made[draw.random(made.shape) < 0.1] = np.nan
    made[:, 3] = np.abs(np.nan_to_num(made[:, 3]))
    return made


NUMBER, BINARY = Aim(tasks.of("regression")), Aim(tasks.of("binary"), (0, 1))
MANY, PAIR = Aim(tasks.of("multiclass"), tuple("abcde")), Aim(tasks.of("multiclass"), tuple("abc"))


def onnx_answers(estimator: estimators.Estimator, aim: Aim, rows: np.ndarray) -> np.ndarray:
    graph = Graph()
    output = estimator.emit(graph, graph.concat([f"x{place}" for place in range(WIDTH)]))
    inputs = [Column(f"x{place}", f"x{place}", "number").as_input() for place in range(WIDTH)]
    outputs = [{"name": "answer", "datatype": "FP32", "width": aim.width}]
    session = open_session(graph.model({"answer": output}, Signature(inputs=inputs, outputs=outputs)))
    found = session.run(None, {f"x{place}": rows[:, place : place + 1] for place in range(WIDTH)})[0]
    return found[:, 0] if aim.width == 1 else found


def beside_thresholds(forest: trees.Forest, matrix: np.ndarray, finite: bool) -> np.ndarray:
    """Rows with one cell at, just above or just below a threshold; NaN and infinities where they are allowed."""
    draw = np.random.default_rng(4)
    rows = matrix[draw.integers(0, len(matrix), 4_000)].copy()
    thresholds = [forest.thresholds(feature) for feature in range(WIDTH)]
    for row in rows:
        feature = draw.integers(WIDTH)
        at = np.float32(draw.choice(thresholds[feature]))
        beside = [at, np.nextafter(at, np.float32(np.inf)), np.nextafter(at, np.float32(-np.inf))]
        row[feature] = draw.choice(beside if finite else [*beside, np.nan, np.inf, -np.inf])
    return np.nan_to_num(rows) if finite else rows


def target_of(aim: Aim, matrix: np.ndarray) -> np.ndarray:
    """Numbers, or classes of which the last of five never comes up, and of three the middle one."""
    known = np.nan_to_num(matrix)
    target = known[:, 0] * 3 + np.abs(known[:, 1]) + (known[:, 2] > 0.333) * 20
    if aim is NUMBER:
        return target
    if aim is MANY:
        return np.digitize(target, np.quantile(target, [0.2, 0.5, 0.9])).astype(float)
    return (target > np.median(target)) * (1.0 if aim is BINARY else 2.0)


@pytest.mark.parametrize("aim", [NUMBER, BINARY, MANY, PAIR], ids=["number", "two", "many", "two of three"])
@pytest.mark.parametrize("configuration", TREES, ids=lambda item: item["id"])
def test_no_row_differs(configuration, aim, matrix):
    known, target = np.nan_to_num(matrix), target_of(aim, matrix)
    finite = estimators.STYLES[configuration["family"]] == "filled"
    params = configuration["params"] | {"rounds": 40, "trees": 15}
    params = {name: value for name, value in params.items() if name in configuration["params"]}
    train = known if finite else matrix
    made = estimators.fit(configuration["family"], params, train, target, aim, 5)
    rows = beside_thresholds(getattr(made, "inner", made).forest, matrix, finite)
    expected, scale = made.predict(rows), target.std() if aim is NUMBER else 1.0
    assert np.count_nonzero(np.abs(onnx_answers(made, aim, rows) - expected) > 1e-5 * scale) == 0
    if aim.width > 1:
        np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)


def test_nan_is_zero_where_lightgbm_never_saw_one(matrix):
    known = np.nan_to_num(matrix)
    made = estimators.fit("lightgbm", PORTFOLIO[0]["params"] | {"rounds": 20}, known, known[:, 0], NUMBER, 5)
    np.testing.assert_allclose(onnx_answers(made, NUMBER, matrix), made.predict(matrix), atol=1e-4)
    np.testing.assert_array_equal(onnx_answers(made, NUMBER, matrix), onnx_answers(made, NUMBER, known))


@pytest.mark.parametrize("family", ["lightgbm", "xgboost", "histogram", "extra-trees"])
def test_a_target_without_any_signal_is_a_constant(family, matrix):
    params = next(item["params"] for item in PORTFOLIO if item["family"] == family)
    known = np.zeros_like(matrix)
    made = estimators.fit(family, params, known, np.full(ROWS, 7.5), NUMBER, 5)
    np.testing.assert_allclose(onnx_answers(made, NUMBER, matrix), 7.5, rtol=1e-6)


def test_a_threshold_is_rounded_down():
    draw = np.random.default_rng(5)
    thresholds = np.concatenate(
        [draw.normal(size=10_000) * 10.0 ** draw.integers(-30, 30, 10_000), [1e300, -1e300]]
    )
    rounded = trees.to_float32(thresholds)
    assert rounded.dtype == np.float32
    inside = np.abs(thresholds) < 3e38
    assert (rounded[inside].astype(np.float64) <= thresholds[inside]).all()
    above = np.nextafter(rounded[inside], np.float32(np.inf)).astype(np.float64)
    assert (above > thresholds[inside]).all()


def test_a_whole_number_of_float32_stays_what_it_is():
    exact = np.array([0.0, 1.0, -2.5, 16_777_216.0, np.inf])
    np.testing.assert_array_equal(trees.to_float32(exact), exact.astype(np.float32))


def test_thresholds_are_told_by_feature():
    none = np.array([-1])
    leaf = trees.Tree(np.array([0]), np.array([0.0]), none, none, np.array([False]), np.array([1.0]))
    split = trees.Tree(
        np.array([1, 0, 0]),
        np.array([0.5, 0.0, 0.0]),
        np.array([1, -1, -1]),
        np.array([2, -1, -1]),
        np.zeros(3, bool),
        np.array([0.0, 1.0, 2.0]),
    )
    forest = trees.Forest([leaf, split], 0.0)
    assert forest.thresholds(1).tolist() == [0.5]
    assert forest.thresholds(0).tolist() == []
    assert boosters._leaf(2.0).value.tolist() == [2.0]
