"""Paired comparison: a gate that errs rarely and says "not enough", and a way back that needs lasting evidence."""

import json

import numpy as np
import pytest

from millrace_stats import evidence, slicing, worlds
from millrace_stats.measurements import measure, passes, switched
from millrace_stats.paired import SwitchBackTest, non_inferior, slices


def blocks(difference, days=28, spread=0.01, seed=0):
    champion = np.full(days, 2.0)
    return champion * (1 + difference + spread * np.random.default_rng(seed).normal(size=days)), champion


def gate(difference, days=28, margin=0.02, **given):
    candidate, champion = blocks(difference, days)
    return non_inferior(candidate, champion, np.full(days, 100), margin, **given)


class TestGate:
    @pytest.mark.parametrize("r", [0.0, 0.2, 0.4])
    def test_a_candidate_as_bad_as_the_margin_passes_in_at_most_5_percent(self, r):
        result = measure("", 600, passes, r, 14, 1.0)
        assert result.share <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 600)

    @pytest.mark.parametrize(
        ("difference", "verdict"), [(-0.1, "passed"), (0, "passed"), (0.02, "inconclusive"), (0.1, "failed")]
    )
    def test_three_verdicts(self, difference, verdict):
        assert gate(difference).verdict == verdict

    def test_too_few_blocks_are_inconclusive_however_good(self):
        found = gate(-0.5, days=13)
        assert found.verdict == "inconclusive"
        assert "13 blocks are too few" in found.reason

    def test_fewer_than_three_blocks_never_decide(self):
        assert gate(-0.5, days=2, minimum_blocks=1).verdict == "inconclusive"

    def test_the_difference_is_relative_to_the_champion(self):
        candidate, champion = blocks(0.05)
        small = non_inferior(candidate * 1e-9, champion * 1e-9, np.ones(28), 0.02)
        assert small.difference == pytest.approx(gate(0.05).difference)

    def test_the_order_of_unordered_blocks_does_not_matter(self):
        candidate, champion = blocks(0.01)
        candidate.sort()
        mixed = np.random.default_rng(1).permutation(28)
        one, two = (
            non_inferior(values, champion, np.ones(28), 0.02, ordered=False)
            for values in (candidate, candidate[mixed])
        )
        assert (one.lower, one.upper) == pytest.approx((two.lower, two.upper))
        assert one.autocorrelation == 0

    def test_a_lucky_block_that_gets_luckier_takes_no_pass_away(self):
        """A t bound alone would: the lucky block makes the scale large."""
        champion = np.full(28, 1.0)
        candidate = 0.95 + 0.02 * np.random.default_rng(4).normal(size=28)
        verdicts = []
        for luck in (0.9, 0.5, 0.0):
            candidate[7] = luck
            verdicts.append(non_inferior(candidate, champion, np.ones(28), 0.02).verdict)
        assert verdicts == ["passed"] * 3

    def test_one_catastrophic_day_keeps_a_candidate_back_however_good_all_others_are(self):
        """The mean is what is guarded: on a typical day it would be a tenth better."""
        champion = np.full(28, 1.0)
        candidate = champion * 0.9
        assert non_inferior(candidate, champion, np.ones(28), 0.02).verdict == "passed"
        candidate[20] = 8.0
        assert non_inferior(candidate, champion, np.ones(28), 0.02).verdict == "inconclusive"

    def test_what_both_models_share_takes_nothing_from_the_certainty(self):
        """A candidate that loses nine tenths on every day is that much better, however much the days differ."""
        champion = np.exp(2 * np.random.default_rng(1).normal(size=28))
        found = non_inferior(0.9 * champion, champion, np.ones(28), 0.02)
        assert (found.lower, found.upper) == pytest.approx((-0.1, -0.1), abs=1e-6)

    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize(("loss", "verdict"), [(0.0, "passed"), (0.1, "failed")])
    def test_against_a_perfect_champion_only_a_perfect_candidate_passes(self, loss, verdict):
        assert non_inferior(np.full(14, loss), np.zeros(14), np.ones(14), 0.02).verdict == verdict

    def test_shapes_and_values_are_checked(self):
        with pytest.raises(ValueError, match="each block"):
            non_inferior(np.ones(14), np.ones(15), np.ones(14), 0.02)
        with pytest.raises(ValueError, match="finite"):
            non_inferior(np.full(14, np.nan), np.ones(14), np.ones(14), 0.02)


class TestSlices:
    def test_one_bad_slice_of_twenty_is_named_and_no_other(self):
        parts = {f"s{n}": (*blocks(0.3 * (n == 7), seed=n), np.full(28, 50)) for n in range(20)}
        assert [item.name for item in slices(parts) if item.worse] == ["s7"]

    def test_equal_slices_are_rarely_called_worse(self):
        families = 0
        for family in range(100):
            parts = {f"s{n}": (*blocks(0.05, seed=100 * family + n), np.full(28, 50)) for n in range(10)}
            families += any(item.worse for item in slices(parts))
        assert families / 100 <= 0.07 + 3 * np.sqrt(0.07 * 0.93 / 100)

    @pytest.mark.parametrize("r", [0.0, 0.4])
    def test_slices_at_the_tolerance_are_called_worse_in_at_most_5_percent_also_on_few_days_like_their_neighbours(
        self, r
    ):
        share = measure("", 300, slicing.called, "even", 10, 14, r, slicing.TOLERANCE).share
        assert share <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)

    def test_that_goes_red_where_each_slice_is_believed_by_itself(self, monkeypatch):
        own = np.vectorize(evidence.dependence, signature="(n)->()")
        monkeypatch.setattr(evidence, "dependences", lambda series: own(np.array(series)))
        assert measure("", 300, slicing.called, "even", 10, 14, 0.4, slicing.TOLERANCE).share > 0.1

    def test_a_slice_that_is_worse_among_some_that_are_not_is_found(self):
        assert measure("", 100, slicing.seen, "even", 10, 28, 0.4, slicing.TOLERANCE, 2).share > 0.7

    def test_days_of_one_slice_that_resemble_each_other_count_less_also_beside_others_that_do_not(self):
        draw = np.random.default_rng(5)
        series = [*worlds.days(draw, 1, 200, 0.8), *worlds.days(draw, 9, 200, 0.0)]
        told = evidence.dependences(series)
        assert told[0] == pytest.approx(0.8, abs=0.1)
        assert max(told[1:]) < 0.2

    def test_a_slice_that_looks_independent_by_chance_is_held_to_the_mean_of_all(self):
        series = list(worlds.days(np.random.default_rng(6), 20, 14, 0.4))
        alone = np.array([float(evidence.dependence(one)) for one in series])
        assert alone.min() == 0
        assert 0.2 < min(evidence.dependences(series)) <= 0.6

    def test_small_slices_and_days_without_the_slice_are_left_out(self):
        candidate, champion = blocks(0.3)
        candidate[3] = np.nan
        parts = {"holes": (candidate, champion, np.full(28, 50)), "small": (*blocks(0.3), np.full(28, 17))}
        found = slices(parts)
        assert [(item.name, item.worse, item.rows) for item in found] == [("holes", True, 27 * 50)]

    def test_without_slices_there_are_no_findings(self):
        assert slices({}) == []


def fed(watch, gains, champion=1.0):
    """Feed daily gains; the first day on which a switch is called for."""
    for day, gain in enumerate(gains, start=1):
        if watch.update(champion, champion - gain):
            return day
    return None


def noise(days, seed=0, spread=0.05):
    return spread * np.random.default_rng(seed).normal(size=days)


class TestSwitchBack:
    @pytest.mark.parametrize("r", [0.0, 0.2])
    def test_an_equal_version_is_switched_to_in_at_most_one_percent_a_year(self, r):
        result = measure("", 120, switched, r, 0.0)
        assert result.share <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / 120)

    def test_a_version_better_by_two_day_spreads_is_found_within_12_days(self):
        assert measure("", 60, switched, 0.0, 2.0, unit="days").median <= 12

    def test_planted_weekly_p_values_break_the_promise(self):
        """The bug to be caught: a test at p < 0.01 looked at every week for a year."""
        from scipy import stats

        def weekly(draw):
            gains = draw.normal(size=365)
            weeks = range(14, 365, 7)
            return any(
                stats.ttest_1samp(gains[day - 14 : day], 0, alternative="greater").pvalue < 0.01
                for day in weeks
            )

        assert measure("", 100, weekly).share > 0.01 + 3 * np.sqrt(0.01 * 0.99 / 100)

    def test_months_in_which_it_was_worse_do_not_hide_that_it_is_better_now(self):
        gains = np.concatenate([noise(150) - 0.05, noise(60, seed=1) + 0.15])
        day = fed(SwitchBackTest.start(5, earlier=noise(28, seed=2)), gains)
        assert day is not None
        assert 157 <= day <= 185

    def test_a_change_just_before_its_first_day_does_not_blind_the_pair(self):
        """It was three day-spreads worse until a week ago: around one mean the scale would be four times too large."""
        found = measure("", 40, switched, 0.0, 2.0, 1, 0, 28, 0.02, 3.0, unit="days")
        assert found.share > 0.95
        assert found.median <= 14

    def test_one_that_was_worse_until_a_week_ago_and_is_equal_now_is_not_switched_to(self):
        result = measure("", 60, switched, 0.0, 0.0, 1, 0, 28, 0.02, 3.0)
        assert result.share <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / 60)

    def test_a_gain_below_the_margin_never_switches(self):
        watch = SwitchBackTest.start(1, margin=0.02, earlier=noise(28, spread=0.001))
        assert fed(watch, noise(200, spread=0.001) + 0.01) is None
        assert watch.detector.alarm

    def test_fewer_days_than_the_minimum_never_switch(self):
        assert fed(SwitchBackTest.start(1, minimum_days=7, earlier=noise(28)), np.full(50, 1.0)) == 7

    def test_more_candidates_need_more_evidence(self):
        days = [fed(SwitchBackTest.start(n, earlier=noise(28)), noise(300, 1) + 0.05) for n in (1, 1000)]
        assert days[0] < days[1]

    def test_without_earlier_days_the_scale_comes_from_the_first_28_live_days(self):
        watch = SwitchBackTest.start(1)
        assert fed(watch, noise(28)) is None
        assert watch.detector.reference.days == 28
        assert watch.waiting == []
        assert fed(watch, np.full(30, 0.3)) is not None

    def test_the_frozen_scale_does_not_take_in_the_effect(self):
        watch = SwitchBackTest.start(1, earlier=noise(28))
        scale = watch.detector.reference.scale
        fed(watch, np.full(20, 0.3))
        assert watch.detector.reference.scale == scale

    @pytest.mark.parametrize("earlier", [None, noise(28)])
    @pytest.mark.parametrize("day", [5, 27, 28, 40])
    def test_a_restart_on_any_day_changes_no_bit(self, earlier, day):
        steady, restarted = (SwitchBackTest.start(3, earlier=earlier) for _ in range(2))
        for number, gain in enumerate(noise(60, seed=3) + 0.02):
            if number == day:
                restarted = SwitchBackTest.from_dict(json.loads(json.dumps(restarted.to_dict())))
            assert steady.update(1.0, 1.0 - gain) == restarted.update(1.0, 1.0 - gain)
        assert restarted.to_dict() == steady.to_dict()
        assert restarted.evidence() == steady.evidence()

    def test_losses_that_are_not_finite_are_refused_and_change_nothing(self):
        watch = SwitchBackTest.start(1, earlier=noise(28))
        before = watch.to_dict()
        with pytest.raises(ValueError, match="finite"):
            watch.update(1.0, float("nan"))
        assert watch.to_dict() == before
