"""Classes that a model does not know: how they are written, and what a model that lacks them is worth on their rows."""

import numpy as np
import pytest

from millrace_stats import groups, tasks
from millrace_stats.tasks import Refusal
from millrace_stats.tasks.newcomers import are_enough, named
from millrace_stats.tasks.ranking import EDGE

TASK = tasks.of("multiclass")
ANSWERS = np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]])


@pytest.mark.parametrize(
    ("value", "classes", "wanted"),
    [
        ("3", [0, 1, 2], 3), (3.0, [0, 1, 2], 3), ("2.5", [0.5, 1.5], 2.5), ("PB", ["DM", "DS"], "PB"),
        (3, ["1", "2"], "3"), (3.0, ["1", "2"], "3"), (True, ["a", "b"], "true"), ("-0", [1, 2, 3], 0),
    ],
)  # fmt: skip
def test_a_new_class_is_written_as_the_others_are(value, classes, wanted):
    found = named(value, classes)
    assert (found, type(found)) == (wanted, type(wanted))


@pytest.mark.parametrize(
    ("value", "classes"),
    [
        ("x", [0, 1, 2]), (True, [0, 1, 2]), (2.5, [0, 1, 2]), ("1e400", [0, 1, 2]), (float("inf"), [0.5, 1.5]),
        (float("nan"), [0, 1, 2]), (10**30, [0, 1, 2]), ("01", [0, 1, 2]), ("dm", ["DM", "DS"]),
        ("D M", ["DM", "DS"]), ("x" * 201, ["a", "b"]), ("a\nb", ["a", "b"]), ("", ["a", "b"]),
        ("maybe", [False, True]),
    ],
)  # fmt: skip
def test_what_cannot_be_a_class_beside_these_is_refused_with_a_reason(value, classes):
    found = named(value, classes)
    assert isinstance(found, Refusal)
    assert found.words


@pytest.mark.parametrize(("rows", "days", "enough"), [(10, 2, True), (9, 9, False), (500, 1, False)])
def test_ten_rows_on_two_days_are_enough(rows, days, enough):
    assert are_enough(rows, days) is enough


def test_a_label_behind_the_classes_costs_what_no_chance_costs_and_the_others_the_same():
    told = TASK.losses(np.array([0.0, 3.0, 2.0, 9.0]), ANSWERS)
    assert told == pytest.approx([-np.log(0.7), -np.log(EDGE), -np.log(0.8), -np.log(EDGE)])


def test_metrics_are_those_of_a_model_that_never_chooses_the_unknown_class():
    target = np.array([0.0, 3.0, 2.0, 9.0])
    wide = np.column_stack([ANSWERS, np.zeros(4)])
    assert TASK.metrics(target, ANSWERS) == TASK.metrics(np.minimum(target, 3), wide)
    assert TASK.metrics(target, ANSWERS)["accuracy"] == 0.5


def test_groups_count_an_unknown_class_as_an_error():
    measures = groups.of_rows(TASK, np.array([0.0, 3.0, np.nan, 9.0]), ANSWERS, ["a", "b", "c"], "a")
    top, rows = measures["error_rate"]
    assert (top.tolist(), rows.tolist()) == ([0.0, 1.0, 0.0, 1.0], [1.0, 1.0, 0.0, 1.0])
