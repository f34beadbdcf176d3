"""Drift: quiet where days only resemble their neighbours, loud where they moved, and never unable to speak."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace_stats import drift, worlds
from millrace_stats.measurements import drift_year, measure, surprising


def counts(days, rows=1000, shift=0.0, seed=1, r=0.3):
    draw = np.random.default_rng(seed)
    return worlds.histograms(draw, worlds.days(draw, 1, days, r)[0] + shift, rows)


def bound(share, repeats):
    """Three standard errors above *share*."""
    return share + 3 * np.sqrt(share * (1 - share) / repeats)


class TestPsi:
    def test_equal_histograms_have_none(self):
        assert drift.psi(np.array([5, 7, 0]), np.array([5, 7, 0])) == pytest.approx(0)

    def test_it_is_the_sum_of_differences_times_log_ratios_smoothed_by_half(self):
        p, q = np.array([3.5, 7.5]) / 11, np.array([5.5, 5.5]) / 11
        assert drift.psi(np.array([5, 5]), np.array([3, 7])) == pytest.approx(((p - q) * np.log(p / q)).sum())

    def test_an_empty_slot_does_not_make_it_infinite(self):
        assert np.isfinite(drift.psi(np.array([1000, 0]), np.array([0, 1000])))


class TestJoin:
    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.integers(0, 1000), min_size=2, max_size=60), st.integers(0, 4000))
    def test_neighbours_only_and_no_row_is_lost(self, pooled, rows):
        groups = drift.join(np.array(pooled), rows)
        assert set(np.diff(groups)) <= {0, 1}
        assert groups[0] == 0
        assert drift.joined(np.array([pooled]), rows).sum() == sum(pooled)

    @pytest.mark.parametrize(("rows", "slots"), [(500, 11), (1000, 21), (1700, 35), (10**6, 35)])
    def test_35_slots_stay_only_where_there_are_rows_for_them(self, rows, slots):
        assert drift.join(np.full(35, 100), rows).max() + 1 == slots

    def test_noise_of_few_rows_stays_below_the_threshold(self):
        draw = np.random.default_rng(0)
        halves = draw.multinomial(500, np.full(35, 1 / 35), size=(300, 2))
        scores = [drift.psi(*drift.joined(pair, 500)) for pair in halves]
        assert np.quantile(scores, 0.99) < drift.THRESHOLD


class TestCyclicNull:
    def test_entry_0_is_the_current_window_against_the_reference(self):
        reference, current = counts(60), counts(14, shift=1)
        expected = drift.psi(reference.sum(0), current.sum(0))
        assert drift.cyclic_null(reference, current)[0] == pytest.approx(expected)

    def test_every_shift_of_the_circle_is_there_once(self):
        days = counts(20)
        first = drift.cyclic_null(days[4:], days[:4])
        turned = np.roll(days, -1, axis=0)
        assert np.roll(first, -1) == pytest.approx(drift.cyclic_null(turned[4:], turned[:4]))

    def test_days_that_were_not_recorded_say_nothing(self):
        reference = counts(60)
        reference[:30] = 0
        null = drift.cyclic_null(reference, counts(14))
        assert np.isnan(null).sum() == 19, "17 windows without a recorded day and 2 with one of 14"
        assert np.isfinite(null[0])

    def test_a_feature_recorded_only_lately_can_still_be_found(self):
        reference, current = counts(60), counts(14, shift=3)
        reference[:30] = 0
        assert drift.judge({"x": reference}, {"x": current}).firing == ["x"]


class TestNullHolds:
    @pytest.mark.parametrize("r", [0.0, 0.5, 0.7])
    def test_p_below_5_percent_in_at_most_7_percent(self, r):
        result = measure("", 400, surprising, r, 60, 14)
        assert result.share <= bound(0.07, 400)

    def test_planted_permutation_of_single_days_breaks_the_promise(self):
        """The bug to be caught: a null of exchangeable days, where real days resemble their neighbours."""

        def permuted(draw):
            days = worlds.histograms(draw, worlds.days(draw, 1, 74, 0.5)[0])
            total, seen = days.sum(0), drift.psi(days[:60].sum(0), days[60:].sum(0))
            picks = [days[draw.permutation(74)[:14]].sum(0) for _ in range(99)]
            larger = sum(drift.psi(total - pick, pick) >= seen for pick in picks)
            return (1 + larger) / 100 <= 0.05

        assert measure("", 150, permuted).share > bound(0.07, 150)

    def test_a_year_of_24_quiet_features_raises_few_alarms(self):
        assert measure("", 12, drift_year, 0.5, 14).hits <= 4

    @pytest.mark.slow
    def test_planted_lopsided_scale_breaks_max_t(self, monkeypatch):
        """The bug to be caught: the observed window left out of its own scale, as no other window is."""

        def family(lopsided):
            fired = 0
            for seed in range(120):
                draw = np.random.default_rng(seed)
                days = worlds.histograms(draw, worlds.days(draw, 24, 74, 0.0))
                nulls = np.stack([drift.cyclic_null(one[:60], one[60:]) for one in days])
                scale = nulls[:, 14:-13] if lopsided else nulls
                scaled = nulls / scale.mean(1, keepdims=True)
                fired += np.mean(scaled.max(0) >= scaled[:, 0].max()) < 0.05
            return fired / 120

        assert family(lopsided=False) <= bound(0.05, 120)
        assert family(lopsided=True) > family(lopsided=False)


class TestPower:
    def test_two_day_spreads_are_found_in_85_percent_of_windows(self):
        result = measure("", 200, surprising, 0.5, 60, 14, 2.0)
        assert result.share >= 0.85 - 3 * np.sqrt(0.85 * 0.15 / 200)

    @pytest.mark.parametrize(
        ("reference", "current"), [(30, 7), (30, 14), (60, 7), (60, 14), (60, 28), (180, 14)]
    )
    @pytest.mark.parametrize("features", [1, 24])
    def test_an_obvious_shift_fires_whatever_the_spans(self, reference, current, features):
        """A rule that can never fire is a bug."""
        normal = {f"x{n}": counts(reference, seed=n) for n in range(features)}
        moved = {f"x{n}": counts(current, seed=100 + n, shift=8.0 * (n == 0)) for n in range(features)}
        assert "x0" in drift.judge(normal, moved).firing

    def test_benjamini_hochberg_is_used_exactly_where_one_drifter_can_pass_it(self):
        for features in (9, 10, 11):
            normal = {f"x{n}": counts(186, seed=n) for n in range(features)}
            moved = {f"x{n}": counts(14, seed=100 + n, shift=8.0 * (n == 0)) for n in range(features)}
            window = drift.judge(normal, moved)
            assert "x0" in window.firing, f"{features} features on 200 days"


class TestFloors:
    @pytest.mark.parametrize(
        ("reference", "current", "rate", "words"),
        [
            (29, 7, 0.05, "30 are needed"),
            (40, 21, 0.05, "twice"),
            (60, 14, 1 / 74, "no p-value"),
            (60, 0, 0.05, "twice"),
        ],
    )
    def test_spans_that_cannot_fire_say_why(self, reference, current, rate, words):
        assert words in drift.cannot_fire(reference, current, rate)

    def test_spans_that_can_fire_say_nothing(self):
        assert drift.cannot_fire(60, 14) is None

    def test_too_few_reference_days_only_observe(self):
        window = drift.judge({"x": counts(29)}, {"x": counts(7, shift=8)})
        assert window.firing == []
        assert window.scores[0].psi > 1
        assert "reference days" in window.observing

    def test_too_few_rows_ask_for_a_wider_window(self):
        window = drift.judge({"x": counts(60, rows=10)}, {"x": counts(14, rows=10, shift=8)})
        assert window.firing == []
        assert "widen" in window.observing

    def test_a_feature_without_rows_does_not_fire_beside_one_with_rows(self):
        current = {"x": counts(14), "gone": np.zeros((14, worlds.ROW_BINS), int)}
        assert drift.judge({"x": counts(60), "gone": counts(60)}, current).firing == []


class TestRule:
    def test_a_small_psi_never_fires_however_sure_it_is(self):
        draw = np.random.default_rng(0)
        reference, current = (
            draw.multinomial(10**6, [0.5, 0.5], 60),
            draw.multinomial(10**6, [0.52, 0.48], 14),
        )
        score = drift.judge({"x": reference}, {"x": current}).scores[0]
        assert score.p == pytest.approx(1 / 74)
        assert score.psi < drift.THRESHOLD
        assert not score.fires

    def test_an_alarm_needs_the_same_feature_in_two_windows(self):
        normal = {"a": counts(60), "b": counts(60, seed=2)}
        one = drift.judge(normal, {"a": counts(14, shift=8), "b": counts(14, seed=3)})
        two = drift.judge(normal, {"a": counts(14, seed=4), "b": counts(14, shift=8)})
        assert drift.alarms(None, one) == []
        assert drift.alarms(one, two) == []
        assert drift.alarms(one, one) == ["a"]

    def test_features_and_days_must_agree(self):
        with pytest.raises(ValueError, match="same features"):
            drift.judge({"x": counts(60)}, {"y": counts(14)})
        with pytest.raises(ValueError, match="days"):
            drift.judge({"x": counts(60), "y": counts(50)}, {"x": counts(14), "y": counts(14)})

    def test_without_features_nothing_is_decided(self):
        assert drift.judge({}, {}).observing == "there are no features"


@pytest.mark.parametrize("first", range(5))
def test_a_column_that_tells_the_weekday_does_not_drift_although_three_open_days_never_hold_all(first):
    a_day = np.tile(180 * np.eye(5, dtype=int), (8, 1))
    reference, current = a_day[:30], np.roll(a_day, -first, axis=0)[:3]
    found = drift.judge({"weekday": reference}, {"weekday": current})
    assert found.observing is None
    assert found.scores[0].psi > 1
    assert found.firing == []
    wednesdays = drift.judge({"weekday": reference}, {"weekday": a_day[[2, 2, 2]]})
    assert wednesdays.firing == ["weekday"]
