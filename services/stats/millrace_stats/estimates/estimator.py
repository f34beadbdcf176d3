"""What estimates performance without labels: learnt from answers that were out of sample, and told as plain JSON.

Classes: the probabilities made honest (`isotonic`) give the expected confusion and all that follows from it.
Regression: a small model of the loss by features and answer (`trees`), called direct loss estimation.
Neither can see concept drift: where the same rows get other labels than before, nothing in rows and answers shows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from millrace_stats.estimates import expected
from millrace_stats.estimates.errors import BlockError
from millrace_stats.estimates.isotonic import Curve
from millrace_stats.estimates.trees import Forest

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
FORM = 1
"""Of the stored document; another one is not read."""


@dataclass(frozen=True)
class Chunk:
    """Rows whose labels are not asked for.

    Attributes:
        predicted: answers, (rows,) or (rows, classes), all finite.
        slots: by feature the slot of each row, (rows,). chosen: the class that each row got, (rows,); None: by rule.
    """

    predicted: Floats
    slots: Mapping[str, Ints] = field(default_factory=dict)
    chosen: Ints | None = None

    def __len__(self) -> int:
        return len(self.predicted)

    def take(self, rows: npt.NDArray[Any]) -> "Chunk":
        """Some of the rows."""
        chosen = None if self.chosen is None else self.chosen[rows]
        return Chunk(self.predicted[rows], {name: part[rows] for name, part in self.slots.items()}, chosen)


@dataclass(frozen=True)
class Expectation:
    """What is expected of a chunk: metrics by name (`loss` is the mean of `losses`), and each row's loss, (rows,).

    *variance*: the mean variance of one row's loss about what is expected of it.
    """

    metrics: Mapping[str, float]
    losses: Floats
    variance: float


@dataclass(frozen=True)
class Estimator:
    """Of one model version.

    Attributes:
        task: its name. curves: of classes, of the second of two or of each; one for all where there are many.
        loss, distance: forests of squared and of absolute error. ratio: variance of a row's loss by the square of what
        is expected of it. errors: by metric, how far it was off on the reference.
    """

    task: str
    curves: tuple[Curve, ...] = ()
    loss: Forest | None = None
    distance: Forest | None = None
    ratio: float = 0.0
    errors: Mapping[str, BlockError] = field(default_factory=dict)

    @property
    def method(self) -> str:
        """`confidence` or `loss model`."""
        return "confidence" if self.loss is None else "loss model"

    def expect(self, chunk: Chunk) -> Expectation:
        """Of at least one row."""
        return self._of_classes(chunk) if self.loss is None else self._of_numbers(chunk, self.loss)

    def honest(self, given: Floats) -> Floats:
        """Calibrated probabilities, (rows, classes), each row's sum 1."""
        if given.shape[1] == 2:
            second = self.curves[0].apply(given[:, 1])
            return np.column_stack([1 - second, second])
        if len(self.curves) == 1:
            parts = self.curves[0].apply(given)
        else:
            parts = np.column_stack([curve.apply(given[:, k]) for k, curve in enumerate(self.curves)])
        total = parts.sum(axis=1, keepdims=True)
        return np.asarray(np.where(total > 0, parts / np.where(total > 0, total, 1.0), given), np.float64)

    def _of_classes(self, chunk: Chunk) -> Expectation:
        given = _spread(chunk.predicted)
        honest = self.honest(given)
        chosen = chunk.chosen
        if chosen is None:
            chosen = (given[:, 1] >= 0.5).astype(np.int64) if given.shape[1] == 2 else given.argmax(axis=1)
        rows = expected.log_loss(given, honest)
        told = (expected.binary if given.shape[1] == 2 else expected.multiclass)(given, honest, chosen)
        return Expectation({"loss": float(rows.mean.mean()), **told}, rows.mean, float(rows.variance.mean()))

    def _of_numbers(self, chunk: Chunk, loss: Forest) -> Expectation:
        squares = np.maximum(loss.predict(chunk.slots, len(chunk)), 0.0)
        told = {"loss": float(squares.mean()), "rmse": float(squares.mean()) ** 0.5}
        if self.distance is not None:
            told["mae"] = float(np.maximum(self.distance.predict(chunk.slots, len(chunk)), 0.0).mean())
        return Expectation(told, squares, self.ratio * float((squares**2).mean()))

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return {
            "form": FORM,
            "task": self.task,
            "curves": [curve.to_dict() for curve in self.curves],
            "loss": None if self.loss is None else self.loss.to_dict(),
            "distance": None if self.distance is None else self.distance.to_dict(),
            "ratio": self.ratio,
            "errors": {name: error.to_dict() for name, error in self.errors.items()},
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "Estimator":
        """The inverse of `to_dict`. Raises: ValueError for another form."""
        if state.get("form") != FORM:
            raise ValueError(
                f"its estimator has the form {state.get('form')!r}, and only {FORM} can be read: another release of "
                "Millrace trained it; the next version has one that can be read"
            )
        forests = {name: state.get(name) for name in ("loss", "distance")}
        return cls(
            str(state["task"]),
            tuple(Curve.from_dict(curve) for curve in state["curves"]),
            **{name: None if part is None else Forest.from_dict(part) for name, part in forests.items()},
            ratio=float(state["ratio"]),
            errors={name: BlockError.from_dict(error) for name, error in state["errors"].items()},
        )


def _spread(predicted: Floats) -> Floats:
    """Probabilities of all classes, (rows, classes)."""
    return (
        np.column_stack([1 - predicted, predicted])
        if predicted.ndim == 1
        else np.asarray(predicted, np.float64)
    )
