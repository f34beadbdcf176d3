"""The gate's power and errors in worlds whose truth is known, in small; planted bugs turn it red."""

import numpy as np
import pytest

from millrace_stats import evidence, power, regret, stakes, worlds
from millrace_stats.pairs import Pair

REPEATS = 3000
MARGIN = power.MARGIN


def allowed(share, repeats=REPEATS):
    """The share with three standard errors."""
    return share + 3 * np.sqrt(share * (1 - share) / repeats)


def passed(kind, number, times, r, gap, repeats=REPEATS):
    return power.cell(kind, number, times, r, gap, repeats)[1]


class TestErrors:
    @pytest.mark.parametrize("kind", ["even", "tailed", "proportional", "gain"])
    @pytest.mark.parametrize("number", [14, 28])
    @pytest.mark.parametrize("times", [2, 10])
    def test_at_most_5_percent_of_candidates_as_bad_as_the_margin_pass(self, kind, number, times):
        assert max(passed(kind, number, times, r, MARGIN) for r in (0.0, 0.2, 0.4)) <= allowed(0.05)

    def test_the_rule_before_passed_more_than_that(self):
        assert power.cell("proportional", 14, 2, 0.4, MARGIN, REPEATS)[0] > allowed(0.05)

    def test_rare_harm_is_not_kept_and_the_page_says_so(self):
        """What no block of a holdout shows is not known; this goes green when somebody mends it."""
        assert passed("harm", 28, 2, 0.4, MARGIN) > allowed(0.05)

    def test_planted_blocks_taken_as_independent_break_it(self, monkeypatch):
        monkeypatch.setattr(evidence, "dependence", lambda values: np.zeros(values.shape[:-1]))
        assert passed("even", 28, 2, 0.4, MARGIN) > allowed(0.05)

    def test_planted_peeking_breaks_it(self):
        """Looking again each time four blocks have come, until it passes."""
        draw = np.random.default_rng(2)
        champion, candidate = worlds.blocks(draw, "even", REPEATS, 28, 0.2, 2 * MARGIN, MARGIN)
        looks = [power.passes(candidate[:, :end], champion[:, :end]) for end in range(8, 29, 4)]
        assert np.any(looks, 0).mean() > allowed(0.05)
        assert looks[-1].mean() <= allowed(0.05)

    def test_planted_judging_on_rows_that_the_candidate_has_seen_breaks_it(self):
        """What a model has learnt by heart it does a tenth better, and is no better for it."""
        draw = np.random.default_rng(3)
        champion, candidate = worlds.blocks(draw, "even", REPEATS, 28, 0.2, 2 * MARGIN, MARGIN)
        assert power.passes(candidate - 0.1, champion).mean() > allowed(0.05)

    def test_planted_copies_of_each_block_break_it_unless_they_are_known_to_be_copies(self):
        """Copies of rows on both sides of a split: each block stands twice, as if it were another."""
        draw = np.random.default_rng(4)
        champion, candidate = worlds.blocks(draw, "even", REPEATS, 14, 0.0, 2 * MARGIN, MARGIN)
        apart = [np.tile(one, (1, 2)) for one in (candidate, champion)]
        assert power.passes(*apart).mean() > allowed(0.05)
        assert power.passes(candidate, champion).mean() <= allowed(0.05)


class TestPower:
    @pytest.mark.parametrize("kind", ["even", "tailed", "proportional"])
    @pytest.mark.parametrize("r", [0.0, 0.2, 0.4])
    def test_a_tenth_better_on_28_blocks_of_twice_the_margin_passes_in_80_percent(self, kind, r):
        assert passed(kind, 28, 2, r, -0.1) >= 0.8

    def test_what_earlier_runs_have_told_counts_without_more_errors(self):
        told, anew = power.in_turn("even", MARGIN, 2, 0.2, REPEATS)
        assert told.mean(0).max() <= allowed(0.05)
        assert told.any(1).mean() <= anew.any(1).mean()

    @pytest.mark.parametrize("r", [0.0, 0.4])
    def test_the_third_run_of_one_configuration_decides_far_more_often(self, r):
        told, anew = power.in_turn("even", -0.1, 10, r, REPEATS)
        assert told[:, 2].mean() >= 0.8
        assert told[:, 2].mean() > anew[:, 2].mean() + 0.08


class TestStakes:
    def weigh(self, difference, spread, **prices):
        draw = np.random.default_rng(5).normal(size=28)
        shares = difference + spread * (draw - draw.mean()) / draw.std()
        told = stakes.weigh(evidence.of(shares), stakes.Prices(**prices))
        return float(told.promoting), float(told.keeping)

    def test_with_equal_prices_the_one_that_looks_better_costs_less(self):
        for difference in (-0.05, 0.05):
            promoting, keeping = self.weigh(difference, 0.3)
            assert (promoting < keeping) == (difference < 0)

    def test_the_difference_of_both_is_the_measured_one(self):
        promoting, keeping = self.weigh(-0.05, 0.3)
        assert promoting - keeping == pytest.approx(-0.05, abs=0.01)

    def test_a_dear_error_asks_for_more_than_looking_better(self):
        assert np.subtract(*self.weigh(-0.01, 0.3)) < 0
        assert np.subtract(*self.weigh(-0.01, 0.3, promoted=60.0, kept=30.0)) > 0

    def test_no_price_is_more_than_twice_the_other(self):
        assert stakes.Prices(1.0, 400.0).bounded() == stakes.Prices(200.0, 400.0)
        assert stakes.Prices(400.0, 1.0).bounded() == stakes.Prices(2.0, 1.0)
        with pytest.raises(ValueError, match="positive"):
            stakes.Prices(0.0, 1.0).bounded()

    def test_expected_excess_agrees_with_draws(self):
        draws = np.random.default_rng(6).standard_t(6, 400_000)
        for threshold in (-1.0, 0.0, 2.0):
            told = float(evidence.above(threshold, np.float64(6)))
            assert told == pytest.approx(np.maximum(draws - threshold, 0).mean(), rel=0.03)

    def test_weighing_what_is_at_stake_halves_regret_where_the_world_changes_and_costs_little_where_it_does_not(
        self,
    ):
        slow = regret.simulate(regret.WORLDS[2], 0.2, 0.3, 40)
        assert slow["balanced"][0] < 0.6 * slow["strict"][0]
        still = regret.simulate(regret.WORLDS[0], 0.2, 0.3, 40)
        assert still["balanced"][0] < still["strict"][0] + 0.6
        assert still["balanced"][0] < still["always"][0]


def test_the_estimate_is_the_ratio_of_the_means():
    draw = np.random.default_rng(7)
    champion, candidate = worlds.blocks(draw, "proportional", 5, 28, 0.2, 0.2, -0.1)
    found = Pair.of(candidate, champion).difference
    assert found == pytest.approx(candidate.mean(1) / champion.mean(1) - 1)


def test_a_few_blocks_that_are_alike_are_worth_one_at_least():
    """However much they resemble each other, their mean is as sure as one of them."""
    found = evidence.of(np.array([0.0, 0.1, 0.2, 0.3]))
    assert found.autocorrelation > 0.6
    assert found.error == pytest.approx(np.std([0.0, 0.1, 0.2, 0.3], ddof=1))
