"""What one sample in time is follows from how event times lie: days, weeks or months."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from millrace import timing
from millrace_table import spacing

START = 18_262  # 2020-01-01, a Wednesday


def month_ends(months):
    firsts = (np.datetime64("2020-01") + np.arange(1, months + 1)).astype("datetime64[D]")
    return firsts.astype(np.int64) - 1


CASES = {
    "every day": (np.repeat(START + np.arange(200), 3), "day"),
    "weekdays": ((days := START + np.arange(200))[(days + 3) % 7 < 5], "day"),
    "every third day": (START + np.arange(0, 300, 3), "day"),
    "Mondays": (START + 7 * np.arange(60), "week"),
    "three nights a month": ((month_ends(40)[:, None] - np.arange(3)).ravel(), "month"),
    "month ends": (np.repeat(month_ends(40), 50), "month"),
    "quarter ends": (month_ends(60)[2::3], "month"),
    "one day": (np.array([START, START]), "day"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_unit_is_the_shortest_that_does_not_come_in_clusters(case):
    days, unit = CASES[case]
    assert spacing.look(days).unit == unit


@pytest.mark.parametrize("case", sorted(CASES.keys() - {"one day"}))
def test_the_drafted_holdout_has_the_blocks_that_its_gate_asks_for_and_leaves_more_to_learn_from(case):
    days, unit = CASES[case]
    chosen = timing.choose(spacing.look(days), len(days))
    end = days.max() + 1
    held, before = days[days >= end - chosen.holdout], days[days < end - chosen.holdout]
    blocks = len(np.unique(spacing.numbers(held, unit)))
    assert chosen.block == unit
    assert 3 <= chosen.least <= blocks
    assert len(np.unique(spacing.numbers(before, unit))) >= 2 * blocks
    assert chosen.folds == 5
    assert chosen.window <= 60


def test_blocks_have_names_that_people_read():
    assert spacing.name(START, "day") == "2020-01-01"
    assert spacing.name(int(spacing.numbers(np.array([START]), "week")[0]), "week") == "week of 2019-12-30"
    assert spacing.name(int(spacing.numbers(np.array([START]), "month")[0]), "month") == "2020-01"


def test_days_are_those_on_the_clocks_of_the_zone():
    moments = [datetime(2020, 1, day, 23, 30, tzinfo=UTC) for day in (1, 2)]
    times = pa.chunked_array([pa.array(moments, pa.timestamp("us", "UTC"))])
    assert spacing.of_times(times, "UTC").days == 2
    assert spacing.of_times(times.slice(0, 0), "UTC") is None
    late = pa.chunked_array([pa.array([*moments, datetime(2020, 1, 3, 0, 30, tzinfo=UTC)])])
    assert spacing.of_times(late, "Europe/Berlin").days == 2


@pytest.mark.parametrize(
    ("span", "windows"), [(170, "[all]"), (400, "[all, 60d]"), (430, "[all, 60d, season]")]
)
def test_a_season_is_proposed_where_there_is_an_earlier_year(span, windows):
    assert timing.choose(spacing.look(np.arange(span)), 40 * span).windows == windows


def test_where_rows_come_by_the_month_a_year_has_too_few_for_a_season():
    months = np.round(np.arange(60) * 365.25 / 12).astype(np.int64)
    assert "season" not in timing.choose(spacing.look(months), 60_000).windows
