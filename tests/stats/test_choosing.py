"""The best of several that are all as bad as the margin: a choice on the judged rows passes too often."""

import numpy as np

from millrace_stats import choosing

REPEATS = 1500


def test_no_part_has_a_say_in_its_own_choice():
    draw = np.random.default_rng(3)
    losses = draw.normal(1, 0.1, (4, 50, 28))
    before = choosing.by_the_others(losses)
    losses[2, :, 7:14] -= 100
    after = choosing.by_the_others(losses)
    assert (after[:, 7:14] == np.where(after[:, 7:14] < -50, before[:, 7:14] - 100, before[:, 7:14])).all()
    assert (after[:, :7] == losses[2, :, :7]).all(), "the other parts are chosen by it"


def test_of_one_there_is_no_choice():
    losses = np.random.default_rng(4).normal(1, 0.1, (1, 5, 28))
    assert (choosing.by_the_others(losses) == losses[0]).all()
    assert (choosing.best_of_all(losses) == losses[0]).all()


def test_chosen_by_the_other_parts_candidates_at_the_margin_pass_as_rarely_as_one_alone():
    alone, _ = choosing.passing("even", 0.0, 0.9, 1, REPEATS)
    same, others = choosing.passing("even", 0.0, 0.9, 6, REPEATS)
    assert same > 0.055, "chosen on the very rows that are judged, too many pass"
    assert others < 0.05
    assert abs(others - alone) < 0.015


def test_lots_look_no_better_than_they_are():
    losses = 1 + 0.1 * np.random.default_rng(5).normal(size=(6, 400, 28))
    assert choosing.best_of_all(losses).mean() < 0.98
    assert abs(choosing.by_the_others(losses).mean() - 1) < 0.005
