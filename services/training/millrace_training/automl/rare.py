"""Many classes, and rare ones: what is fitted where a class has no row to learn from, and what many classes may cost.

A class that the training rows do not have keeps its place in the output with a tiny probability; the others share
the rest. So a class of one row, or one that turns up in the holdout only, breaks nothing and is answered honestly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace_stats.tasks import Value, class_text
from millrace_training.automl.aims import Aim, Params, Sought
from millrace_training.graph.builder import Graph

TINY = 1e-6
"""The probability of a class that no training row has."""
LEAST_ROWS = 10
"""A class with fewer rows is told to the user: it can hardly be learnt, and not be judged."""
TREES = 2_000
"""Most trees of a boosted model: rounds times classes."""
LEAST_ROUNDS, MOST_RATE = 3, 0.3
LEAST_L2 = 1.0
"""Without it the leaves of a class with few rows grow so large that float32 cannot tell answers to 1e-4."""
LEAVES = 1_000
"""Leaves times classes of one round of boosting, about; no tree has fewer than LEAST_LEAVES."""
LEAST_LEAVES = 7
CELLS = 1_000_000
"""Most numbers that the leaves of an averaged forest hold."""
LEAST_TREES, WORDS_A_LEAF = 20, 32

Train = Callable[[Params, np.ndarray, np.ndarray, Sought, int, np.ndarray | None], Any]


@dataclass(frozen=True)
class Constant:
    """Always the same: one number a row, or a vector of one where *wide*."""

    value: float
    wide: bool

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        return np.full((len(matrix), 1) if self.wide else len(matrix), self.value)

    def emit(self, graph: Graph, matrix: str) -> str:
        first = graph.add("Slice", [matrix, *(graph.constant(np.array([at])) for at in (0, 1, 1))])
        return graph.add(
            "Where", [graph.add("IsNaN", [first]), *[graph.constant(np.float32(self.value))] * 2]
        )


@dataclass(frozen=True)
class Spread:
    """A model of the classes that were *present*, (classes,) places, answering for all *width* of them."""

    inner: Any
    present: np.ndarray
    width: int

    @property
    def share(self) -> float:
        """What is left for the classes that were there."""
        return 1 - TINY * (self.width - len(self.present))

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        answers = np.full((len(matrix), self.width), TINY)
        answers[:, self.present] = self.inner.predict(matrix) * self.share
        return answers

    def emit(self, graph: Graph, matrix: str) -> str:
        answers = self.inner.emit(graph, matrix)
        shared = graph.add("Mul", [answers, graph.constant(np.float32(self.share))])
        first = graph.add("Slice", [answers, *(graph.constant(np.array([at])) for at in (0, 1, 1))])
        tiny = graph.constant(np.float32(TINY))
        column = graph.add("Where", [graph.add("IsNaN", [first]), tiny, tiny])
        places = np.full(self.width, len(self.present), np.int64)
        places[self.present] = np.arange(len(self.present))
        return graph.add("Gather", [graph.concat([shared, column]), graph.constant(places)], axis=1)


def fit(
    train: Train,
    params: Params,
    matrix: np.ndarray,
    target: np.ndarray,
    aim: Aim,
    seed: int,
    weight: np.ndarray | None = None,
) -> Any:
    """An estimator of all classes of *aim*, by *train* on those that the rows have."""
    present, codes = np.unique(target.astype(np.int64), return_inverse=True)
    if len(present) == 1:
        return Spread(Constant(1.0, wide=True), present, aim.width)
    sought = aim.scored(len(present))
    inner = train(bounded(params, len(present)), matrix, codes.astype(np.float64), sought, seed, weight)
    return inner if len(present) == aim.width else Spread(inner, present, aim.width)


def only_class(target: np.ndarray, aim: Aim) -> Constant | None:
    """What answers with a number where all rows have one of two classes: libraries fail there, or say the other one."""
    if not aim.task.classifies or (target != target[0]).any():
        return None
    return Constant(1 - TINY if target[0] else TINY, wide=False)


def bounded(params: Params, classes: int) -> Params:
    """The settings with as many rounds, leaves and trees as so many *classes* can afford.

    Fewer rounds of boosting go further each, so that what they reach together stays about the same.
    """
    changed = dict(params)
    leaves = max(LEAST_LEAVES, LEAVES // classes)
    if "rounds" in params:
        changed["rounds"] = rounds = min(params["rounds"], max(LEAST_ROUNDS, TREES // classes))
        changed["rate"] = max(params["rate"], min(MOST_RATE, params["rate"] * params["rounds"] / rounds))
        if "leaves" in params:
            changed["leaves"] = min(params["leaves"], leaves)
    if "l2" in params:
        changed["l2"] = max(params["l2"], LEAST_L2)
    if "depth" in params:
        changed["depth"] = min(params["depth"], int(np.log2(leaves)) + 1)
    if "trees" in params:
        each = params["leaves"] * min(classes, WORDS_A_LEAF)
        changed["trees"] = min(params["trees"], max(LEAST_TREES, CELLS // each))
    return changed


def told(target: np.ndarray, classes: Sequence[Value]) -> dict[str, int]:
    """Rows by class text of the classes that have fewer than LEAST_ROWS, rarest first; none without classes."""
    counts = np.bincount(target.astype(np.int64), minlength=len(classes)) if len(classes) else np.empty(0)
    order = np.argsort(counts, kind="stable")
    return {class_text(classes[place]): int(counts[place]) for place in order if counts[place] < LEAST_ROWS}
