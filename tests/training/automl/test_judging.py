"""A candidate's answers for its holdout: what was tried has no say where it is judged itself."""

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
        self.spec, self.place = SimpleNamespace(block="day"), SimpleNamespace(keep_rows=self.keep_rows)
        self.kept: dict[str, np.ndarray] = {}
        self.fitted: list[tuple[str, str]] = []

    def keep_rows(self, name: str, rows: np.ndarray) -> str:
        self.kept[name] = rows
        return name

    def fit(self, configuration: dict, name: str, train: str, predict: str) -> tuple[dict, str, str]:
        assert self.table.days[self.kept[train]].max() < self.table.days[self.kept[predict]].min()
        return configuration, train, predict

    def run(self, step: str, works: list) -> list:
        self.fitted = [(work[0]["id"], work[1]) for work in works]
        return [SimpleNamespace(predicted=lambda work=work: self._answers(*work)) for work in works]

    def _answers(self, configuration: dict, train: str, predict: str) -> np.ndarray:
        return np.full(len(self.kept[predict]), -100.0 - float(configuration["id"]))

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
    assert weeks(judging.rolled(plan, best, split)) == [1.5, -100.0, -101.0, -101.0]
    assert [id for id, _ in plan.fitted] == ["0", "1", "1"]


def test_the_first_part_costs_no_fit_and_the_others_one_each(plan):
    best, split = judged(plan, [np.full(DAYS, 1.0), np.full(DAYS, 2.0)]), splits.by_time(plan.table, DAYS)
    assert weeks(judging.rolled(plan, best, split)) == [1.0, -100.0, -100.0, -100.0]
    assert len(plan.fitted) == 3


def test_what_was_chosen_by_lot_looks_no_better_than_it_is(plan):
    """Of forty that are all alike the best over all days looks much better."""
    draw = np.random.default_rng(8)
    best = judged(plan, [draw.normal(0, 1, DAYS) for _ in range(40)])
    split = splits.by_time(plan.table, DAYS)
    first = []
    for shift in range(0, DAYS, 7):
        turned = judged(plan, [np.roll(item.predicted[::ROWS], shift) for item in best.tried])
        first.append(judging.rolled(plan, turned, split)[: 7 * ROWS].mean())
    assert best.predicted.mean() < -0.3
    assert abs(np.mean(first)) < 0.3
