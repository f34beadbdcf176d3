"""Groups side by side: bounds that keep their promise, small groups said to be small, and no verdict by a point."""

import numpy as np
import pytest

from millrace_stats import comparing, groups, groupwise, tasks
from millrace_stats.measuring import measure

DAYS = 28


def sums(hits, rows):
    return np.full(DAYS, float(hits)), np.full(DAYS, float(rows))


def test_rows_say_what_they_add_to_each_metric():
    predicted, target = np.array([0.9, 0.8, 0.2, 0.6, np.nan]), np.array([1.0, 0.0, 1.0, np.nan, 1.0])
    found = groups.of_rows(tasks.of("binary"), target, predicted, ("no", "yes"), "yes")
    told = {name: (float(top.sum()), float(rows.sum())) for name, (top, rows) in found.items()}
    assert told["selection_rate"] == (3, 4)  # a row without a label was answered all the same
    assert told["false_positive_rate"] == (1, 1)
    assert told["false_negative_rate"] == (1, 2)
    assert told["error_rate"] == (2, 3)
    assert told["calibration"][0] == pytest.approx(0.9 + 0.8 + 0.2 - 2)


def test_a_regression_has_losses_and_no_rates():
    found = groups.of_rows(tasks.of("regression"), np.array([1.0, 2.0]), np.array([2.0, 2.0]), (), None)
    assert set(found) == {"loss", "mean_error"}
    assert found["mean_error"][0].tolist() == [1.0, 0.0]


def test_many_classes_without_a_favourable_one_have_errors_only():
    predicted = np.array([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3]])
    found = groups.of_rows(tasks.of("multiclass"), np.array([0.0, 2.0]), predicted, ("a", "b", "c"), None)
    assert set(found) == {"loss", "error_rate"}
    assert found["error_rate"][0].tolist() == [0.0, 1.0]


def test_a_rate_of_nought_is_not_without_doubt():
    told = groups.estimate(sums(0, 4), rate=True, ordered=True)
    assert told.value == 0
    assert told.lower == 0
    assert told.upper > 0.01


def test_days_that_differ_widen_the_bounds():
    draw = np.random.default_rng(3)
    rows = np.full(DAYS, 100.0)
    alike = groups.estimate((np.full(DAYS, 30.0), rows), rate=True, ordered=False)
    moved = groups.estimate((draw.choice([10.0, 50.0], DAYS), rows), rate=True, ordered=False)
    assert moved.upper - moved.lower > 3 * (alike.upper - alike.lower)


def test_a_day_that_is_bad_for_all_says_nothing_of_their_difference():
    rates = np.random.default_rng(1).choice([0.1, 0.5], DAYS)
    both = (1000 * rates, np.full(DAYS, 1000.0)), (500 * rates, np.full(DAYS, 500.0))
    found = groups.gap(*both, rate=True, ordered=False)
    assert found.error < 0.01
    assert abs(found.difference) < 1e-3


def test_the_gate_promises_its_error_rates():
    """Seeded: at the bound at most 5 % pass and fail by mistake (and noise of 400 repeats); far beyond, all fail."""
    given = (28, 200, 0.4)
    assert measure("at", 400, comparing.passes, *given, comparing.AT_MOST).share < 0.08
    assert measure("at", 400, comparing.fails, *given, comparing.AT_MOST).share < 0.08
    assert measure("equal", 400, comparing.fails, *given, 0.0).share < 0.02
    assert measure("beyond", 50, comparing.fails, *given, 3 * comparing.AT_MOST).share > 0.95


@pytest.mark.parametrize("rate", [False, True])
@pytest.mark.parametrize("days", [4, 28])
def test_bounds_hold_the_true_difference_where_days_differ_much_in_size(days, rate):
    """Seeded: a day of a thousand rows is one day, not a thousand; bounds of 95 % hold (less noise of 600 repeats)."""
    told = measure("bounds", 600, comparing.covers, days, 1.0, 0.6, rate)
    assert told.share > 0.95 - 3 * told.error
    even = measure("bounds", 600, comparing.covers, days, 0.0, 0.6, rate)
    assert 0.95 - 3 * even.error < even.share


def test_days_of_one_size_are_as_many_as_they_are():
    draw = np.random.default_rng(1)
    rows = np.full(DAYS, 100.0)
    both = [(draw.normal(0, 10, DAYS), rows) for _ in range(2)]
    found = groups.gap(*both, rate=False, ordered=False)
    assert found.freedom == pytest.approx(DAYS - 1)
    assert found.error == pytest.approx(np.std(both[0][0] / 100 - both[1][0] / 100, ddof=1) / np.sqrt(DAYS))


def test_bare_rates_cry_wolf_over_small_groups():
    assert measure("bare", 200, comparing.beyond, 28, 50, 0.0, 0.0).share > 0.1
    assert measure("gate", 200, comparing.fails, 28, 50, 0.0, 0.0).share == 0


def test_values_become_groups():
    assert groups.named(["m", "f", None, ""], None).tolist() == ["m", "f", "(missing)", "(missing)"]
    assert groups.named([True, False, 1.0, 2.5], None).tolist() == ["true", "false", "1", "2.5"]
    spans = groups.named([24, 25.0, 64, 65, None, "old"], [25, 65]).tolist()
    assert spans == ["below 25", "25 to below 65", "25 to below 65", "65 and more", "(missing)", "(missing)"]


def test_rare_values_are_taken_together():
    values = [f"v{number}" for number in range(30) for _ in range(31 - number)]
    named = set(groups.named(values, None).tolist())
    assert len(named) == groups.MOST_GROUPS
    assert groups.OTHERS in named


def parts(**rows):
    draw = np.random.default_rng(4)
    blocks = np.arange(sum(rows.values())) % DAYS
    values = np.array([name for name, count in rows.items() for _ in range(count)], dtype=object)
    target = draw.integers(0, 2, len(values)).astype(float)
    measures = groups.of_rows(tasks.of("binary"), target, draw.random(len(values)), (0, 1), "1")
    return groupwise.cut(measures, values, blocks, DAYS)


class TestCompare:
    def test_the_largest_group_is_the_reference_and_a_small_one_is_said_to_be_small(self):
        lines, why = groupwise.compare(parts(b=900, a=400, c=30), "sex", None, 100, True)
        assert why is None
        assert [(line.group, line.reference, line.rows) for line in lines] == [
            ("b", True, 900), ("a", False, 400), ("c", False, 30)
        ]  # fmt: skip
        rate = {line.group: next(m for m in line.metrics if m.metric == "selection_rate") for line in lines}
        assert rate["a"].gap is not None
        assert not rate["a"].small
        assert rate["c"].small
        assert rate["c"].gap is None
        assert rate["b"].gap is None

    def test_a_reference_without_rows_is_told(self):
        lines, why = groupwise.compare(parts(a=200), "sex", "x", 100, True)
        assert lines == []
        assert "no row of the reference group 'x'" in why

    def test_missing_values_are_no_reference_by_themselves(self):
        lines, _ = groupwise.compare({**parts(a=200), **parts(**{"(missing)": 900})}, "sex", None, 100, True)
        assert lines[0].group == "a"


def test_a_favourable_class_that_is_none_is_refused_by_name():
    with pytest.raises(ValueError, match="'maybe' is none of no, yes"):
        groupwise.favourable(tasks.of("binary"), ("no", "yes"), "maybe")
    assert groupwise.favourable(tasks.of("binary"), ("no", "yes"), None) == "yes"
    assert groupwise.favourable(tasks.of("multiclass"), ("a", "b", "c"), None) is None
