"""What people label says what all rows are like, though they look at the strange ones: simulated, with known truth."""

import numpy as np
import pytest

from millrace_contracts.reviews import Chance
from millrace_monitoring.labels.queries import Truth
from millrace_monitoring.reviews import weighing
from millrace_monitoring.reviews.weighing import Drawn
from millrace_stats import weighted

from .sales import START

ROWS, REPEATS, SEED = 4000, 40, 20261130
RATE, BELOW = 0.03, 0.6
ANSWERED = {"sampled": 0.8, "low": 0.4, "useful": 0.6}
"""The share of entries of each reason that people got to."""


def key(row):
    return f"r-{row}", 0


def truth(row, reviewed=True):
    return Truth(*key(row), 1.0, START, reviewed=reviewed)


class Day:
    """One day: losses that grow where the model is unsure, and a queue as the loop would fill it."""

    def __init__(self, number, rate=RATE):
        draw = np.random.default_rng([SEED, number])
        confidence = draw.uniform(0.5, 1.0, ROWS)
        self.losses = draw.exponential(0.2 + 2.0 * (1 - confidence))
        useful = np.minimum(1.0, 3 * RATE * (2 * (1 - confidence)) ** 2)
        low = (confidence < BELOW).astype(float)
        hits = draw.random((2, ROWS)) < np.array([np.full(ROWS, rate), useful])
        self.drawn, self.labelled = [], set()
        for row in np.flatnonzero(hits.any(axis=0) | (low > 0)).tolist():
            reason = "sampled" if hits[0, row] else "low" if low[row] else "useful"
            chance = Chance(sampled=rate, low=low[row], useful=useful[row])
            self.drawn.append(Drawn(*key(row), reason, chance))
            if draw.random() < ANSWERED[reason]:
                self.labelled.add(row)

    def weighed(self, elsewhere=()):
        rows = [truth(row) for row in self.labelled - set(elsewhere)]
        truths = rows + [truth(row, False) for row in elsewhere]
        return weighing.of_day([key(row) for row in range(ROWS)], truths, self.drawn)


@pytest.fixture(scope="module")
def days():
    return [Day(number) for number in range(REPEATS)]


def test_the_mean_of_what_people_label_is_wrong_and_the_weighted_one_is_right_within_its_interval(days):
    covered, naive, found = 0, [], []
    for day in days:
        told = day.weighed().told(day.losses)
        truth_of_day = day.losses.mean()
        naive.append(told.naive - truth_of_day)
        found.append(told.weighted - truth_of_day)
        covered += abs(found[-1]) <= 1.96 * told.error
    assert min(naive) > 0.1  # they look at what the model finds hard, every day
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(REPEATS)
    assert covered >= 0.88 * REPEATS  # 95 % asked for; 3 standard errors below


def test_rows_that_something_else_labelled_speak_for_themselves_and_people_for_all_others(days):
    """Elsewhere the easy half is labelled: the mean of both together is still that of all rows."""
    off = []
    for day in days:
        easy = np.argsort(day.losses)[: ROWS // 2].tolist()
        found = day.weighed(easy)
        known = np.isin(np.arange(ROWS), [*easy, *day.labelled])
        told = weighted.mean(np.where(known, day.losses, np.nan), found.weights)
        assert found.weights[easy].tolist() == [1.0] * len(easy)
        assert found.weights[found.by_people].sum() == pytest.approx(ROWS - len(easy))
        off.append(told.mean - day.losses.mean())
    assert abs(np.mean(off)) < 3 * np.std(off) / np.sqrt(REPEATS)


def test_without_anything_drawn_by_chance_peoples_labels_judge_no_day():
    found = Day(0, rate=0.0).weighed()
    assert not found.weights[found.by_people].any()
    told = found.told(Day(0, rate=0.0).losses)
    assert told.weighted is None
    assert told.naive > 0


def test_where_nobody_labelled_nothing_is_weighed(days):
    assert weighing.of_day([key(0)], [], days[0].drawn) is None
    assert weighing.of_day([key(0)], [truth(0, False)], days[0].drawn) is None


def test_a_single_row_has_a_mean_and_no_error():
    found = weighted.mean(np.array([3.0, np.nan]), np.array([2.0, 1.0]))
    assert (found.mean, found.error, found.rows) == (3.0, None, 1)
    assert weighted.mean(np.array([np.nan]), np.array([1.0])) is None
