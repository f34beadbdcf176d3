"""A candidate's answers for its holdout: what was tried has no say where it is judged itself."""

from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from millrace_training.automl import judging, splits
from millrace_training.automl.table import Table
from millrace_training.features.frame import Frame

DAYS, ROWS = 28, 40
FIRST = 100


class Plan:
    """A training whose models answer what they answered before the holdout, less 100 once they are fitted again."""

    def __init__(self, days: np.ndarray) -> None:
        self.table = Table(Frame([], {}, {}, len(days)), np.zeros(len(days)), (), days, days * 86_400_000_000)
        self.spec, self.place = (
            SimpleNamespace(block="day", since=None),
            SimpleNamespace(keep_rows=self.keep_rows),
        )
        self.kept: dict[str, np.ndarray] = {}
        self.fitted: list[tuple[str, str]] = []
        self.every: list[str] = []
        self.lucky: int | None = None

    def keep_rows(self, name: str, rows: np.ndarray) -> str:
        self.kept[name] = rows
        return name

    def fit(self, configuration: dict, name: str, train: str, predict: str) -> tuple[dict, str, str]:
        assert self.table.days[self.kept[train]].max() < self.table.days[self.kept[predict]].min()
        return configuration, train, predict

    def run(self, step: str, works: list) -> list:
        self.fitted = [(work[0]["id"], work[1]) for work in works]
        self.every += [work[1] for work in works]
        return [SimpleNamespace(predicted=lambda work=work: self._answers(*work)) for work in works]

    def _answers(self, configuration: dict, train: str, predict: str) -> np.ndarray:
        first = self.table.days[self.kept[predict]].min()
        luck = 1000.0 if first == self.lucky and configuration["id"] == "0" else 0.0
        return np.full(len(self.kept[predict]), -100.0 - float(configuration["id"]) - luck)

    def mean_loss(self, rows: np.ndarray, predicted: np.ndarray) -> float:
        return float(predicted.mean())


@pytest.fixture
def plan() -> Plan:
    return Plan(np.repeat(np.arange(FIRST + DAYS), ROWS))


def judged(plan: Plan, losses: list[np.ndarray]) -> judging.Judged:
    tried = [
        judging.Tried({"id": str(number)}, "all", np.repeat(item, ROWS)) for number, item in enumerate(losses)
    ]
    best = min(tried, key=lambda item: item.predicted.mean())
    return judging.Judged(best.configuration, best.window, best.predicted, b"", tried)


def weeks(answers: np.ndarray) -> list[float]:
    return answers.reshape(4, -1).mean(1).tolist()


def test_each_part_is_answered_by_what_was_best_on_the_others(plan):
    """The second is best over all by its luck in the second week, which it is not asked for."""
    steady, lucky = np.full(DAYS, 1.0), np.full(DAYS, 1.5)
    lucky[7:14] = -9.0
    best, split = judged(plan, [steady, lucky]), splits.by_time(plan.table, DAYS)
    assert best.configuration["id"] == "1"
    assert weeks(judging.as_new(plan, best, split)[1]) == [1.5, -100.0, -101.0, -101.0]
    assert [id for id, _ in plan.fitted] == ["0", "1", "1"]


def test_the_first_part_costs_no_fit_and_the_others_one_each(plan):
    best, split = judged(plan, [np.full(DAYS, 1.0), np.full(DAYS, 2.0)]), splits.by_time(plan.table, DAYS)
    assert weeks(judging.as_new(plan, best, split)[1]) == [1.0, -100.0, -100.0, -100.0]
    assert len(plan.fitted) == 3


def test_what_was_chosen_by_lot_looks_no_better_than_it_is(plan):
    """Of forty that are all alike the best over all days looks much better."""
    draw = np.random.default_rng(8)
    best = judged(plan, [draw.normal(0, 1, DAYS) for _ in range(40)])
    split = splits.by_time(plan.table, DAYS)
    first = []
    for shift in range(0, DAYS, 7):
        turned = judged(plan, [np.roll(item.predicted[::ROWS], shift) for item in best.tried])
        first.append(judging.as_new(plan, turned, split)[1][: 7 * ROWS].mean())
    assert best.predicted.mean() < -0.3
    assert abs(np.mean(first)) < 0.3


class TestSinceAChange:
    """On day 110 of 100 to 127 the world turns; the short window knows it, and before that nobody could tell."""

    @pytest.fixture
    def turned(self, plan, tmp_path):
        plan.spec.since = date(1970, 1, 1) + timedelta(days=FIRST + 10)
        best = judged(plan, [np.full(DAYS, 1.0), np.full(DAYS, 2.0)])
        for item, window in zip(best.tried, ("all", "60d"), strict=True):
            (tmp_path / window).write_bytes(window.encode())
            object.__setattr__(item, "window", window)
            object.__setattr__(item, "stored", str(tmp_path / window))
        return plan, replace(best, window="all"), splits.by_time(plan.table, DAYS)

    def test_what_serves_is_the_window_that_is_best_fitted_anew_on_the_days_since(self, turned):
        """Before the holdout the whole history was better: by that alone it would serve."""
        found, answers = judging.as_new(*turned)
        assert (found.window, found.graph) == ("60d", b"60d")
        assert weeks(answers) == [1.0, -101.0, -101.0, -101.0]

    def test_each_part_since_is_answered_by_what_was_best_on_the_others_of_them(self, turned):
        """The whole history wins the last week alone, by luck: that week is not answered by it."""
        plan, best, split = turned
        plan.lucky = FIRST + 21
        found, answers = judging.as_new(plan, best, split)
        assert weeks(answers)[3] == -101.0
        assert found.window == "all", "all days since say so together"

    def test_nothing_is_fitted_twice_and_parts_before_it_cost_one_fit_each(self, turned):
        plan, best, split = turned
        judging.as_new(plan, best, split)
        assert len(plan.every) == len(set(plan.every)) == 6

    def test_one_part_since_has_no_others_and_is_judged_as_ever(self, turned):
        plan, best, split = turned
        plan.spec.since = date(1970, 1, 1) + timedelta(days=FIRST + 21)
        found, answers = judging.as_new(plan, best, split)
        assert found.window == "60d"
        assert weeks(answers) == [1.0, -100.0, -100.0, -100.0]
