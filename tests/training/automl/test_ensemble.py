"""An ensemble is shipped only if it is clearly better than its best member."""

import numpy as np
import pytest

from millrace_stats import tasks
from millrace_training.automl import ensemble

DRAW = np.random.default_rng(0)
TRUTH = DRAW.normal(size=4_000)
DAYS = np.repeat(np.arange(40), 100)


def noisy(spread: float) -> np.ndarray:
    return TRUTH + spread * DRAW.normal(size=len(TRUTH))


def test_models_with_independent_errors_are_mixed():
    made = ensemble.select(
        tasks.of("regression"), TRUTH, {"a": noisy(1), "b": noisy(1), "c": noisy(1), "d": noisy(9)}, DAYS
    )
    assert set(made) == {"a", "b", "c"}
    assert sum(made.values()) == pytest.approx(1)


def test_the_best_model_stands_alone_if_the_others_know_nothing_more():
    best = noisy(0.5)
    made = ensemble.select(
        tasks.of("regression"), TRUTH, {"a": best, "b": best + 0.1 * DRAW.normal(size=4_000)}, DAYS
    )
    assert made == {"a": 1.0}


def test_a_gain_on_a_single_day_does_not_make_an_ensemble():
    first, second = noisy(0.3), noisy(2.0)
    second[:100], first[:100] = TRUTH[:100], TRUTH[:100] + 3
    made = ensemble.select(tasks.of("regression"), TRUTH, {"a": first, "b": second}, DAYS)
    assert made == {"a": 1.0}


def test_probabilities_are_mixed_by_log_loss():
    truth = (TRUTH > 0).astype(float)
    made = [1 / (1 + np.exp(-2 * noisy(2.0))) for _ in range(2)]
    assert set(ensemble.select(tasks.of("binary"), truth, {"a": made[0], "b": made[1]}, None)) == {"a", "b"}


def test_weights_become_a_configuration_that_can_be_fitted_again():
    known = {name: {"id": name, "family": "linear", "params": {"alpha": 1.0}} for name in "ab"}
    assert ensemble.configuration({"a": 1.0}, known) == known["a"]
    made = ensemble.configuration({"b": 0.25, "a": 0.75}, known)
    assert (made["id"], made["family"]) == ("a+b", "ensemble")
    assert [(item["id"], item["weight"]) for item in made["members"]] == [("a", 0.75), ("b", 0.25)]
