"""Days resemble their neighbours, and the correction knows by how much."""

import numpy as np
import pytest

from millrace_stats import worlds
from millrace_stats.series import around_step, autocorrelation, inflation


def test_it_is_unbiased_enough_at_independence_and_never_negative():
    draw = np.random.default_rng(0)
    found = [autocorrelation(draw.normal(size=28)) for _ in range(500)]
    assert min(found) == 0
    assert np.mean(found) < 0.12


@pytest.mark.parametrize("r", [0.2, 0.5])
def test_long_series_show_their_correlation(r):
    assert autocorrelation(worlds.days(np.random.default_rng(1), 1, 20_000, r)[0]) == pytest.approx(
        r, abs=0.03
    )


def test_a_trend_is_clipped_and_short_or_constant_series_have_none():
    assert autocorrelation(np.arange(1000.0)) == 0.9
    assert autocorrelation(np.array([1.0, 2.0])) == 0
    assert autocorrelation(np.ones(50)) == pytest.approx(1 / 50)


def test_inflation_is_that_of_the_mean_of_an_ar1_series():
    assert inflation(0.0) == 1
    means = worlds.days(np.random.default_rng(2), 2000, 400, 0.5).mean(1)
    assert means.std() * np.sqrt(400) == pytest.approx(inflation(0.5), rel=0.06)


@pytest.mark.parametrize("height", [4.0, -10.0, 100.0])
def test_around_a_step_a_series_varies_as_it_does_without_it(height):
    draw = np.random.default_rng(2)
    for place in (5, 14, 20):
        quiet = draw.normal(size=(200, 28))
        plain = np.mean([around_step(item)[0] for item in quiet])
        quiet[:, place:] += height
        stepped = [around_step(item) for item in quiet]
        assert np.mean([spread for spread, _ in stepped]) == pytest.approx(plain, rel=0.06)
        assert np.mean([r for _, r in stepped]) < 0.35
        assert np.mean([autocorrelation(item) for item in quiet]) > 0.5


def test_quiet_days_keep_their_spread():
    draw = np.random.default_rng(3)
    assert np.mean([around_step(draw.normal(size=28))[0] for _ in range(400)]) == pytest.approx(1.0, abs=0.05)


def test_around_a_step_the_same_days_vary_by_nothing():
    assert around_step(np.repeat([1.0, 3.0], 14))[0] == 0
