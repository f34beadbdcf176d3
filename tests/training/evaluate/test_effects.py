"""Effects: the shape of a known function, whatever else goes together with its inputs."""

from types import SimpleNamespace

import numpy as np
import pytest

from millrace_contracts.effects import Importance
from millrace_stats import tasks
from millrace_training.evaluate import effects
from millrace_training.features.columns import Column
from millrace_training.features.frame import MISSING_TIME, Frame

ROWS = 6_000
SHOPS = ["north", "south", "west"]


class Known:
    """A graph that answers by a function of its feeds, and counts the rows it was asked about."""

    def __init__(self, function):
        self.function, self.asked = function, 0

    def get_inputs(self):
        return []

    def get_outputs(self):
        return [SimpleNamespace(name="answer")]

    def run(self, names, feeds):
        flat = {name: values.reshape(-1) for name, values in feeds.items()}
        answers = self.function(flat)
        self.asked += len(answers)
        return [answers]


def frame(**more):
    draw = np.random.default_rng(4)
    x1 = draw.normal(size=ROWS)
    values = {
        "x1": x1,
        "x2": draw.uniform(-2, 2, ROWS),
        "x3": x1 + 0.05 * draw.normal(size=ROWS),
    } | more
    columns = [Column(name, name, "number") for name in values]
    return Frame(columns, {name: array.astype(np.float32) for name, array in values.items()}, {}, ROWS)


def of(rows, name, function, kind="number", told=effects.Outputs(["y"])):
    return effects.of_column(Known(function), rows, Column(name, name, kind), told, 3)


def square(feeds):
    return 2.0 * feeds["x1"] + feeds["x2"] ** 2


class TestAKnownFunction:
    def test_a_straight_line_has_its_slope(self):
        found = of(frame(), "x1", square)
        at, moved = (
            np.array([point.at for point in found.points]),
            np.array([p.moved[0] for p in found.points]),
        )
        assert np.diff(moved) / np.diff(at) == pytest.approx(2.0, rel=1e-3)
        assert len(at) == effects.BINS + 1

    def test_a_square_is_a_square_about_its_mean(self):
        found = of(frame(), "x2", square)
        at, moved = (
            np.array([point.at for point in found.points]),
            np.array([p.moved[0] for p in found.points]),
        )
        assert moved == pytest.approx(at**2 - 4 / 3, abs=0.05)

    def test_a_column_that_only_goes_together_with_one_that_counts_moves_nothing(self):
        found = of(frame(), "x3", square)
        assert [point.moved for point in found.points] == [[0.0]] * len(found.points)

    def test_rows_that_cannot_be_are_not_asked_about(self):
        """Outside what goes together the model answers nonsense; partial dependence would average it in."""

        def steep(feeds):
            return np.where(np.abs(feeds["x2"] - feeds["x4"]) > 1, 1e6, feeds["x2"])

        flat = frame()
        found = of(frame(x4=flat.values["x2"] + 0.1), "x2", steep)
        assert [point.moved[0] for point in found.points] == pytest.approx(
            [point.at for point in found.points], abs=0.1
        )

    def test_rows_without_a_value_are_left_out_and_counted(self):
        rows = frame(x4=np.where(np.arange(ROWS) % 6, np.nan, np.arange(ROWS)))
        assert of(rows, "x4", lambda feeds: feeds["x4"]).rows == ROWS / 6

    @pytest.mark.parametrize("value", [np.nan, 7.0])
    def test_a_column_of_one_value_has_no_effect(self, value):
        assert of(frame(x4=np.full(ROWS, value)), "x4", square) is None


def test_a_truth_value_has_two_points_and_a_mean_of_nought():
    rows = frame(x4=np.arange(ROWS) % 4 == 0)
    found = of(rows, "x4", lambda feeds: 8 * feeds["x4"], "boolean")
    assert [point.at for point in found.points] == [0, 1]
    assert [point.moved[0] for point in found.points] == pytest.approx([-2, 6], abs=0.3)


def test_a_time_is_told_in_seconds():
    times = np.arange(ROWS, dtype=np.int64) * 3600
    times[::5] = MISSING_TIME
    rows = Frame([Column("at", "at", "timestamp")], {"at": times}, {}, ROWS)
    found = of(rows, "at", lambda feeds: feeds["at"] / 3600.0, "timestamp")
    assert found.rows == 2_000
    assert found.points[-1].moved[0] - found.points[0].moved[0] == pytest.approx(
        (found.points[-1].at - found.points[0].at) / 3600
    )


class TestCategories:
    def rows(self, words, codes):
        return Frame(
            [Column("shop", "shop", "category")],
            {"shop": codes.astype(np.int32)},
            {"shop": words},
            len(codes),
        )

    def test_they_come_by_frequency_with_their_differences(self):
        rows = self.rows(SHOPS, np.repeat([0, 1, 2], [1_000, 3_000, 2_000]))
        worth = {"north": 0.0, "south": 6.0, "west": 3.0}
        found = of(rows, "shop", lambda feeds: np.array([worth[text] for text in feeds["shop"]]), "category")
        assert [(item.value, item.rows, item.moved) for item in found.categories] == [
            ("south", 3_000, [2.0]), ("west", 2_000, [-1.0]), ("north", 1_000, [-4.0]),
        ]  # fmt: skip

    def test_of_many_the_twelve_most_frequent_are_told_within_the_budget(self):
        codes = np.repeat(np.arange(40), np.arange(40, 0, -1) * 10)
        asked = Known(lambda feeds: np.zeros(len(feeds["shop"])))
        rows = self.rows([f"s{place:02}" for place in range(40)], codes)
        found = effects.of_column(asked, rows, rows.columns[0], effects.Outputs(["y"]), 3)
        assert [item.value for item in found.categories] == [f"s{place:02}" for place in range(12)]
        assert asked.asked <= effects.ANSWERS


class TestClasses:
    def test_of_two_the_second_ones_probability_is_moved(self):
        told = effects.outputs(tasks.of("binary"), "sold", np.array([0.0, 1.0]), ["no", "yes"])
        assert (told.names, told.places) == (["yes"], None)

    def test_of_many_each_ones_is_and_of_very_many_the_most_frequent(self):
        names = [f"c{place}" for place in range(9)]
        labels = np.repeat(np.arange(9.0), [1, 9, 8, 7, 2, 6, 5, 3, 4])
        strange = np.array([np.nan, -1.0, *[9.0] * 20])
        told = effects.outputs(tasks.of("multiclass"), "kind", np.append(labels, strange), names)
        assert told.names == ["c1", "c2", "c3", "c5", "c6", "c8"]

    def test_probabilities_move_against_each_other(self):
        def two(feeds):
            share = 1 / (1 + np.exp(-feeds["x1"]))
            return np.column_stack([share, np.zeros(len(share)), 1 - share])

        found = of(frame(), "x1", two, told=effects.Outputs(["a", "c"], True, [0, 2]))
        assert [sum(point.moved) for point in found.points] == pytest.approx(
            [0.0] * len(found.points), abs=1e-6
        )
        assert found.points[-1].moved[0] > 0.3


def test_what_adds_no_loss_is_not_told_and_the_cost_is_bounded():
    rows, asked = frame(**{f"n{place}": np.arange(ROWS) for place in range(9)}), Known(square)
    most = [Importance(column=column.name, loss_added=1.0) for column in rows.columns]
    most[0].loss_added = 0.0
    found = effects.of_most(asked, rows, most, effects.Outputs(["y"]), 3)
    assert [item.column for item in found] == ["x2", "x3", "n0", "n1", "n2", "n3"]
    assert asked.asked <= effects.TOP * effects.ANSWERS


def test_the_same_seed_tells_the_same():
    assert of(frame(), "x2", square) == of(frame(), "x2", square)
