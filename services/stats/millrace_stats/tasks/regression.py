"""Regression: the answer is a number."""

import math
import re
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from millrace_stats.tasks.labels import Refusal, Value
from millrace_stats.tasks.pictures import Picture, Points
from millrace_stats.tasks.task import (
    PREDICTION,
    Array,
    ClassReport,
    Floats,
    Floor,
    Metrics,
    Objectives,
    Reduced,
    Task,
    TaskOutput,
)

LARGEST = 1e300
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
"""A number as files write it: labels travel as the texts that stand there."""
DRAWN = 1500
"""About so many points are drawn."""


class Regression(Task):
    """Squared error of one number."""

    name = "regression"
    metric = "rmse"
    measure = "squared error"
    floor = Floor("r2", 0.0, "a constant")
    objectives = Objectives("regression", "reg:squarederror", False, "identity", "none")

    def classes(self, distinct: Iterable[Value]) -> tuple[Value, ...] | Refusal:
        return ()

    def parse(self, value: Value, classes: Sequence[Value] = ()) -> float | Refusal:
        if isinstance(value, bool) or (isinstance(value, str) and NUMBER.fullmatch(value.strip()) is None):
            return Refusal("is no number")
        if isinstance(value, str):
            value = float(value)
        if abs(value) > LARGEST or not math.isfinite(value):
            return Refusal("is not a finite number")
        return float(value)

    def decode(self, number: float, classes: Sequence[Value] = ()) -> Value:
        return number

    def losses(self, target: Array, predicted: Array) -> Floats:
        return np.asarray((predicted - target) ** 2, np.float64)

    def scores(self, target: Floats, predicted: Floats) -> Metrics:
        error = predicted - target
        mse, variance = float(np.mean(error**2)), float(np.var(target))
        return {
            "rmse": mse**0.5,
            "mse": mse,
            "mae": float(np.mean(np.abs(error))),
            "bias": float(np.mean(error)),
            "r2": 1 - mse / variance if variance > 0 else 0.0,
        }

    def shown(self, loss: float) -> float:
        return float(loss**0.5)

    def report(self, target: Floats, predicted: Floats, classes: Sequence[Value] = ()) -> ClassReport | None:
        return None

    def roc(self, target: Floats, predicted: Floats) -> list[dict[str, float]]:
        return []

    def pictures(self, target: Floats, predicted: Floats, classes: Sequence[Value] = ()) -> list[Picture]:
        step = max(1, len(target) // DRAWN)
        return [Points("Predicted against true", target[::step], predicted[::step], "true", "predicted")]

    def outputs(self, classes: Sequence[Value] = ()) -> tuple[TaskOutput, ...]:
        return (TaskOutput("prediction", "FP32", 1),)

    def chosen(self, predicted: Array, classes: Sequence[Value] = ()) -> Array | None:
        return None

    def confidence(self, predicted: Array) -> Floats | None:
        return None

    def spread(self, predicted: Array, classes: Sequence[Value] = ()) -> Floats | None:
        return None

    def reduced(self, predicted: Array, classes: Sequence[Value] = ()) -> dict[str, Reduced]:
        return {PREDICTION: Reduced("number", predicted)}

    def aligned(self, predicted: Array, theirs: Sequence[Value], ours: Sequence[Value]) -> Floats:
        return self.empty(len(predicted), ()) if len(theirs) else np.asarray(predicted, np.float64)

    def scale(self, target: Floats) -> float:
        return float(np.std(target)) or 1.0

    def strata(self, target: Floats) -> list[npt.NDArray[np.int64]]:
        return [np.arange(len(target))]

    def encodings(self, target: Floats, classes: Sequence[Value] = ()) -> list[Floats]:
        return [target]
