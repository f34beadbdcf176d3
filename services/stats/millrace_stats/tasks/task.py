"""What every task answers: labels, losses, metrics, the floor of use, outputs, and what a prediction is reduced to.

Predictions have shape (rows,), or (rows, classes) where a task answers with a vector. Labels are numbers: the value
itself, or the place of the class among the classes; NaN where there is none.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from millrace_stats.tasks import labels
from millrace_stats.tasks.labels import Refusal, Value
from millrace_stats.tasks.pictures import Picture

Floats = npt.NDArray[np.float64]
Array = npt.NDArray[Any]
Metrics = dict[str, float | None]
"""Metrics by name; None: it cannot be told from these rows (a ranking of one class only)."""

PREDICTION = "__prediction__"
"""The feature under which the model's own output is profiled."""
CONFIDENCE = "__confidence__"
"""The feature under which the probability of the chosen class is profiled, where the output is a vector."""


@dataclass(frozen=True)
class Floor:
    """No better than knowing nothing: a model is of use if *metric* (larger is better) lies above *value*.

    *rival* says in words what answers as well as a model at the floor.
    """

    metric: str
    value: float
    rival: str


@dataclass(frozen=True)
class TaskOutput:
    """One output tensor of a graph, [N, width]."""

    name: str
    datatype: Literal["FP32", "BYTES"]
    width: int


@dataclass(frozen=True)
class Objectives:
    """What estimators are told: objective names, whether they classify, and the link from raw scores to answers.

    *choice* is how a graph names a class: the second from one half on, the largest of all, or not at all.
    """

    lightgbm: str
    xgboost: str
    classifies: bool
    link: Literal["identity", "logistic", "softmax"]
    choice: Literal["none", "threshold", "largest"]


@dataclass(frozen=True)
class Reduced:
    """One plain column that stands for predictions in profiles and plots: numbers, or texts of a category."""

    kind: Literal["number", "category"]
    values: Array


@dataclass(frozen=True)
class ClassLine:
    """One class in figures; None where it cannot be told. *rows* have it, *predicted* were taken for it."""

    name: str
    rows: int
    predicted: int
    precision: float | None
    recall: float | None
    f1: float | None
    auc: float | None


@dataclass(frozen=True)
class Confused:
    """Rows of class *true* that were taken for class *predicted*."""

    true: str
    predicted: str
    rows: int


@dataclass(frozen=True)
class ClassReport:
    """How well each class is told from the others.

    Attributes:
        confusion: rows by true (first) and predicted class; None for more classes than one can read.
        confused: the commonest mistakes.
    """

    classes: tuple[ClassLine, ...]
    confusion: tuple[tuple[int, ...], ...] | None
    confused: tuple[Confused, ...]


class Task(ABC):
    """One kind of answer. Stateless: what differs between models (their classes) is handed in."""

    name: str
    metric: str
    """The metric that people read first; smaller is better."""
    measure: str
    """What the loss of a row is, in words."""
    floor: Floor
    objectives: Objectives
    least_classes, most_classes = 0, 0
    """How many classes a target may have; 0 and 0 where it has none."""

    @property
    def classifies(self) -> bool:
        """Whether labels are classes."""
        return self.most_classes > 0

    # Labels

    @abstractmethod
    def classes(self, distinct: Iterable[Value]) -> tuple[Value, ...] | Refusal:
        """The classes of a target with these *distinct* values, in the order of the outputs; () without classes."""

    @abstractmethod
    def parse(self, value: Value, classes: Sequence[Value]) -> float | Refusal:
        """The label as a number, or why it is none."""

    @abstractmethod
    def decode(self, number: float, classes: Sequence[Value]) -> Value:
        """The inverse of `parse`: the label as the data has it."""

    def parser(self, classes: Sequence[Value]) -> Callable[[Value], float | Refusal]:
        """`parse` for many values of the same classes: each distinct value is looked up once."""
        return lru_cache(maxsize=8192, typed=True)(lambda value: self.parse(value, classes))

    def encode(self, values: Iterable[Value | None], classes: Sequence[Value]) -> Floats:
        """`parse` of many values, float64 (rows,); NaN for None and for what is no label."""
        parse = self.parser(classes)
        numbers = (None if value is None else parse(value) for value in values)
        return np.array([item if isinstance(item, float) else np.nan for item in numbers], np.float64)

    # Judging

    @abstractmethod
    def losses(self, target: Array, predicted: Array) -> Floats:
        """Loss of each row, float64 (rows,); NaN where the label or the prediction is."""

    @abstractmethod
    def scores(self, target: Floats, predicted: Floats) -> Metrics:
        """The task's own metrics over rows that all have a label and a prediction."""

    def metrics(self, target: Floats, predicted: Floats) -> Metrics:
        """All metrics over some rows; `loss` is the mean of `losses`."""
        loss = float(self.losses(target, predicted).mean())
        return {"loss": loss, "rows": float(len(target)), **self.scores(target, predicted)}

    @abstractmethod
    def shown(self, loss: float) -> float:
        """A mean loss in the unit of `metric`."""

    @abstractmethod
    def report(self, target: Floats, predicted: Floats, classes: Sequence[Value]) -> ClassReport | None:
        """Each class in figures; None without classes."""

    @abstractmethod
    def roc(self, target: Floats, predicted: Floats) -> list[dict[str, float]]:
        """Points of the ROC curve (fpr, tpr, threshold), where there is one curve to draw."""

    @abstractmethod
    def pictures(self, target: Floats, predicted: Floats, classes: Sequence[Value]) -> list[Picture]:
        """What a report draws of predictions against the truth."""

    # Predictions

    @abstractmethod
    def outputs(self, classes: Sequence[Value]) -> tuple[TaskOutput, ...]:
        """The graph's outputs; the first one is the prediction as numbers, `class` (if there) the class as text."""

    @abstractmethod
    def chosen(self, predicted: Array, classes: Sequence[Value]) -> Array | None:
        """The class of each prediction as text, object (rows,); "" where there is none; None without classes."""

    @abstractmethod
    def confidence(self, predicted: Array) -> Floats | None:
        """The probability of the chosen class, float64 (rows,); None without classes."""

    def names(self, classes: Sequence[Value]) -> list[str]:
        """The classes as text, in their order."""
        return [labels.class_text(value) for value in classes]

    @abstractmethod
    def spread(self, predicted: Array, classes: Sequence[Value]) -> Floats | None:
        """The probability of each class, float64 (rows, classes) in their order; None without classes."""

    @abstractmethod
    def reduced(self, predicted: Array, classes: Sequence[Value]) -> dict[str, Reduced]:
        """What stands for predictions in profiles and plots, by feature name."""

    @abstractmethod
    def aligned(self, predicted: Array, theirs: Sequence[Value], ours: Sequence[Value]) -> Floats:
        """Predictions of a model with *their* classes, as if its classes were *ours*; NaN where that says nothing."""

    def empty(self, rows: int, classes: Sequence[Value]) -> Floats:
        """Predictions of so many rows, all NaN."""
        width = self.width(classes)
        return np.full((rows, width) if width > 1 else rows, np.nan)

    def width(self, classes: Sequence[Value]) -> int:
        """Numbers in one prediction."""
        return self.outputs(classes)[0].width

    @staticmethod
    def known(predicted: Array) -> npt.NDArray[np.bool_]:
        """Which rows have a finite prediction, bool (rows,)."""
        finite = np.asarray(np.isfinite(predicted), np.bool_)
        return finite if finite.ndim == 1 else np.asarray(finite.all(axis=1), np.bool_)

    # Training

    @abstractmethod
    def scale(self, target: Floats) -> float:
        """The unit in which differences of predictions are judged: the target's spread, or 1 for probabilities."""

    @abstractmethod
    def strata(self, target: Floats) -> list[npt.NDArray[np.int64]]:
        """Rows that should be dealt out evenly over folds: of each class, or all."""

    @abstractmethod
    def encodings(self, target: Floats, classes: Sequence[Value]) -> list[Floats]:
        """What the words of a category are encoded by: their means of these columns, each (rows,)."""


class Classes(Task):
    """What tasks with classes share: labels are places among the classes."""

    def classes(self, distinct: Iterable[Value]) -> tuple[Value, ...] | Refusal:
        found = labels.ordered(distinct)
        if self.least_classes <= len(found) <= self.most_classes:
            return found
        return Refusal(f"must have {self._wanted()}, it has {len(found)}: {list(found[:5])}")

    def _wanted(self) -> str:
        if self.least_classes == self.most_classes:
            return f"{self.most_classes} values"
        return f"{self.least_classes} to {self.most_classes} values"

    def parse(self, value: Value, classes: Sequence[Value]) -> float | Refusal:
        place = labels.index(value, classes)
        return labels.unknown_class(classes) if place is None else float(place)

    def decode(self, number: float, classes: Sequence[Value]) -> Value:
        return classes[int(number)]

    def shown(self, loss: float) -> float:
        return loss

    def scale(self, target: Floats) -> float:
        return 1.0
