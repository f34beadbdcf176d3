"""The run of an alarm, in small: what it lets pass after a rise, and where nothing has risen."""

import numpy as np
import pytest

from millrace_stats import alarmed, performance, worlds
from millrace_stats.alarmed import DECIDED, HELD, REFERENCE, YEAR, Alarm

OFTEN = performance.threshold(1.0)
"""A level that is reached in some years out of ten, so that few years have false alarms enough."""
BEFORE = alarmed.Rule("the days before the rise", lambda alarm: slice(alarm.day + 1 - HELD, alarm.day - 13))
AFTER = alarmed.RULES[-1]


def shares(results, words):
    return [item.share for item in results if words in item.name]


@pytest.mark.parametrize(("rising", "days"), [(1, 7), (7, 7), (12, 12), (27, 27), (28, 28), (40, 28)])
def test_the_days_since_the_rise_are_a_week_at_least_and_a_holdout_at_most(rising, days):
    judged = alarmed.since_the_rise(Alarm(100, rising))
    assert (judged.stop - judged.start, judged.stop) == (days, 101)


def test_no_series_whose_detector_alarms_is_passed_over():
    draw = np.random.default_rng(1)
    losses = 1 + alarmed.SPREAD * worlds.days(draw, 30, REFERENCE + YEAR, alarmed.R)
    alarming = [at for at, series in enumerate(losses) if alarmed.alarms(series, OFTEN)]
    assert alarming
    assert set(alarming) <= set(alarmed.suspects(losses, OFTEN))


class TestAfterARise:
    def test_a_better_candidate_passes_in_most_first_runs_and_one_at_the_margin_in_few(self):
        told = list(alarmed.true_ones(24, OFTEN, [DECIDED]))
        assert min(shares(told, "a better candidate passes in the first run")) > 0.6
        assert max(shares(told, "as bad as the margin")) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 24)

    def test_planted_the_days_before_the_rise_let_few_pass(self):
        """The bug to be caught: a run that judges by the world that is gone."""
        told = list(alarmed.true_ones(24, OFTEN, [BEFORE]))
        assert min(shares(told, "a better candidate passes in the first run")) < 0.6


class TestAfterAFalseAlarm:
    def test_days_that_the_alarm_has_not_seen_keep_the_promise(self):
        told = list(alarmed.false_ones(600, OFTEN, [AFTER]))
        for item in told:
            if item.name.startswith("false alarm"):
                assert item.repeats >= 30
                assert item.share <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / item.repeats)

    def test_planted_days_on_which_the_champion_was_worst_break_it(self, monkeypatch):
        """What an alarm does by choosing its days, as a bug would that chooses them all."""
        worst = alarmed.Rule("its worst days", lambda alarm: slice(alarm.day - 2, alarm.day + 1))
        told = list(alarmed.false_ones(600, OFTEN, [worst]))
        assert max(shares(told, "false alarm: a candidate")) > 0.15
