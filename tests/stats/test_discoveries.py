"""Adjusted p-values are those of Benjamini and Hochberg, as scipy computes them."""

import numpy as np
import pytest
from scipy import stats

from millrace_stats import discoveries


@pytest.mark.parametrize("seed", range(20))
def test_they_are_those_of_scipy(seed):
    draw = np.random.default_rng(seed)
    values = np.round(draw.beta(0.4, 1.0, size=draw.integers(1, 40)), int(draw.integers(1, 5)))
    assert discoveries.adjusted(values) == pytest.approx(stats.false_discovery_control(values), abs=1e-15)


def test_a_planted_mistake_in_the_order_is_seen():
    values = [0.04, 0.01, 0.03]
    assert list(discoveries.adjusted(values)) == pytest.approx([0.04, 0.03, 0.04])
    assert list(discoveries.adjusted([])) == []
