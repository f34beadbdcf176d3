"""Rows count as much as the loop's weights say, in every family: a weight of two is the row twice."""

import numpy as np
import pyarrow as pa
import pytest

from millrace_contracts.learning import TrainSpec
from millrace_stats import tasks
from millrace_training.automl import estimators, targets
from millrace_training.automl.aims import Aim
from millrace_training.automl.portfolio import NETS, PORTFOLIO
from millrace_training.runtime.errors import JobError

ROWS = 600
SPEC = {"dataset": "d", "dataset_version": 1, "task": "regression", "target": "y", "weight": "w"}
CLASSES = ("a", "b", "c")


@pytest.fixture(scope="module")
def two_worlds():
    """Two kinds of rows that say the opposite of each other, and cannot be told apart."""
    draw = np.random.default_rng(0)
    matrix = draw.normal(size=(ROWS, 3)).astype(np.float32)
    first = np.arange(ROWS) % 2 == 0
    return matrix, first


@pytest.mark.parametrize("configuration", [*PORTFOLIO, NETS[0]], ids=lambda item: item["id"])
@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_every_family_believes_the_rows_that_count(configuration, task, two_worlds):
    matrix, first = two_worlds
    aim = Aim(tasks.of(task), {"regression": (), "binary": CLASSES[:2], "multiclass": CLASSES}[task])
    high = {"regression": 10.0, "binary": 1.0, "multiclass": 2.0}[task]
    target = np.where(first, high, 0.0)
    if task == "multiclass":
        target[:6] = 1.0
    told = {}
    for name, weight in (
        ("first", np.where(first, 9.0, 1.0)),
        ("second", np.where(first, 1.0, 9.0)),
        ("all", None),
    ):
        made = estimators.fit(
            configuration["family"], configuration["params"], matrix, target, aim, 5, weight
        )
        answers = made.predict(matrix)
        told[name] = float((answers if answers.ndim == 1 else answers[:, -1]).mean())
    assert told["first"] > told["all"] + 0.15 * (high if task == "regression" else 1)
    assert told["second"] < told["all"] - 0.15 * (high if task == "regression" else 1)


@pytest.mark.parametrize("family", ["linear", "lightgbm"])
def test_weights_of_one_change_nothing(family, two_worlds):
    matrix, first = two_worlds
    (configuration, *_) = [item for item in PORTFOLIO if item["family"] == family]
    aim, target = Aim(tasks.of("regression")), first * 3.0 + matrix[:, 0]
    answers = [
        estimators.fit(family, configuration["params"], matrix, target, aim, 5, weight).predict(matrix)
        for weight in (None, np.ones(ROWS), np.full(ROWS, 7.0))
    ]
    np.testing.assert_allclose(answers[1], answers[0], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(answers[2], answers[0], rtol=1e-6, atol=1e-6)


def read(**columns):
    return targets.weights(pa.table(columns), TrainSpec(**SPEC))


def test_a_row_of_which_nothing_is_said_counts_once():
    assert read(w=[2.0, None, 0.5]).tolist() == [2.0, 1.0, 0.5]
    assert targets.weights(pa.table({"y": [1.0]}), TrainSpec(**SPEC | {"weight": None})) is None


@pytest.mark.parametrize(
    "column", [{"v": [1.0]}, {"w": ["much"]}, {"w": [-1.0]}, {"w": [0.0]}, {"w": [float("inf")]}]
)
def test_what_is_no_weight_stops_the_training_in_words(column):
    with pytest.raises(JobError, match="weight"):
        read(**column)
