"""The rules are wrong as rarely as they say; small simulations, each of which a planted bug turns red."""

import numpy as np
import pytest

from millrace_stats import canary, drift, paired, performance
from millrace_stats.simulations import (
    alarm_day,
    canary_aborts,
    drift_rejects,
    gate_passes,
    histograms,
    series,
    switch_day,
)


def share(repeats, happens):
    return sum(bool(happens()) for _ in range(repeats)) / repeats


@pytest.fixture
def draw():
    return np.random.default_rng(20261121)


def test_the_cyclic_null_holds_for_days_that_resemble_their_neighbours_and_day_permutation_does_not(draw):
    assert share(150, lambda: drift_rejects(draw, 0.7, 0)) <= 0.05 + 3 * 0.022
    assert share(60, lambda: drift_rejects(draw, 0.7, 0, permute=True)) > 0.2, "the planted bug must show"


def test_a_shift_of_two_day_deviations_is_found(draw):
    assert share(100, lambda: drift_rejects(draw, 0.5, 2)) >= 0.8


def test_the_robust_detector_keeps_its_false_alarm_rate_and_the_plain_one_does_not(draw):
    assert share(200, lambda: alarm_day(draw, 0.2, 0, 28)) <= 0.02
    assert share(100, lambda: alarm_day(draw, 0.2, 0, 28, plain=True)) > 0.1, "the planted bug must show"


def test_a_loss_that_rises_is_alarmed_within_two_weeks(draw):
    days = [alarm_day(draw, 0.0, 2, 60) or 999 for _ in range(60)]
    assert np.median(days) <= 14


def test_a_candidate_at_the_margin_rarely_passes_and_an_equal_one_mostly_does(draw):
    assert share(400, lambda: gate_passes(draw, 0.2, 0.02, 28)) <= 0.07 + 0.03
    assert share(100, lambda: gate_passes(draw, 0.2, 0.0, 28)) >= 0.6


def test_identical_models_are_rarely_switched_and_a_better_one_comes_back_soon(draw):
    assert share(150, lambda: switch_day(draw, 0.2, 0)) <= 0.03
    assert np.median([switch_day(draw, 0.0, 2) or 999 for _ in range(60)]) <= 14


def test_a_healthy_canary_stays_and_a_broken_one_goes(draw):
    assert share(40, lambda: canary_aborts(draw, 0.005, 0.005, 50)) <= 0.05
    assert np.median([canary_aborts(draw, 0.5, 0.001, 20) or 9999 for _ in range(20)]) <= 30


def test_a_detector_goes_on_after_a_restart_as_if_nothing_had_happened(draw):
    values = series(draw, 60, 0.3)
    one = performance.Detector(performance.Reference.fit(values[:28]), performance.threshold(0.01))
    two = performance.Detector(performance.Reference.fit(values[:28]), performance.threshold(0.01))
    for value in values[28:]:
        one.update(float(value))
        two.update(float(value))
        two = performance.Detector.from_dict(two.to_dict())
    assert one.log_values == two.log_values


def test_a_switch_back_goes_on_after_a_restart_also_while_it_waits_for_its_scale(draw):
    one, two = paired.SwitchBack.start(3), paired.SwitchBack.start(3)
    for noise in series(draw, 60, 0.0):
        answers = [watch.update(100.0, 95.0 + noise) for watch in (one, two)]
        assert answers[0] == answers[1]
        two = paired.SwitchBack.from_dict(two.to_dict())
    assert one.evidence() == two.evidence()


def test_one_day_of_garbage_does_not_switch_back(draw):
    watch = paired.SwitchBack.start(1, earlier=series(draw, 28, 0))
    answers = [watch.update(100.0, 100.0 - noise) for noise in series(draw, 10, 0)]
    assert not any(answers)
    assert not watch.update(1e9, 0.0)


def test_too_few_blocks_are_inconclusive_and_say_so():
    found = paired.non_inferior(np.ones(5), np.ones(5), np.ones(5), 0.02, minimum_blocks=14)
    assert found.verdict == "inconclusive"
    assert "14" in found.reason


@pytest.mark.parametrize("values", [np.array([1.0, np.nan, 1.0]), np.array([1.0, np.inf, 1.0])])
def test_losses_that_are_not_finite_are_refused(values):
    with pytest.raises(ValueError, match="finite"):
        paired.non_inferior(values, np.ones(3), np.ones(3), 0.02)


def test_a_slice_that_got_worse_is_found_among_many(draw):
    def part(difference):
        champion = np.full(28, 100.0)
        return champion * (1 + difference + 0.02 * draw.normal(size=28)), champion, np.full(28, 50.0)

    parts = {f"fine-{n}": part(0.0) for n in range(20)} | {
        "bad": part(0.3),
        "small": (np.ones(28), np.ones(28), np.ones(28)),
    }
    found = {item.name: item.worse for item in paired.slices(parts)}
    assert found.pop("bad")
    assert not any(found.values())
    assert "small" not in found


def test_a_rule_that_cannot_fire_says_so():
    assert drift.cannot_fire(20, 5) is not None
    assert drift.cannot_fire(60, 14) is None
    assert drift.cannot_fire(60, 40) is not None


def test_a_drifted_feature_fires_and_the_others_do_not(draw):
    reference = {name: histograms(draw, np.zeros(60)) for name in ("a", "b", "c")}
    current = {name: histograms(draw, np.zeros(14)) for name in ("b", "c")} | {
        "a": histograms(draw, np.full(14, 1.0))
    }
    window = drift.judge(reference, current)
    assert window.observing is None
    assert window.firing == ["a"]
    assert drift.alarms(window, window) == ["a"]
    assert drift.alarms(None, window) == []


def test_few_rows_and_few_reference_days_are_only_observed(draw):
    short = {"a": histograms(draw, np.zeros(20))}
    assert "reference" in (drift.judge(short, {"a": histograms(draw, np.ones(7))}).observing or "")
    tiny = {"a": histograms(draw, np.zeros(60), rows=5)}
    assert "rows" in (drift.judge(tiny, {"a": histograms(draw, np.ones(14), rows=5)}).observing or "")


def test_bins_are_joined_until_noise_is_small():
    assert drift.join(np.ones(35), 500).max() + 1 <= 11
    assert drift.join(np.ones(35), 5000).max() + 1 == 35


@pytest.mark.parametrize(
    ("rows", "nan", "constant", "psi", "word"),
    [
        (100, 1, False, None, "finite"),
        (100, 0, True, None, "same value"),
        (900, 0, False, 0.4, "differently"),
    ],
)
def test_hard_faults_are_named(rows, nan, constant, psi, word):
    assert word in (canary.hard_fault(rows, nan, constant, psi) or "")


def test_a_small_shift_of_clustered_answers_is_no_fault_and_other_units_are(draw):
    clusters = draw.choice(np.arange(30, 400, 15.0), 100)
    stable = draw.choice(clusters, 900) + draw.normal(0, 1, 900)
    assert (canary.answers_psi(stable - 3, stable) or 1) < canary.PREDICTION_PSI
    assert (canary.answers_psi(stable / 60, stable) or 0) > canary.PREDICTION_PSI
