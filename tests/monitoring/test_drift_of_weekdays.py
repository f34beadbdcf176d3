"""A monitor's drift compares weekdays with their like: the dates of a baseline and of the live days reach the rule."""

from datetime import date, timedelta

import numpy as np
import orjson

from millrace_contracts.monitors import DriftPolicy, MonitorPolicy
from millrace_monitoring.detectors import drift
from millrace_monitoring.detectors.day import JudgedDay
from millrace_monitoring.profiles import baseline
from millrace_stats.profiles import fit_spec, profile

MONDAY, DAYS = date(2024, 1, 1), 56
NAMES = np.array(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
SPEC = fit_spec({"open": np.repeat(NAMES, 50)}, {"open": "category"})


def rows(day):
    """What a day looks like whose every row tells its weekday."""
    return profile(SPEC, {"open": np.repeat(NAMES[day.weekday()], 200)})


def known(dated=True):
    """A baseline of eight weeks, as the file of a version has it."""
    dates = [MONDAY + timedelta(days=number) for number in range(DAYS)]
    days = [{"day": day.isoformat() if dated else None, **rows(day).to_dict()} for day in dates]
    return baseline.parse(orjson.dumps({"profile": SPEC.to_dict(), "days": days, "loss": []}))


def judged(first, reference, looks=rows):
    """The window of three days from *first* on, as a monitor judges it on the last of them."""
    dates = [first + timedelta(days=number) for number in range(3)]
    policy = MonitorPolicy(drift=DriftPolicy(window_days=3))
    window = [looks(day) for day in dates[:2]]
    day = JudgedDay(dates[2], policy, baseline=reference, profile=looks(dates[2]), window=window)
    found, _ = drift.judge(day, drift.DriftState(tuple(dates[:2])))
    return found.told.window


def test_three_days_that_look_like_those_weekdays_are_no_drift():
    for first in range(7):
        window = judged(MONDAY + timedelta(days=DAYS + first), known())
        assert window.scores[0].psi < 0.05
        assert window.firing == []


def test_three_days_that_look_like_another_weekday_are():
    sunday = MONDAY + timedelta(days=6)
    window = judged(MONDAY + timedelta(days=DAYS), known(), lambda day: rows(sunday))
    assert window.firing == ["open"]


def test_reference_days_without_dates_are_taken_to_be_of_one_kind():
    window = judged(MONDAY + timedelta(days=DAYS), known(dated=False))
    assert window.scores[0].psi > 1
    assert window.firing == []


class TestSeason:
    """A reference of eight weeks from 1 January 2024 on, and one of 400 days."""

    WINTER = tuple(MONDAY + timedelta(days=number) for number in range(DAYS))

    def test_an_alarm_in_a_season_that_the_reference_does_not_know_says_so(self):
        july = [date(2024, 7, 1) + timedelta(days=number) for number in range(14)]
        told = drift.of_season(self.WINTER, july)
        assert told == "; the reference knows only 2024-01-01 to 2024-02-25, so it may be the season"

    def test_the_weeks_behind_the_reference_are_its_own_season_and_so_is_the_same_one_of_another_year(self):
        for first in (date(2024, 3, 1), date(2025, 1, 10), date(2024, 12, 20)):
            assert (
                drift.of_season(self.WINTER, [first + timedelta(days=number) for number in range(14)]) == ""
            )

    def test_a_reference_of_a_year_knows_all_seasons_and_one_without_dates_says_nothing(self):
        year = [MONDAY + timedelta(days=number) for number in range(400)]
        july = [date(2026, 7, 1)]
        assert drift.of_season(year, july) == drift.of_season((), july) == ""

    def test_the_alarm_itself_says_it(self):
        sunday, first = rows(MONDAY + timedelta(days=6)), date(2024, 7, 1)
        state, found = drift.DriftState(), None
        policy = MonitorPolicy(drift=DriftPolicy(window_days=3))
        for number in range(6):
            day = first + timedelta(days=number)
            window = [sunday] * len(state.window)
            judged_day = JudgedDay(day, policy, baseline=known(), profile=sunday, window=window)
            found, state = drift.judge(judged_day, state)
        assert found.alarms[0].reason.endswith("so it may be the season")
