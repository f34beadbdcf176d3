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
