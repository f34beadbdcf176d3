"""Canary: a broken one is withdrawn soon, a healthy one rarely however often one looks, and bursts are one failure."""

import numpy as np
import pytest

from millrace_stats.canary import Arm, aborts, answers_psi, hard_fault, log_evidence
from millrace_stats.measurements import aborted, measure


class TestEvidence:
    def test_it_is_the_mixture_of_likelihood_ratios(self):
        """x of n failures on the canary: mean over r of (q/w)^x ((1-q)/(1-w))^(n-x), q = w r / (1 - w + w r)."""
        x, n, w = 4, 10, 0.05
        shares = [w * r / (1 - w + w * r) for r in (2, 5, 20)]
        expected = np.mean([(q / w) ** x * ((1 - q) / (1 - w)) ** (n - x) for q in shares])
        assert log_evidence([Arm(500, 9500, x, n - x)]) == pytest.approx(np.log(expected))

    def test_its_mean_is_one_when_failures_fall_by_chance(self):
        failed = np.random.default_rng(0).binomial(20, 0.25, 20_000)
        values = np.exp([log_evidence([Arm(250, 750, int(x), 20 - int(x))]) for x in failed])
        assert values.mean() == pytest.approx(1, abs=4 * values.std() / np.sqrt(20_000))

    def test_steps_multiply(self):
        one, two = Arm(50, 950, 2, 3), Arm(250, 750, 5, 4)
        assert log_evidence([one, two]) == pytest.approx(log_evidence([one]) + log_evidence([two]))

    @pytest.mark.parametrize("arm", [Arm(0, 100, 0, 5), Arm(100, 0, 5, 0), Arm(100, 100, 0, 0)])
    def test_one_arm_or_no_failure_is_no_evidence(self, arm):
        assert log_evidence([arm]) == 0

    def test_one_or_two_failures_never_abort(self):
        assert not aborts([Arm(1, 10**6, 2, 0)])


class TestLookedAtEverySecond:
    def test_a_healthy_canary_is_rarely_aborted(self):
        result = measure("", 150, aborted, 20, 0.005, 0.005, (0.05, 0.25, 0.5))
        assert result.share <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / 150)

    def test_a_canary_that_fails_every_other_request_is_aborted_within_15_seconds(self):
        assert measure("", 40, aborted, 20, 0.5, 0.001, unit="s").median <= 15

    def test_planted_count_of_requests_breaks_the_promise(self):
        """The bug to be caught: failures come in bursts of one key, and each was counted."""

        def bursts(draw):
            failed = draw.binomial(1, 0.05, 400).cumsum(), np.arange(1, 401)
            return any(
                aborts([Arm(500, 9500, 10 * int(x), 10 * int(n - x))]) for x, n in zip(*failed, strict=True)
            )

        def keys(draw):
            failed = draw.binomial(1, 0.05, 400).cumsum(), np.arange(1, 401)
            return any(aborts([Arm(500, 9500, int(x), int(n - x))]) for x, n in zip(*failed, strict=True))

        assert measure("", 60, keys).share <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / 60)
        assert measure("", 60, bursts).share > 0.2


class TestHardFaults:
    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ((100, 1, False), "1 of 100 answers are not finite"),
            ((50, 0, True), "same value"),
            ((100, 0, False, 0.26), "differently"),
        ],
    )
    def test_each_is_named(self, given, words):
        assert words in hard_fault(*given)

    @pytest.mark.parametrize(
        "given", [(100, 0, False), (49, 0, True), (100, 0, False, 0.25), (0, 0, False, None)]
    )
    def test_a_healthy_revision_has_none(self, given):
        assert hard_fault(*given) is None


class TestAnswers:
    def test_equal_answers_score_nothing_and_doubled_ones_much(self):
        stable = np.random.default_rng(0).normal(100, 20, 2000)
        assert answers_psi(stable, stable) == pytest.approx(0)
        assert answers_psi(2 * stable, stable) > 0.25

    def test_few_pairs_say_nothing(self):
        assert answers_psi(np.zeros(499), np.ones(499)) is None

    def test_a_constant_stable_arm_can_be_compared(self):
        assert answers_psi(np.zeros(500), np.zeros(500)) == pytest.approx(0)
        assert answers_psi(np.ones(500), np.zeros(500)) > 0.25
