"""Splits keep time in order, days whole and classes balanced."""

import numpy as np
import pytest

from millrace_stats import tasks
from millrace_table import spacing
from millrace_training.automl import splits
from millrace_training.automl.table import Table, day_numbers, iso_day, midnight
from millrace_training.features.frame import Frame
from millrace_training.runtime.errors import JobError


def table(days: np.ndarray) -> Table:
    frame = Frame([], {}, {}, len(days))
    return Table(frame, np.zeros(len(days)), (), days, days * 86_400_000_000)


DAYS = np.sort(np.random.default_rng(0).integers(100, 160, 6_000))


def test_search_validation_and_holdout_follow_each_other():
    split = splits.by_time(table(DAYS), 28)
    assert DAYS[split.search].max() < DAYS[split.validation].min()
    assert DAYS[split.validation].max() < split.first_holdout_day <= DAYS[split.holdout].min()
    assert split.end_day - split.first_holdout_day == 28
    assert len(split.search) + len(split.validation) == len(split.before)
    assert len(split.before) + len(split.holdout) == len(DAYS)


def test_a_holdout_that_leaves_nothing_to_learn_from_is_refused():
    with pytest.raises(JobError, match="before the holdout") as caught:
        splits.by_time(table(DAYS), 60)
    assert "holdout" in caught.value.mend


def test_a_window_is_the_last_days_before_its_end():
    rows = np.arange(len(DAYS))
    assert splits.window_rows(table(DAYS), rows, "all", 150).tolist() == rows.tolist()
    assert set(DAYS[splits.window_rows(table(DAYS), rows, "10d", 160)]) == set(range(150, 160))


def test_folds_of_classes_are_balanced_and_repeatable():
    target = (np.arange(1_000) % 10 == 0).astype(float)
    made = splits.folds(target, 5, tasks.of("binary"), 3)
    assert [int(target[made == fold].sum()) for fold in range(5)] == [20] * 5
    assert np.bincount(made).tolist() == [200] * 5
    assert (made == splits.folds(target, 5, tasks.of("binary"), 3)).all()
    assert (made != splits.folds(target, 5, tasks.of("binary"), 4)).any()


def test_folds_of_many_classes_are_balanced_as_far_as_their_rows_go():
    target = np.concatenate([np.repeat(np.arange(3.0), 100), [3.0, 4.0, 4.0]])
    made = splits.folds(target, 5, tasks.of("multiclass"), 3)
    for place in range(3):
        assert np.bincount(made[target == place]).tolist() == [20] * 5
    assert len(set(made[target == 4])) == 2


YEARS = np.sort(np.random.default_rng(1).integers(20_000, 21_000, 9_000))


@pytest.mark.parametrize(("unit", "days"), [("day", DAYS), ("week", YEARS), ("month", YEARS)])
def test_folds_keep_a_block_together_and_leave_the_holdout_out(unit, days):
    blocks = spacing.numbers(days, unit)
    split = splits.by_time(table(days), 28, unit)
    made = splits.block_folds(blocks, split.before, 5, 1)
    assert set(made[split.holdout]) == {-1}
    assert set(made[split.before]) == set(range(5))
    assert all(len(set(made[block == blocks])) == 1 for block in np.unique(blocks))


@pytest.mark.parametrize("unit", ["week", "month"])
def test_no_block_stands_on_two_sides(unit):
    blocks = spacing.numbers(YEARS, unit)
    split = splits.by_time(table(YEARS), 100, unit)
    sides = [set(blocks[rows]) for rows in (split.search, split.validation, split.holdout)]
    assert sum(len(side) for side in sides) == len(set(blocks)) == len(set.union(*sides))
    assert max(sides[0]) < min(sides[1]) <= max(sides[1]) < min(sides[2])
    assert 100 <= split.end_day - split.first_holdout_day < 100 + 31
    assert spacing.numbers(np.array([split.first_holdout_day - 1]), unit) == max(sides[1])


def test_days_are_split_as_they_are_however_they_lie_in_weeks():
    split, whole = splits.by_time(table(YEARS), 100, "day"), splits.by_time(table(YEARS), 100)
    assert (split.before == whole.before).all()
    assert (split.validation == whole.validation).all()
    assert whole.end_day - whole.first_holdout_day == 100


def test_days_begin_at_local_midnight_in_summer_and_winter():
    for date, hour in (("2013-01-15", 5), ("2013-07-15", 4)):
        instant = np.datetime64(f"{date}T{hour:02d}:00", "us").astype(np.int64)
        found = day_numbers(np.array([instant - 1, instant]), "America/New_York")
        assert iso_day(found[1]) == date
        assert found[1] - found[0] == 1
        assert midnight(int(found[1]), "America/New_York").timestamp() * 1e6 == instant


def test_copies_of_a_row_stay_in_one_fold_and_folds_stay_even():
    draw = np.random.default_rng(1)
    target = draw.integers(0, 2, 300).astype(float)
    copies, again = np.arange(300), draw.choice(300, 200)
    twice, target_twice = np.concatenate([copies, again]), np.concatenate([target, target[again]])
    made = splits.folds(target_twice, 5, tasks.of("binary"), 3, twice)
    assert all(len(set(made[twice == row])) == 1 for row in range(300))
    sizes = np.bincount(made, minlength=5)
    assert sizes.max() - sizes.min() <= 12
    alone = splits.folds(target, 5, tasks.of("binary"), 3)
    assert (splits.folds(target, 5, tasks.of("binary"), 3, copies) == alone).all()


def test_few_kinds_of_rows_that_come_often_are_dealt_out_by_their_rows():
    kinds = np.repeat(np.arange(24), np.arange(24) + 1)
    made = splits.folds(np.zeros(len(kinds)), 5, tasks.of("regression"), 3, kinds)
    assert np.bincount(made, minlength=5).min() > 50


@pytest.mark.parametrize(
    ("days", "unit", "borders"),
    [
        (range(28), "day", [7, 14, 21]),
        (range(56), "day", [14, 28, 42]),
        (range(10), "day", [7]),
        (range(5), "day", []),
        (range(0, 56, 2), "day", [14, 28, 42]),
        (range(4, 32), "week", [11, 18, 25]),
        (range(90), "month", [31, 59]),
    ],
)
def test_a_holdout_has_four_parts_at_most_of_whole_blocks_and_a_week_at_the_least(days, unit, borders):
    assert splits.parts(np.repeat(list(days), 3), unit) == borders


class TestSeason:
    """Every day of three years has rows; the years end on day 1,095."""

    DAYS = np.repeat(np.arange(1_095), 60)

    def window(self, days: np.ndarray, end: int) -> set[int]:
        rows = np.flatnonzero(days < end)
        return set(days[splits.window_rows(table(days), rows, "season", end)].tolist())

    def test_it_has_the_newest_days_and_those_around_this_time_in_each_earlier_year(self):
        newest, last, before = range(1_035, 1_095), range(1_095 - 395, 790), range(1_095 - 760, 425)
        assert self.window(self.DAYS, 1_095) == {*newest, *last, *before, *range(59)}

    def test_a_part_of_an_earlier_year_is_taken(self):
        assert self.window(self.DAYS, 330) == {*range(270, 330), *range(330 - 305)}

    def test_it_is_tried_once_there_is_an_earlier_year(self):
        names = ["all", "60d", "season"]

        def tried(days: np.ndarray) -> list[str]:
            whole = table(days)
            return [name for name, _ in splits.windows(whole, names, splits.by_time(whole, 28))]

        assert tried(self.DAYS) == names
        assert tried(self.DAYS[self.DAYS < 320]) == ["all", "60d"]
        assert tried(self.DAYS[self.DAYS < 400]) == names

    def test_a_window_of_the_same_rows_is_tried_once(self):
        whole = table(self.DAYS)
        split = splits.by_time(whole, 28)
        names = ["all", "9000d", "60d", "60d"]
        assert [name for name, _ in splits.windows(whole, names, split)] == ["all", "60d"]

    def test_where_no_window_can_be_tried_yet_all_rows_are(self):
        first_year = table(self.DAYS[self.DAYS < 300])
        split = splits.by_time(first_year, 28)
        [(name, rows)] = splits.windows(first_year, ["season"], split)
        assert (name, len(rows)) == ("all", 272 * 60)
        sparse = table(np.repeat(np.arange(0, 1_000, 10), 3))
        [(name, rows)] = splits.windows(sparse, ["60d"], splits.by_time(sparse, 28))
        assert (name, len(rows)) == ("all", 97 * 3)

    def test_a_window_of_as_many_rows_but_others_is_tried(self):
        """On regular days the season of one earlier year has 150 of them, as the last 150 have."""
        whole = table(self.DAYS[self.DAYS < 500])
        split = splits.by_time(whole, 28)
        tried = dict(splits.windows(whole, ["150d", "season"], split))
        assert list(tried) == ["150d", "season"]
        assert len(tried["150d"]) == len(tried["season"])
