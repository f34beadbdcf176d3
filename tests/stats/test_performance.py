"""Performance: the robust detector keeps its promise for a year, the plain one does not, a restart changes nothing."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace_stats import changing, performance, worlds
from millrace_stats.measurements import measure, risen, sliced
from millrace_stats.performance import Detector, Reference, threshold

NORMAL = np.random.default_rng(0).normal(size=28)


def started(level=36_500.0):
    return Detector(Reference.fit(NORMAL), level)


class TestFalseAlarms:
    @pytest.mark.parametrize(("reference", "r"), [(60, 0.4), (28, 0.0), (28, 0.2)])
    def test_at_most_one_and_a_half_percent_a_year(self, reference, r):
        result = measure("", 120, risen, r, reference)
        assert result.share <= 0.015 + 3 * np.sqrt(0.015 * 0.985 / 120)

    def test_ten_slices_together_err_as_seldom_as_one_model(self):
        result = measure("", 40, sliced, 0.2, 10)
        assert result.share <= 0.015 + 3 * np.sqrt(0.015 * 0.985 / 40)

    def test_planted_plain_shiryaev_roberts_breaks_the_promise(self, monkeypatch):
        """The bug to be caught: no clipping, no tolerance, no widening for days that resemble their neighbours."""

        def plain(self, loss):
            return (loss - self.mean) / self.scale

        monkeypatch.setattr(performance, "autocorrelation", lambda values: 0.0)
        monkeypatch.setattr(Reference, "score", plain)
        assert measure("", 60, risen, 0.2, 60).share > 0.015 + 3 * np.sqrt(0.015 * 0.985 / 60)

    def test_a_rise_of_two_points_is_found_within_12_days_by_half(self):
        assert measure("", 60, risen, 0.0, 60, 0.02, 183, unit="days").median <= 12


class TestRecursion:
    def test_it_is_the_shiryaev_roberts_recursion(self):
        """R = (1 + R) exp(lambda z - lambda^2 / 2), averaged over the lambdas, computed without logarithms."""
        detector, plain = started(), np.zeros(3)
        rates = np.array(performance.LAMBDAS)
        for loss in (0.5, -1.0, 2.0, 4.0):
            detector.update(loss)
            z = np.clip((loss - NORMAL.mean()) / detector.reference.scale, -3, 3) - 3 / np.sqrt(28)
            plain = (1 + plain) * np.exp(rates * z - rates**2 / 2)
        assert detector.log_value == pytest.approx(np.log(plain.mean()))

    def test_one_absurd_day_is_no_alarm_but_a_week_of_them_is(self):
        detector = started()
        detector.update(1e9)
        assert not detector.alarm
        for _ in range(6):
            detector.update(1e9)
        assert detector.alarm

    def test_a_single_bad_day_is_watched(self):
        assert started().watch(NORMAL.mean() + 4 * started().reference.scale)
        assert not started().watch(NORMAL.mean())

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.floats(-10, 10), max_size=30), st.integers(0, 30))
    def test_a_restart_on_any_day_changes_no_bit(self, losses, day):
        steady, restarted = started(), started()
        for number, loss in enumerate(losses):
            steady.update(loss)
            if number == day:
                restarted = Detector.from_dict(json.loads(json.dumps(restarted.to_dict())))
            restarted.update(loss)
        assert restarted.to_dict() == steady.to_dict()


class TestRefusals:
    @pytest.mark.parametrize("losses", [np.zeros(13), np.append(NORMAL, np.nan), np.append(NORMAL, np.inf)])
    def test_a_reference_needs_14_finite_days(self, losses):
        with pytest.raises(ValueError):
            Reference.fit(losses)

    def test_nan_is_refused_and_leaves_the_detector_as_it_was(self):
        detector = started()
        with pytest.raises(ValueError):
            detector.update(float("nan"))
        assert detector.to_dict() == started().to_dict()

    @pytest.mark.parametrize("rate", [0, -1, 1.5])
    def test_false_alarms_a_year_lie_between_0_and_1(self, rate):
        with pytest.raises(ValueError):
            threshold(rate)

    def test_one_percent_a_year_is_a_level_of_36500(self):
        assert threshold(0.01) == pytest.approx(36_500)

    def test_a_constant_reference_alarms_on_a_change_and_not_without(self):
        same, changed = (Detector(Reference.fit(np.full(28, 0.3)), 36_500.0) for _ in range(2))
        for _ in range(20):
            same.update(0.3)
            changed.update(0.31)
        assert changed.alarm
        assert not same.alarm


def test_the_worlds_have_the_error_rate_and_the_day_spread_they_claim():
    rates = worlds.error_rates(np.random.default_rng(0), 50, 400, 0.4)
    assert rates.mean() == pytest.approx(0.10, abs=0.002)
    assert rates.std() == pytest.approx(0.0095, rel=0.1)


class TestSinceWhen:
    def scores(self, reference: Reference, losses: np.ndarray) -> list[float]:
        return [reference.score(loss) for loss in losses]

    def test_a_steep_rise_is_told_from_a_mild_one_before_it(self):
        """Where a sum only has to stay above 0, the mild one would be taken for the beginning."""
        reference = Reference.fit(NORMAL)
        mild, steep = np.full(18, NORMAL.mean() + 1.0 * reference.scale), np.full(4, NORMAL.mean() + 9.0)
        assert performance.risen_for(self.scores(reference, np.r_[mild, steep])) == 4

    def test_the_day_of_a_change_is_found_within_two_days_by_most(self):
        draw, off = np.random.default_rng(3), []
        for _ in range(200):
            reference = Reference.fit(draw.normal(size=60))
            losses = np.r_[draw.normal(size=20), draw.normal(3, 1, size=6)]
            off.append(abs(performance.risen_for(self.scores(reference, losses)) - 6))
        assert np.mean(np.array(off) <= 2) > 0.8

    def test_low_days_are_no_rise(self):
        assert performance.risen_for([-1.0, -0.5, -2.0]) == 0


class TestSteadyReference:
    """The last days of a holdout in which the world has changed, twice as high as those before."""

    def holdout(self, high: int) -> np.ndarray:
        draw = np.random.default_rng(5)
        return np.r_[draw.normal(1, 0.05, 28 - high), draw.normal(2, 0.05, high)]

    @pytest.mark.parametrize(("high", "level"), [(4, 1.0), (10, 1.0), (20, 2.0)])
    def test_it_is_the_longer_side_of_the_change(self, high, level):
        kept = self.holdout(high)[changing.one_level(self.holdout(high))]
        assert len(kept) == max(high, 28 - high)
        assert kept == pytest.approx(np.full(len(kept), level), abs=0.25)

    def test_a_quiet_holdout_stays_whole_in_most_series(self):
        draw = np.random.default_rng(6)
        whole = [changing.one_level(draw.normal(size=28)) == slice(None) for _ in range(400)]
        assert np.mean(whole) > 0.85

    def test_too_few_days_are_left_as_they_are(self):
        assert changing.one_level(self.holdout(10)[:20]) == slice(None)

    @pytest.mark.parametrize(("taken", "fires"), [(changing.one_level, True), (lambda _: slice(None), False)])
    def test_without_it_a_loss_as_high_as_after_the_change_never_alarms(self, taken, fires):
        """The bug to be caught: both levels as one reference, whose scale hides the next month."""
        detector = Detector(Reference.fit(self.holdout(10)[taken(self.holdout(10))]), threshold(0.01))
        for _ in range(28):
            detector.update(2.0)
        assert detector.alarm == fires
