"""Answers that lie in clusters: a small shift of each is no drift, another mix of them is."""

import numpy as np
import pytest

from millrace_monitoring.profiles.baseline import Baseline
from millrace_stats import bins, clusters, drift
from millrace_stats.profiles import PREDICTION, Profile, fit_spec, profile

ROUTES = np.linspace(30, 330, 60)
"""Minutes that each route takes."""


def answers(seed: int, shift: float = 0.0, longer: float = 0.0, rows: int = 12_000) -> np.ndarray:
    """Minutes near their route's; *shift* minutes of wind on each, a share of *longer* on the longest ten routes."""
    random = np.random.default_rng(seed)
    far = random.random(rows) < longer
    route = np.where(far, random.integers(50, 60, rows), random.integers(0, 60, rows))
    return ROUTES[route] + random.normal(0, 0.7, rows) + shift * np.where(route % 2, 1, -1)


def told(current: np.ndarray) -> float:
    """PSI of the answers as a drift record has it."""
    spec = fit_spec({}, {}, answers(1))
    reference: Profile = profile(spec, {PREDICTION: answers(1)})
    baseline = Baseline(spec, [reference])
    counts = [day.counts[PREDICTION] for day in (reference, profile(spec, {PREDICTION: current}))]
    normal, now = (baseline.told(PREDICTION, each) for each in counts)
    return drift.psi(normal, now)


def test_a_minute_of_wind_on_every_route_is_no_drift_of_the_answers() -> None:
    fine = bins.fit(answers(1), "number", bins.PREDICTION_BINS)
    assert drift.psi(fine.count(answers(1)), fine.count(answers(2, shift=1.5))) > 0.25  # what narrow bins say
    assert told(answers(2, shift=1.5)) < 0.05


def test_more_of_the_longest_routes_is_drift_of_the_answers() -> None:
    assert told(answers(2)) < 0.01
    assert told(answers(2, longer=0.3)) > 0.25


def test_wide_bins_keep_every_row_and_leave_the_missing_by_themselves() -> None:
    fine = bins.fit(answers(1), "number", bins.PREDICTION_BINS)
    counts = fine.count(answers(1))
    wide = clusters.groups(np.asarray(fine.edges), counts)
    assert wide.shape == counts.shape
    assert list(np.unique(wide)) == list(range(wide.max() + 1))
    assert np.all(np.diff(wide) >= 0)
    assert list(wide).count(wide.max()) == 1
    assert 5 <= wide.max() <= clusters.MOST_BINS


@pytest.mark.parametrize("values", [np.full(500, 3.0), np.array([1.0, 2.0] * 200), np.full(500, np.nan)])
def test_answers_with_few_values_have_bins_too(values: np.ndarray) -> None:
    fine = bins.fit(values, "number", bins.PREDICTION_BINS)
    wide = clusters.groups(np.asarray(fine.edges), fine.count(values))
    assert wide.shape == (fine.slots,)
    assert list(np.unique(wide)) == list(range(wide.max() + 1))
