"""Losses and metrics agree with scikit-learn's, and say something sensible at the edges."""

from typing import get_args

import numpy as np
import pytest
from sklearn import metrics as reference

from millrace_contracts import gates
from millrace_stats import tasks
from millrace_stats.tasks.ranking import auc, calibration, calibration_error, roc

BINARY, MANY, NUMBER = (tasks.of(name) for name in ("binary", "multiclass", "regression"))
DRAW = np.random.default_rng(0)
TRUTH = (DRAW.random(500) < 0.3).astype(float)
PROBABILITY = np.round(np.clip(0.3 * TRUTH + 0.6 * DRAW.random(500), 0, 1), 2)
NAMES = ("ant", "bee", "cat", "dog")
TARGET = DRAW.integers(0, 4, 600).astype(float)
RAW = DRAW.random((600, 4)) + 0.4 * (np.arange(4) == TARGET[:, None])
VECTORS = RAW / RAW.sum(axis=1, keepdims=True)


def test_binary_metrics_are_those_of_scikit_learn():
    found = BINARY.metrics(TRUTH, PROBABILITY)
    assert found["auc"] == pytest.approx(reference.roc_auc_score(TRUTH, PROBABILITY))
    assert found["brier"] == pytest.approx(reference.brier_score_loss(TRUTH, PROBABILITY))
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(TRUTH, PROBABILITY >= 0.5))
    inside = np.clip(PROBABILITY, 1e-7, 1 - 1e-7)
    assert found["log_loss"] == found["loss"] == pytest.approx(reference.log_loss(TRUTH, inside))


def test_multiclass_metrics_are_those_of_scikit_learn():
    found, chosen = MANY.metrics(TARGET, VECTORS), VECTORS.argmax(axis=1)
    assert found["log_loss"] == found["loss"] == pytest.approx(reference.log_loss(TARGET, VECTORS))
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(TARGET, chosen))
    assert found["macro_f1"] == pytest.approx(reference.f1_score(TARGET, chosen, average="macro"))
    assert found["auc"] == pytest.approx(reference.roc_auc_score(TARGET, VECTORS, multi_class="ovr"))
    assert 0 < found["ece"] < 1


def test_what_a_gate_may_ask_for_is_what_its_task_measures():
    measured = {
        "regression": NUMBER.metrics(RAW[:, 0], RAW[:, 1]),
        "binary": BINARY.metrics(TRUTH, PROBABILITY),
        "multiclass": MANY.metrics(TARGET, VECTORS),
    }
    assert set(gates.METRICS) == set(tasks.NAMES) == set(measured)
    for name, asked in gates.METRICS.items():
        assert set(asked) <= set(measured[name]), name
        assert tasks.of(name).metric in asked, name
        assert len(set(asked)) == len(asked)
    assert {metric for asked in gates.METRICS.values() for metric in asked} == set(get_args(gates.Metric))


def test_each_class_is_told_in_figures():
    found, chosen = MANY.report(TARGET, VECTORS, NAMES), VECTORS.argmax(axis=1)
    precision, recall, f1, rows = reference.precision_recall_fscore_support(TARGET, chosen)
    assert [line.name for line in found.classes] == list(NAMES)
    assert [line.rows for line in found.classes] == rows.tolist()
    assert [line.precision for line in found.classes] == pytest.approx(precision)
    assert [line.recall for line in found.classes] == pytest.approx(recall)
    assert [line.f1 for line in found.classes] == pytest.approx(f1)
    square = reference.confusion_matrix(TARGET, chosen)
    assert [list(row) for row in found.confusion] == square.tolist()
    first = found.confused[0]
    assert first.rows == square[~np.eye(4, dtype=bool)].max()
    assert square[NAMES.index(first.true), NAMES.index(first.predicted)] == first.rows


def test_two_classes_are_told_in_figures_too():
    found = BINARY.report(TRUTH, PROBABILITY, [False, True])
    assert [line.name for line in found.classes] == ["false", "true"]
    assert found.classes[1].recall == pytest.approx(reference.recall_score(TRUTH, PROBABILITY >= 0.5))
    assert NUMBER.report(TRUTH, PROBABILITY, []) is None


def test_knowing_the_shares_of_the_classes_alone_is_a_skill_of_zero():
    shares = np.bincount(TARGET.astype(int)) / len(TARGET)
    assert MANY.metrics(TARGET, np.tile(shares, (len(TARGET), 1)))["skill"] == pytest.approx(0, abs=1e-12)
    assert MANY.metrics(TARGET, VECTORS)["skill"] > MANY.floor.value
    assert MANY.metrics(TARGET, np.eye(4)[TARGET.astype(int)])["skill"] == pytest.approx(1)


def test_a_class_that_never_comes_up_is_unknown_and_spoils_no_mean():
    few = TARGET < 2
    found = MANY.report(TARGET[few], VECTORS[few], NAMES)
    assert found.classes[3].rows == 0
    assert found.classes[3].recall is None
    assert found.classes[3].auc is None
    assert all(np.isfinite(value) for value in MANY.metrics(TARGET[few], VECTORS[few]).values())


@pytest.mark.parametrize(("task", "predicted"), [(BINARY, PROBABILITY[:9]), (MANY, VECTORS[:9])])
def test_one_class_only_ranks_nothing_and_is_unknown(task, predicted):
    assert task.metrics(np.ones(9), predicted)["auc"] is None


def test_one_class_only_says_nothing_of_skill():
    assert MANY.metrics(np.ones(9), VECTORS[:9])["skill"] is None


def test_regression_metrics_are_those_of_scikit_learn():
    target = DRAW.normal(size=300)
    predicted = target + DRAW.normal(size=300) / 3 + 0.1
    found = NUMBER.metrics(target, predicted)
    assert found["mse"] == found["loss"] == pytest.approx(reference.mean_squared_error(target, predicted))
    assert found["rmse"] == pytest.approx(found["mse"] ** 0.5) == NUMBER.shown(found["loss"])
    assert found["mae"] == pytest.approx(reference.mean_absolute_error(target, predicted))
    assert found["r2"] == pytest.approx(reference.r2_score(target, predicted))
    assert found["bias"] == pytest.approx(np.mean(predicted - target))


def test_certain_and_wrong_is_a_finite_loss():
    assert np.isfinite(BINARY.losses(np.array([1.0, 0.0]), np.array([0.0, 1.0]))).all()
    assert np.isfinite(MANY.losses(np.array([0.0]), np.array([[0.0, 1.0, 0.0]]))).all()


@pytest.mark.parametrize("task", [NUMBER, BINARY, MANY])
def test_a_row_without_label_or_prediction_has_no_loss(task):
    predicted = VECTORS[:3].copy() if task is MANY else PROBABILITY[:3].copy()
    predicted[1] = np.nan
    found = task.losses(np.array([np.nan, 1.0, 1.0]), predicted)
    np.testing.assert_array_equal(np.isnan(found), [True, True, False])


def test_the_roc_curve_runs_from_corner_to_corner_and_encloses_the_auc():
    curve = roc(TRUTH, PROBABILITY)
    ends = [{name: curve[place][name] for name in ("fpr", "tpr")} for place in (0, -1)]
    assert ends == [{"fpr": 0, "tpr": 0}, {"fpr": 1, "tpr": 1}]
    area = np.trapezoid([point["tpr"] for point in curve], [point["fpr"] for point in curve])
    assert area == pytest.approx(auc(TRUTH, PROBABILITY), abs=0.01)
    assert len(curve) <= 64
    assert roc(np.ones(5), np.linspace(0, 1, 5)) == []


def test_calibration_of_a_calibrated_model_is_near_zero():
    probability = DRAW.random(50_000)
    target = (DRAW.random(50_000) < probability).astype(float)
    assert calibration_error(target, probability) < 0.02
    assert sum(part["rows"] for part in calibration(target, probability)) == 50_000
    assert calibration_error(target, np.full(50_000, 1.0)) == pytest.approx(1 - target.mean())


def test_outputs_name_the_class():
    def told(task, classes):
        return [(output.name, output.datatype, output.width) for output in task.outputs(classes)]

    assert told(NUMBER, []) == [("prediction", "FP32", 1)]
    assert told(BINARY, [0, 1]) == [("probability", "FP32", 1), ("class", "BYTES", 1)]
    assert told(MANY, NAMES) == [("probabilities", "FP32", 4), ("class", "BYTES", 1)]
    assert BINARY.chosen(np.array([0.2, 0.5, np.nan]), [False, True]).tolist() == ["false", "true", ""]
    assert MANY.chosen(VECTORS[:5], NAMES).tolist() == [NAMES[place] for place in VECTORS[:5].argmax(axis=1)]


def test_a_vector_is_reduced_to_its_class_and_confidence():
    found = MANY.reduced(np.vstack([VECTORS[:2], np.full((1, 4), np.nan)]), NAMES)
    assert found[tasks.PREDICTION].kind == "category"
    assert found[tasks.PREDICTION].values[2] == ""
    np.testing.assert_allclose(found[tasks.CONFIDENCE].values[:2], VECTORS[:2].max(axis=1))
    assert np.isnan(found[tasks.CONFIDENCE].values[2])
    for task in (NUMBER, BINARY):
        assert list(task.reduced(PROBABILITY, [0, 1])) == [tasks.PREDICTION]


@pytest.mark.parametrize("classes", [3, 8, 9, 100])
def test_every_class_shows_in_what_words_are_encoded_by(classes):
    target = np.repeat(np.arange(classes), 3).astype(float)
    codes = np.stack(MANY.encodings(target, range(classes)), axis=1)
    assert codes.shape[1] <= 16
    assert len(np.unique(codes, axis=0)) > classes * 0.7


def test_a_thousand_classes_are_judged_without_a_wall_of_numbers():
    target = np.arange(3000.0) % 1000
    predicted = np.full((3000, 1000), 0.5 / 999)
    predicted[np.arange(3000), target.astype(int)] = 0.5
    found = MANY.report(target, predicted, range(1000))
    assert found.confusion is None
    assert found.confused == ()
    assert MANY.metrics(target, predicted)["accuracy"] == 1


def test_a_model_of_two_classes_is_read_as_one_of_three_that_knows_two():
    aligned = tasks.of("multiclass").aligned(np.array([0.9, np.nan]), ["a", "b"], ["b", "a", "c"])
    assert aligned[0] == pytest.approx([0.9, 0.1, 0.0])
    assert np.isnan(aligned[1]).all()


@pytest.mark.parametrize("task", tasks.NAMES)
def test_what_a_model_of_another_task_answers_says_nothing(task):
    ours = {"regression": [], "binary": ["a", "b"], "multiclass": ["a", "b", "c"]}
    if task != "regression":
        told = tasks.of(task).aligned(np.array([12.0, 7.0]), [], ours[task])
        assert np.isnan(told).all()
    if task != "multiclass":
        told = tasks.of(task).aligned(np.full((2, 3), 1 / 3), ours["multiclass"], ours[task])
        assert told.shape == (2,)
        assert np.isnan(told).all()
