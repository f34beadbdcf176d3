"""Performance without labels: what is expected, how surely, and where nothing can be claimed."""

import json

import numpy as np
import pytest

from millrace_stats import bins, tasks
from millrace_stats.estimates import errors, expected, isotonic, learning, selection, tracking, trees
from millrace_stats.estimates.estimator import Chunk, Estimator
from millrace_stats.estimates.learning import Reference
from millrace_stats.estimates.tracking import Settled

SEED = 20


def logistic(x):
    return 1 / (1 + np.exp(-x))


def binary_rows(rows, rng, mean=0.0, overconfident=1.0):
    """Answers and labels: the true chance depends on x; the model says so too loudly."""
    x = rng.normal(mean, 1.5, rows)
    return logistic(overconfident * x), (rng.random(rows) < logistic(x)).astype(float), x


def reference(predicted, target, blocks, slots=None, sizes=None):
    return Reference(Chunk(predicted, slots or {}), target, blocks, sizes or {})


def numbers(rows, rng, low=0.0, high=1.0):
    """Answers whose error grows with one feature, which is seen in 20 slots."""
    x = rng.uniform(low, high, rows)
    predicted = rng.normal(size=rows)
    return (
        predicted,
        predicted + rng.normal(size=rows) * (0.2 + 2 * x),
        {"x": np.minimum((x * 20).astype(int), 19)},
    )


class TestClasses:
    def test_expected_metrics_are_the_mean_over_all_labels_that_honest_chances_allow(self):
        rng = np.random.default_rng(SEED)
        given, honest = rng.random(400), rng.random(400)
        both = np.column_stack([1 - given, given]), np.column_stack([1 - honest, honest])
        told = expected.binary(*both, (given >= 0.5).astype(int)) | {
            "loss": float(expected.log_loss(*both).mean.mean())
        }
        judge = tasks.of("binary")
        drawn = [
            learning.measured(judge, (rng.random(400) < honest).astype(float), Chunk(given))
            for _ in range(400)
        ]
        for name, value in told.items():
            draws = np.array([draw[name] for draw in drawn])
            assert value == pytest.approx(draws.mean(), abs=5 * draws.std() / 20), name

    def test_an_overconfident_model_is_estimated_as_it_is_and_not_as_it_says(self):
        rng = np.random.default_rng(SEED)
        predicted, target, _ = binary_rows(20_000, rng, overconfident=2.0)
        estimator = learning.learn("binary", reference(predicted, target, np.repeat(np.arange(40), 500)))
        predicted, target, _ = binary_rows(20_000, rng, overconfident=2.0)
        real = learning.measured(tasks.of("binary"), target, Chunk(predicted))["loss"]
        said = float(expected.log_loss(*(np.column_stack([1 - predicted, predicted]),) * 2).mean.mean())
        assert abs(estimator.expect(Chunk(predicted)).metrics["loss"] - real) < 0.02
        assert said < real - 0.1

    def test_the_estimate_follows_rows_that_are_harder_and_its_band_holds_the_truth(self):
        rng = np.random.default_rng(SEED)
        predicted, target, _ = binary_rows(28 * 400, rng, mean=1.5)
        estimator = learning.learn("binary", reference(predicted, target, np.repeat(np.arange(28), 400)))
        held = []
        for _ in range(60):
            predicted, target, _ = binary_rows(400, rng, mean=0.0)
            told = estimator.expect(Chunk(predicted))
            band = errors.band(told.metrics["loss"], estimator.errors["loss"], 400, variance=told.variance)
            held.append(
                band.lower
                <= learning.measured(tasks.of("binary"), target, Chunk(predicted))["loss"]
                <= band.upper
            )
        easy = estimator.expect(Chunk(binary_rows(4000, rng, mean=1.5)[0])).metrics["loss"]
        assert told.metrics["loss"] > easy + 0.05
        assert np.mean(held) >= 0.85

    def test_three_classes_are_calibrated_each(self):
        rng = np.random.default_rng(SEED)
        chances = rng.dirichlet([1, 1, 1], 12_000)
        target = (rng.random(12_000)[:, None] > chances.cumsum(axis=1)).sum(axis=1).astype(float)
        loud = chances**2 / (chances**2).sum(axis=1, keepdims=True)
        estimator = learning.learn(
            "multiclass", reference(loud[:8000], target[:8000], np.repeat(np.arange(20), 400))
        )
        told = estimator.expect(Chunk(loud[8000:])).metrics
        real = learning.measured(tasks.of("multiclass"), target[8000:], Chunk(loud[8000:]))
        assert {"loss", "accuracy", "macro_f1", "auc"} <= set(told)
        assert all(told[name] == pytest.approx(real[name], abs=0.03) for name in told)

    def test_calibration_keeps_the_mean_and_rises(self):
        rng = np.random.default_rng(SEED)
        predicted, target, _ = binary_rows(5000, rng, overconfident=3.0)
        curve = isotonic.fit(predicted, target)
        assert (np.diff(curve.share) >= 0).all()
        assert curve.apply(predicted).mean() == pytest.approx(target.mean(), abs=0.002)


class TestLossModel:
    def test_a_shift_to_rows_that_are_harder_is_seen_without_labels(self):
        rng = np.random.default_rng(SEED)
        predicted, target, slots = numbers(8000, rng)
        estimator = learning.learn(
            "regression", reference(predicted, target, np.repeat(np.arange(20), 400), slots, {"x": 20})
        )
        predicted, target, slots = numbers(4000, rng, low=0.7)
        told = estimator.expect(Chunk(predicted, slots)).metrics
        assert told["loss"] == pytest.approx(float(np.mean((target - predicted) ** 2)), rel=0.08)
        assert told["mae"] == pytest.approx(float(np.mean(np.abs(target - predicted))), rel=0.06)

    def test_a_holdout_of_one_day_says_how_much_a_row_varies_as_many_days_do(self):
        rng = np.random.default_rng(SEED)
        predicted, target, slots = numbers(4000, rng)
        ratios = [
            learning.learn("regression", reference(predicted, target, blocks, slots, {"x": 20})).ratio
            for blocks in (np.zeros(4000, int), np.repeat(np.arange(40), 100))
        ]
        assert ratios[0] == pytest.approx(ratios[1], rel=0.2)

    def test_a_model_that_was_never_wrong_varies_by_nothing(self):
        predicted, _, slots = numbers(400, np.random.default_rng(SEED))
        found = learning.learn("regression", reference(predicted, predicted, np.zeros(400), slots, {"x": 20}))
        assert (found.ratio, found.expect(Chunk(predicted, slots)).variance) == (0.0, 0.0)

    def test_concept_drift_is_not_seen_which_is_why_labels_judge_it(self):
        rng = np.random.default_rng(SEED)
        predicted, target, slots = numbers(8000, rng)
        estimator = learning.learn(
            "regression", reference(predicted, target, np.repeat(np.arange(20), 400), slots, {"x": 20})
        )
        before = estimator.expect(Chunk(predicted, slots)).metrics["loss"]
        predicted, target, slots = numbers(8000, rng)
        assert estimator.expect(Chunk(predicted, slots)).metrics["loss"] == pytest.approx(before, rel=0.05)
        assert float(np.mean((target + 3 - predicted) ** 2)) > 3 * before

    def test_words_are_learnt_in_the_order_of_their_mean(self):
        rng = np.random.default_rng(SEED)
        slots = {"word": rng.integers(0, 12, 4000)}
        target = np.where(np.isin(slots["word"], [1, 5, 9]), 4.0, 1.0) + rng.normal(0, 0.1, 4000)
        forest = trees.fit(slots, {"word": 12}, ["word"], target)
        assert np.abs(forest.predict(slots, 4000) - np.round(target)).mean() < 0.1

    def test_without_rows_enough_there_is_no_estimator(self):
        rng = np.random.default_rng(SEED)
        predicted, target, slots = numbers(150, rng)
        assert (
            learning.learn(
                "regression", reference(predicted, target, np.repeat(np.arange(15), 10), slots, {"x": 20})
            )
            is None
        )

    def test_an_estimator_is_the_same_after_a_way_through_json(self):
        rng = np.random.default_rng(SEED)
        predicted, target, slots = numbers(2000, rng)
        estimator = learning.learn(
            "regression", reference(predicted, target, np.repeat(np.arange(20), 100), slots, {"x": 20})
        )
        again = Estimator.from_dict(json.loads(json.dumps(estimator.to_dict())))
        assert (
            again.expect(Chunk(predicted, slots)).metrics == estimator.expect(Chunk(predicted, slots)).metrics
        )
        assert again.errors == estimator.errors
        with pytest.raises(ValueError, match="form 99"):
            Estimator.from_dict({**estimator.to_dict(), "form": 99})


def test_the_slot_of_a_word_is_the_one_in_which_a_profile_counts_it():
    rng = np.random.default_rng(SEED)
    seen = np.array([f"w{number}" for number in rng.geometric(0.01, 3000)], object)
    words = bins.fit(seen, "category")
    rows = np.concatenate([seen[:500], np.array(["never seen", "", None, np.nan], object)])
    assert (np.bincount(words.place(rows), minlength=words.slots) == words.count(rows)).all()


class TestErrors:
    def test_a_band_has_the_chance_of_the_rows_and_the_error_of_the_estimator_in_it(self):
        error = errors.of_blocks([0.1, -0.1] * 10, [0.005] * 20, [100] * 20)
        few = errors.band(1.0, error, 100, variance=0.5)
        many = errors.band(1.0, error, 1_000_000, variance=0.5)
        assert few.sampling == pytest.approx((0.5 / 100) ** 0.5)
        assert few.estimator == pytest.approx(many.estimator) == pytest.approx(0.005**0.5, rel=0.2)
        assert many.sampling < 0.001
        assert few.upper - few.lower > many.upper - many.lower > 0.2

    def test_no_band_without_blocks_that_say_how_wrong_it_is(self):
        assert errors.of_blocks([0.1] * 4, None, [10] * 4) is None
        assert errors.band(1.0, None, 100) is None


class TestTracking:
    def settled(self, days, rng, error=0.1, bias=0.0, drift=0.0):
        said = 1 + rng.normal(0, 0.05, days)
        return [Settled(float(x), float(x + bias + rng.normal(0, error)), 0.1) for x in said]

    def test_the_error_is_known_after_28_settled_days(self):
        rng = np.random.default_rng(SEED)
        days = self.settled(28, rng)
        assert not tracking.standing(days[:27]).known
        assert tracking.standing(days).trusted
        assert tracking.standing([]).held is None

    def test_an_estimator_that_is_wrong_here_gets_wider_bands_and_no_trust(self):
        rng = np.random.default_rng(SEED)
        found = tracking.standing(self.settled(40, rng, bias=0.4))
        assert found.widen > 2
        assert not found.trusted
        assert found.bias == pytest.approx(0.4, abs=0.1)

    def test_it_never_calls_before_its_error_is_known(self):
        rng = np.random.default_rng(SEED)
        days = self.settled(27, rng)
        assert tracking.risen([day.expected for day in days] + [9.0] * 30, [*days, *[None] * 30], 1.0) == []

    def test_a_rise_is_called_within_days_and_its_usual_change_is_not(self):
        rng = np.random.default_rng(SEED)
        days = self.settled(28, rng)
        said = [day.expected for day in days]
        quiet = [float(value) for value in 1 + rng.normal(0, 0.05, 200)]
        assert tracking.risen(said + quiet, [*days, *[None] * 200], 0.01) == []
        found = tracking.risen([*said, *quiet[:10], *[1.8] * 20], [*days, *[None] * 30], 0.01)
        assert found[0].place - 38 < 10

    def test_an_estimator_that_is_often_wrong_seldom_calls(self):
        rng = np.random.default_rng(SEED)
        days = self.settled(28, rng, error=0.8)
        assert (
            tracking.risen([*(day.expected for day in days), *[1.3] * 20], [*days, *[None] * 20], 0.01) == []
        )


class TestSelection:
    def days(self, rng, chance, count=20):
        told = []
        for _ in range(count):
            x, z = rng.normal(size=300), rng.normal(size=300)
            told.append(selection.differences(rng.random(300) < chance(x), {"x": x, "z": z}))
        return told

    def test_a_random_half_is_a_fair_sample(self):
        rng = np.random.default_rng(SEED)
        wrong = sum(
            selection.judge(self.days(rng, lambda x: np.full(len(x), 0.5))).random is not True
            for _ in range(60)
        )
        assert wrong <= 6

    def test_labels_that_come_by_a_feature_are_no_fair_sample_and_it_is_named(self):
        rng = np.random.default_rng(SEED)
        found = selection.judge(self.days(rng, lambda x: np.where(x > 0, 0.8, 0.3)))
        assert found.random is False
        assert found.column == "x"
        assert found.difference > 0.3

    def test_few_days_say_nothing(self):
        rng = np.random.default_rng(SEED)
        assert selection.judge(self.days(rng, lambda x: np.where(x > 0, 0.8, 0.3), 6)).random is None

    def test_weighing_repairs_what_answers_show(self):
        rng = np.random.default_rng(SEED)
        hard = rng.random(20_000)
        losses = hard * rng.exponential(size=20_000)
        labelled = rng.random(20_000) < np.where(hard > 0.5, 0.1, 0.6)
        found = selection.adjusted(hard, np.where(labelled, losses, np.nan))
        assert abs(float(losses[labelled].mean()) - losses.mean()) > 0.1
        assert abs(found.loss - losses.mean()) < 3 * found.error < 0.05

    def test_where_no_label_ever_comes_nothing_is_claimed(self):
        rng = np.random.default_rng(SEED)
        hard = rng.random(2000)
        found = selection.adjusted(hard, np.where(hard < 0.7, hard, np.nan))
        assert isinstance(found, str)
        assert "hardly a label" in found
