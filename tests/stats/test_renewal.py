"""Judged as new and with the archive, in small: what it brings after a change, and what the luck of a training does."""

from millrace_stats import renewal
from millrace_stats.regret import WORLDS

REPEATS = 24


def test_judged_as_new_a_candidate_shows_what_retraining_brings_after_an_abrupt_change():
    found = renewal.simulate(WORLDS[3], 0.04, REPEATS, False)
    assert found["as new"][0] < 0.7 * found["judged without the holdout"][0]


def test_the_archive_is_asked_where_regimes_come_in_turn():
    found = renewal.simulate(WORLDS[0], 0.04, REPEATS, True)
    assert found["and the archive"][0] < found["judged without the holdout"][0]
    assert found["and the archive"][2] > 1
    assert found["as new"][2] == 0


def test_where_models_age_and_days_are_noisy_the_best_of_five_is_not_believed_at_whatever_p():
    found = renewal.simulate(WORLDS[2], 0.5, REPEATS, False)
    assert found["both"][0] < 0.8 * found["both, with whatever p"][0]
    assert found["both"][2] < 0.6 * found["both, with whatever p"][2]


def test_the_luck_of_one_training_passes_far_more_often_than_that_of_four():
    same, other, rolled = renewal.at_the_margin("even", 2, 0.2, 1500)
    assert same < 0.065
    assert rolled < 0.6 * other
