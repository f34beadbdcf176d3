"""Weekdays of a daily loss: taken out where they are there, left alone where they are not, and never an alarm."""

from dataclasses import replace

import numpy as np
import pytest

from millrace_stats import seasonal, weeks, worlds
from millrace_stats.measurements import measure
from millrace_stats.performance import Detector, Reference, threshold

WEEK = np.array([3.0, 1.0, 0.0, 0.0, 0.0, -2.0, -2.0])
DAYS = np.arange(60) % 7


def losses(r=0.0, week=0.0, days=60, seed=0):
    return worlds.days(np.random.default_rng(seed), 1, days, r)[0] + week * WEEK[np.arange(days) % 7]


class TestWhatWeekdaysAdd:
    def test_a_week_that_is_there_is_found(self):
        assert weeks.adds(losses(week=1.0), DAYS) == pytest.approx(WEEK, abs=1.2)

    @pytest.mark.parametrize("r", [0.0, 0.4, 0.7])
    def test_weekdays_that_are_alike_are_left_alone(self, r):
        found = [weeks.adds(losses(r, seed=seed), DAYS) != () for seed in range(400)]
        assert np.mean(found) <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / 400)

    def test_too_few_days_of_each_say_nothing(self):
        assert weeks.adds(losses(week=5.0, days=27), DAYS[:27]) == ()

    def test_a_weekday_that_was_seen_once_adds_nothing(self):
        weekdays = np.array([day % 7 for day in range(80) if day % 7 < 5 or day == 20])
        found = weeks.adds(5.0 * weekdays + losses(days=len(weekdays)), weekdays)
        assert found[5:] == (0.0, 0.0)
        assert found[4] > found[0]

    def test_losses_that_are_all_equal_have_no_week(self):
        assert weeks.adds(np.ones(60), DAYS) == ()


class TestReference:
    def test_what_the_weekdays_add_is_no_scale(self):
        plain, told = Reference.fit(losses(week=1.0)), Reference.fit(losses(week=1.0), weekdays=DAYS)
        assert told.scale < 0.7 * plain.scale
        assert told.scale > Reference.fit(losses()).scale
        assert told.added(0) > 2 > -1 > told.added(6)
        assert plain.added(0) == 0.0

    def test_a_restart_keeps_the_week(self):
        detector = Detector(Reference.fit(losses(week=1.0), weekdays=DAYS), 36_500.0)
        assert Detector.from_dict(detector.to_dict()) == detector

    def test_what_was_stored_without_a_week_is_read(self):
        state = Detector(Reference.fit(losses()), threshold(0.01)).to_dict()
        del state["reference"]["week"]
        assert Detector.from_dict(state).reference.added(3) == 0.0


class TestYears:
    WORLD = seasonal.Season("", r=0.4, week=3.0)

    def test_weeks_raise_few_alarms(self):
        assert measure("", 60, seasonal.risen, self.WORLD).share <= 0.015 + 3 * np.sqrt(0.015 * 0.985 / 60)

    def test_single_holidays_amid_weekdays_raise_few_alarms_and_a_week_of_them_more(self):
        """A week of holidays is a rise for a week; single ones are days like others."""
        single = seasonal.Season("", r=0.4, week=1.5, holiday=3.0, off=seasonal.SINGLE)
        week = replace(single, off=seasonal.HOLIDAYS)
        assert measure("", 60, seasonal.risen, single).hits <= 3
        assert measure("", 60, seasonal.risen, week).hits > 3

    def test_a_rise_is_found_as_soon_as_without_weeks(self):
        """166 days (median) where weekdays were part of the scale."""
        assert measure("", 20, seasonal.risen, self.WORLD, 60, 0.02, unit="days").median <= 30

    def test_planted_weekdays_shifted_by_three_find_it_late(self, monkeypatch):
        """The bug to be caught: a day's loss less what another weekday adds."""
        honest = Reference.added
        monkeypatch.setattr(Reference, "added", lambda self, day: honest(self, (day + 3) % 7))
        assert measure("", 20, seasonal.risen, self.WORLD, 60, 0.02, unit="days").median > 30
