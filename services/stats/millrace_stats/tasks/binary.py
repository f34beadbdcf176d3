"""Binary: the answer is the probability of the second of two classes."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from millrace_stats.tasks import confusion, ranking
from millrace_stats.tasks.labels import Refusal, Value, class_text
from millrace_stats.tasks.pictures import Calibration, Picture
from millrace_stats.tasks.ranking import EDGE
from millrace_stats.tasks.task import (
    PREDICTION,
    Array,
    Classes,
    ClassReport,
    Floats,
    Floor,
    Metrics,
    Objectives,
    Reduced,
    TaskOutput,
)

THRESHOLD = 0.5
"""From this probability on, the second class is chosen."""
CLASSES: tuple[Value, ...] = (0, 1)
"""The classes of a signature that names none."""


class Binary(Classes):
    """Log loss of the second class's probability."""

    name = "binary"
    metric = "log_loss"
    measure = "log loss"
    floor = Floor("auc", 0.5, "tossing a coin")
    objectives = Objectives("binary", "binary:logistic", True, "logistic", "threshold")
    least_classes = most_classes = 2

    def _wanted(self) -> str:
        return "two values"

    def parse(self, value: Value, classes: Sequence[Value]) -> float | Refusal:
        return super().parse(value, classes or CLASSES)

    def decode(self, number: float, classes: Sequence[Value]) -> Value:
        return super().decode(number, classes or CLASSES)

    def losses(self, target: Array, predicted: Array) -> Floats:
        p = np.clip(predicted, EDGE, 1 - EDGE)
        return np.asarray(-(target * np.log(p) + (1 - target) * np.log(1 - p)), np.float64)

    def scores(self, target: Floats, predicted: Floats) -> Metrics:
        return {
            "log_loss": float(self.losses(target, predicted).mean()),
            "brier": float(np.mean((predicted - target) ** 2)),
            "accuracy": float(np.mean((predicted >= THRESHOLD) == (target == 1))),
            "auc": ranking.auc(target, predicted),
            "ece": ranking.calibration_error(target, predicted),
        }

    def report(self, target: Floats, predicted: Floats, classes: Sequence[Value]) -> ClassReport | None:
        area = ranking.auc(target, predicted)
        counts = confusion.matrix(target, predicted >= THRESHOLD, 2)
        return confusion.report(counts, [area, area], classes or CLASSES)

    def roc(self, target: Floats, predicted: Floats) -> list[dict[str, float]]:
        return ranking.roc(target, predicted)

    def pictures(self, target: Floats, predicted: Floats, classes: Sequence[Value]) -> list[Picture]:
        x, y = ranking.ends(ranking.calibration(target, predicted))
        return [Calibration("Predicted against true", x, y, "predicted probability")]

    def outputs(self, classes: Sequence[Value]) -> tuple[TaskOutput, ...]:
        return TaskOutput("probability", "FP32", 1), TaskOutput("class", "BYTES", 1)

    def chosen(self, predicted: Array, classes: Sequence[Value]) -> Array | None:
        first, second = map(class_text, classes or CLASSES)
        texts = np.where(predicted >= THRESHOLD, second, first).astype(object)
        texts[~np.isfinite(predicted)] = ""
        return texts

    def confidence(self, predicted: Array) -> Floats | None:
        return np.asarray(np.maximum(predicted, 1 - predicted), np.float64)

    def names(self, classes: Sequence[Value]) -> list[str]:
        return super().names(classes or CLASSES)

    def spread(self, predicted: Array, classes: Sequence[Value]) -> Floats | None:
        both = np.empty((len(predicted), 2), np.float64)
        both[:, 0], both[:, 1] = 1.0 - predicted, predicted
        return both

    def reduced(self, predicted: Array, classes: Sequence[Value]) -> dict[str, Reduced]:
        return {PREDICTION: Reduced("number", predicted)}

    def aligned(self, predicted: Array, theirs: Sequence[Value], ours: Sequence[Value]) -> Floats:
        there, here = ([*map(class_text, classes or CLASSES)] for classes in (theirs, ours))
        if there == here:
            return np.asarray(predicted, np.float64)
        return 1 - predicted if there == here[::-1] else np.full(len(predicted), np.nan)

    def strata(self, target: Floats) -> list[npt.NDArray[np.int64]]:
        return [np.flatnonzero(target == value) for value in (0.0, 1.0)]

    def encodings(self, target: Floats, classes: Sequence[Value]) -> list[Floats]:
        return [target]
