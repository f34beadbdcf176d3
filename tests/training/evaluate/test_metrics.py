"""Metrics agree with scikit-learn's, and say something sensible at the edges."""

import numpy as np
import pytest
from sklearn import metrics as reference

from millrace_training.evaluate.metrics import auc, calibration, calibration_error, losses, metrics, roc

DRAW = np.random.default_rng(0)
TRUTH = (DRAW.random(500) < 0.3).astype(float)
PROBABILITY = np.round(np.clip(0.3 * TRUTH + 0.6 * DRAW.random(500), 0, 1), 2)


def test_binary_metrics_are_those_of_scikit_learn():
    made = metrics("binary", TRUTH, PROBABILITY)
    assert made["auc"] == pytest.approx(reference.roc_auc_score(TRUTH, PROBABILITY))
    assert made["brier"] == pytest.approx(reference.brier_score_loss(TRUTH, PROBABILITY))
    assert made["accuracy"] == pytest.approx(reference.accuracy_score(TRUTH, PROBABILITY >= 0.5))
    inside = np.clip(PROBABILITY, 1e-7, 1 - 1e-7)
    assert made["log_loss"] == made["loss"] == pytest.approx(reference.log_loss(TRUTH, inside))


def test_the_roc_curve_runs_from_corner_to_corner_and_encloses_the_auc():
    made = roc(TRUTH, PROBABILITY)
    ends = [{name: made[place][name] for name in ("fpr", "tpr")} for place in (0, -1)]
    assert ends == [{"fpr": 0, "tpr": 0}, {"fpr": 1, "tpr": 1}]
    area = np.trapezoid([point["tpr"] for point in made], [point["fpr"] for point in made])
    assert area == pytest.approx(auc(TRUTH, PROBABILITY), abs=0.01)
    assert len(made) <= 64
    assert roc(np.ones(5), np.linspace(0, 1, 5)) == []


def test_regression_metrics_are_those_of_scikit_learn():
    target = DRAW.normal(size=300)
    predicted = target + DRAW.normal(size=300) / 3 + 0.1
    made = metrics("regression", target, predicted)
    assert made["mse"] == made["loss"] == pytest.approx(reference.mean_squared_error(target, predicted))
    assert made["rmse"] == pytest.approx(made["mse"] ** 0.5)
    assert made["mae"] == pytest.approx(reference.mean_absolute_error(target, predicted))
    assert made["r2"] == pytest.approx(reference.r2_score(target, predicted))
    assert made["bias"] == pytest.approx(np.mean(predicted - target))


def test_certain_and_wrong_is_a_finite_loss():
    assert np.isfinite(losses("binary", np.array([1.0, 0.0]), np.array([0.0, 1.0]))).all()


def test_one_class_only_has_no_ranking():
    assert auc(np.ones(5), np.linspace(0, 1, 5)) == 0.5


def test_calibration_of_a_calibrated_model_is_near_zero():
    probability = DRAW.random(50_000)
    target = (DRAW.random(50_000) < probability).astype(float)
    assert calibration_error(target, probability) < 0.02
    assert sum(part["rows"] for part in calibration(target, probability)) == 50_000
    assert calibration_error(target, np.full(50_000, 1.0)) == pytest.approx(1 - target.mean())
