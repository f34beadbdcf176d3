"""Drift: quiet where days only resemble their neighbours, loud where they moved, and never unable to speak."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace_stats import between, drift, seasonal, worlds
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


def series(days, r, seed, kinds=7):
    """Scatter of one made-up series of day means."""
    values = worlds.days(np.random.default_rng(seed), 1, days, r)[0][:, None]
    return between.Scatter.of(values, np.ones(days), np.arange(days) % kinds, np.arange(days))


class TestBetween:
    @pytest.mark.parametrize("r", [0.3, 0.5, 0.7])
    def test_correlation_and_variance_of_days_are_estimated_without_bias(self, r):
        scatters = [series(60, r, seed) for seed in range(200)]
        assert np.mean([one.r for one in scatters]) == pytest.approx(r, abs=0.04)
        assert np.mean([one.at(r)[0] for one in scatters]) == pytest.approx(1, abs=0.1)

    def test_how_unsure_the_correlation_is_is_known(self):
        scatters = [series(60, 0.5, seed) for seed in range(200)]
        told = np.mean([one.error for one in scatters])
        assert 0.5 < np.var([one.r for one in scatters]) / told < 1.5

    def test_weekdays_take_nothing_from_the_scatter_that_is_left(self):
        values = worlds.days(np.random.default_rng(1), 1, 60, 0.5)[0][:, None]
        kinds, places = np.arange(60) % 7, np.arange(60)
        of = between.Scatter.of
        plain = of(values, np.ones(60), kinds, places)
        assert of(values + 5.0 * kinds[:, None], np.ones(60), kinds, places).square == pytest.approx(
            plain.square
        )

    def test_few_days_of_each_weekday_are_not_held_apart(self):
        assert set(between.kinds(np.arange(27) % 7)) == {0}
        assert set(between.kinds(np.arange(28) % 7)) == set(range(7))

    def test_one_open_sunday_leaves_the_other_weekdays_apart(self):
        open_days = np.array([day % 7 for day in range(80) if day % 7 < 5 or day == 20])
        assert set(between.kinds(open_days)) == {*range(5), between.RARE}
        a_day = 180 * np.eye(7, dtype=int)
        weekdays = open_days, np.array([2, 3, 4])
        score = drift.judge({"x": a_day[open_days]}, {"x": a_day[weekdays[1]]}, weekdays=weekdays).scores[0]
        assert score.psi < 0.05
        assert drift.judge({"x": a_day[open_days]}, {"x": a_day[[1, 1, 1]]}, weekdays=weekdays).firing == [
            "x"
        ]

    def test_correlations_that_agree_become_one_and_others_stay_their_own(self):
        alike = {str(seed): series(60, 0.5, seed) for seed in range(24)}
        drawn = [one.r for one in between.drawn_together(alike).values()]
        assert np.std(drawn) < 0.3 * np.std([one.r for one in alike.values()])
        apart = alike | {f"other {seed}": series(60, 0.95, seed) for seed in range(24)}
        drawn = between.drawn_together(apart)
        gap = np.mean([drawn[name].r for name in apart if "o" in name]) - np.mean([drawn[n].r for n in alike])
        assert gap > 0.25

    def test_features_whose_days_are_all_alike_have_no_say_in_how_those_of_others_resemble_each_other(self):
        moving = {str(seed): series(60, 0.3, seed) for seed in range(6)}
        still = {f"still {n}": between.Scatter.of(np.ones((60, 1)), np.ones(60), np.zeros(60), np.arange(60))
                 for n in range(6)}  # fmt: skip
        alone, beside = between.drawn_together(moving), between.drawn_together(moving | still)
        assert {name: beside[name] for name in moving} == alone
        assert {beside[name].r for name in still} == {0.0}
        assert set(between.drawn_together(still)) == set(still)

    def test_features_that_go_up_and_down_together_know_no_more_than_one(self):
        days = worlds.days(np.random.default_rng(1), 24, 60, 0.7)
        of, days_apart = between.Scatter.of, (np.ones(60), np.zeros(60, int), np.arange(60))
        each = {str(n): of(one[:, None], *days_apart) for n, one in enumerate(days)}
        same = {str(n): of(days[0][:, None] + 0.1 * one[:, None], *days_apart) for n, one in enumerate(days)}
        assert between.in_common(list(each.values())) < 0.2
        assert between.in_common(list(same.values())) > 0.8
        unsure = [between.drawn_together(world)["0"].error for world in (each, same)]
        assert unsure[1] > 2 * unsure[0]

    def test_what_lasts_beneath_a_noise_of_single_days_is_known_by_many_features_and_not_by_one(self):
        """Half of the variance lasts (r=0.8), half is of the day alone: three days ahead say 0.5 or so."""
        draw = np.random.default_rng(2)
        days = np.sqrt(0.5) * (worlds.days(draw, 48, 120, 0.8) + draw.normal(size=(48, 120)))
        of, kept = between.Scatter.of, (np.ones(120), np.zeros(120, int), np.arange(120))
        scatters = {str(n): of(one[:, None], *kept) for n, one in enumerate(days)}
        alone = np.mean([between.drawn_together({"x": one})["x"].r for one in scatters.values()])
        together = np.mean([one.r for one in between.drawn_together(scatters).values()])
        assert together > alone + 0.05

    @pytest.mark.parametrize(("freedom", "shared"), [(8.0, 0.0), (30.0, 0.3), (30.0, 0.6)])
    def test_two_in_a_row_come_as_often_as_is_said(self, freedom, shared):
        draw, repeats = np.random.default_rng(1), 400_000
        both = np.sqrt(shared) * draw.normal(size=repeats) + np.sqrt(1 - shared) * draw.normal(
            size=(2, repeats)
        )
        sizes = both / np.sqrt(draw.chisquare(freedom, repeats) / freedom)
        chance = between.DayNull(1.0, freedom, shared)
        height = np.sqrt(chance.reaches(0.002))
        often = np.mean((sizes > height).all(0) | (sizes < -height).all(0))
        assert often == pytest.approx(0.002, rel=0.2)
        assert chance.twice(height**2) == pytest.approx(0.002, rel=0.05)


class TestDays:
    def test_days_that_were_not_recorded_say_nothing(self):
        reference = counts(60)
        reference[:30] = 0
        lately = drift.judge({"x": reference}, {"x": counts(14)}).scores[0]
        assert lately == drift.judge({"x": reference[30:]}, {"x": counts(14)}).scores[0]

    def test_a_feature_recorded_only_lately_can_still_be_found(self):
        reference, current = counts(60), counts(14, shift=3)
        reference[:30] = 0
        assert drift.judge({"x": reference}, {"x": current}).firing == ["x"]

    @pytest.mark.parametrize("a_day", [[3, 5, 7, 11, 1], [0, 0, 200, 0, 0], [1000]])
    def test_one_whose_days_are_all_alike_is_as_surprising_as_any_by_smoothing_alone_and_fires_when_it_moves(
        self, a_day
    ):
        reference, current = np.tile(a_day, (60, 1)), np.tile(a_day, (14, 1))
        score = drift.judge({"x": reference}, {"x": current}).scores[0]
        assert (score.p > 0.3, score.adjusted, score.psi <= score.null_high) == (True, 1.0, True)
        if len(a_day) > 1:
            assert drift.judge({"x": reference}, {"x": np.roll(current, 1, axis=1)}).firing == ["x"]

    def test_one_recorded_on_too_few_days_is_scored_and_never_fires(self):
        reference = counts(60)
        reference[:50] = 0
        score = drift.judge({"x": reference}, {"x": counts(14, shift=8)}).scores[0]
        assert score.psi > 1
        assert not score.fires


class TestNullHolds:
    @pytest.mark.parametrize("r", [0.0, 0.5, 0.7])
    def test_p_below_5_percent_in_at_most_7_percent(self, r):
        result = measure("", 400, surprising, r, 60, 14)
        assert result.share <= bound(0.07, 400)

    def test_planted_days_that_do_not_resemble_each_other_break_the_promise(self, monkeypatch):
        """The bug to be caught: days taken for exchangeable, where real days resemble their neighbours."""
        honest = measure("", 150, surprising, 0.7, 60, 14).share
        monkeypatch.setattr(
            between.Scatter, "r", property(lambda self: 0.0, lambda self, value: None), raising=False
        )
        assert measure("", 150, surprising, 0.7, 60, 14).share > bound(0.07, 150) > honest

    def test_a_year_of_24_quiet_features_raises_few_alarms(self):
        assert measure("", 6, drift_year, 0.7, 14).hits <= 3

    def test_planted_day_effects_ignored_raise_one_every_year(self, monkeypatch):
        """The bug to be caught: rows taken for the sample, so that days differ by what rows do alone."""
        monkeypatch.setattr(between.Scatter, "at", lambda self, r: (19 / 1000, 1e6))
        assert measure("", 3, drift_year, 0.5, 14).hits == 3

    def test_weekdays_shared_days_and_holidays_raise_few_alarms(self):
        world = seasonal.Season("", r=0.7, week=1.5, together=0.5)
        assert measure("", 6, seasonal.drifted, world, 14).hits <= 3

    def test_planted_windows_beside_other_weekdays_raise_one_every_year(self, monkeypatch):
        """The bug to be caught: weekdays taken out of what days differ by, and not out of what is compared."""
        monkeypatch.setattr(drift, "_like", lambda rows, kinds, shares, weekdays: rows / rows.sum())
        world = seasonal.Season("", week=3.0)
        assert measure("", 4, seasonal.drifted, world, 4).hits == 4


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

    def test_one_of_24_features_that_moves_by_2_day_spreads_is_found_within_two_months(self):
        """28 to 35 days in docs/simulations.md; on nine years the median may lie two windows later. Max-T took 126."""
        world = seasonal.Season("", r=0.5)
        assert measure("", 9, seasonal.drifted, world, 14, 2.0, unit="days").median <= 56

    def test_more_features_and_shorter_windows_ask_for_more(self):
        normal, moved = (
            {f"x{n}": counts(60, seed=n) for n in range(24)},
            {f"x{n}": counts(14) for n in range(24)},
        )
        alone = drift.judge({"x1": normal["x1"]}, {"x1": moved["x1"]}).scores[0]
        among = next(one for one in drift.judge(normal, moved).scores if one.feature == "x1")
        assert among.null_high > alone.null_high
        weeks = drift.judge({"x1": normal["x1"]}, {"x1": moved["x1"][:7]}).scores[0]
        assert weeks.null_high > alone.null_high


class TestFloors:
    @pytest.mark.parametrize(
        ("reference", "current", "words"), [(29, 7, "30 are needed"), (40, 21, "twice"), (60, 0, "twice")]
    )
    def test_spans_that_cannot_fire_say_why(self, reference, current, words):
        assert words in drift.cannot_fire(reference, current)

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
        assert score.p < 1e-6
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
    kinds = np.arange(40) % 5
    reference, current = a_day[:30], np.roll(a_day, -first, axis=0)[:3]
    weekdays = kinds[:30], np.roll(kinds, -first)[:3]
    found = drift.judge({"weekday": reference}, {"weekday": current}, weekdays=weekdays)
    assert found.observing is None
    assert found.scores[0].psi < 0.01
    assert found.firing == []
    wednesdays = drift.judge({"weekday": reference}, {"weekday": a_day[[2, 2, 2]]}, weekdays=weekdays)
    assert wednesdays.firing == ["weekday"]
