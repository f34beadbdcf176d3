"""Multi-class: the answer is a probability for each of three to a thousand classes."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from millrace_stats.tasks import confusion, ranking
from millrace_stats.tasks.labels import Value, class_text
from millrace_stats.tasks.pictures import Calibration, Grid, Picture
from millrace_stats.tasks.ranking import EDGE
from millrace_stats.tasks.task import (
    CONFIDENCE,
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

ENCODED = 8
"""Words are encoded by the shares of so many of the commonest classes, and by as many mixtures of all."""
DRAWN = 30
"""Classes that a picture can hold."""


class Multiclass(Classes):
    """Log loss of the probability that the true class was given."""

    name = "multiclass"
    metric = "log_loss"
    measure = "log loss"
    floor = Floor("skill", 0.0, "knowing only how frequent each class is")
    objectives = Objectives("multiclass", "multi:softprob", True, "softmax", "largest")
    least_classes, most_classes = 3, 1000

    def losses(self, target: Array, predicted: Array) -> Floats:
        """A label behind the classes is of one that the answer does not know: it gave that no chance (EDGE)."""
        known = np.isfinite(target)
        place = np.where(known, target, 0).astype(np.int64)
        within = place < predicted.shape[1]
        likely = np.where(within, predicted[np.arange(len(place)), np.where(within, place, 0)], 0.0)
        loss = -np.log(np.clip(likely, EDGE, 1.0))
        return np.asarray(np.where(known & self.known(predicted), loss, np.nan), np.float64)

    def scores(self, target: Floats, predicted: Floats) -> Metrics:
        """`skill`: the share of the log loss of knowing only the classes' frequencies that the model saves.

        Labels behind the classes of the answers are together one more class, which they never give a chance.
        """
        target, predicted = _with_unknown(target, predicted)
        loss = float(self.losses(target, predicted).mean())
        counts = confusion.matrix(target, predicted.argmax(axis=1), predicted.shape[1])
        hits = (predicted.argmax(axis=1) == target).astype(float)
        entropy = _entropy(counts.sum(axis=1))
        return {
            "log_loss": loss,
            "accuracy": float(hits.mean()),
            "macro_f1": confusion.macro_f1(counts),
            "auc": confusion.mean_area(confusion.areas(target, predicted)),
            "ece": ranking.calibration_error(hits, predicted.max(axis=1)),
            "skill": 1 - loss / entropy if entropy > 0 else None,
        }

    def report(self, target: Floats, predicted: Floats, classes: Sequence[Value]) -> ClassReport | None:
        counts = confusion.matrix(target, predicted.argmax(axis=1), len(classes))
        return confusion.report(counts, confusion.areas(target, predicted), classes)

    def roc(self, target: Floats, predicted: Floats) -> list[dict[str, float]]:
        return []

    def pictures(self, target: Floats, predicted: Floats, classes: Sequence[Value]) -> list[Picture]:
        chosen = predicted.argmax(axis=1)
        parts = ranking.calibration((chosen == target).astype(float), predicted.max(axis=1))
        x, y = ranking.ends(parts)
        sure = Calibration(
            "How sure it is, and how often it is right", x, y, "probability of the chosen class"
        )
        counts = confusion.matrix(target, chosen, len(classes))
        kept = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[:DRAWN])
        more = "" if len(kept) == len(classes) else f" (the {len(kept)} commonest of {len(classes)} classes)"
        names = [class_text(classes[place]) for place in kept]
        return [Grid(f"True class against chosen class{more}", names, counts[np.ix_(kept, kept)]), sure]

    def outputs(self, classes: Sequence[Value]) -> tuple[TaskOutput, ...]:
        return TaskOutput("probabilities", "FP32", len(classes)), TaskOutput("class", "BYTES", 1)

    def chosen(self, predicted: Array, classes: Sequence[Value]) -> Array | None:
        known = self.known(predicted)
        names: Array = np.array([*map(class_text, classes), ""], dtype=object)
        places = np.full(len(predicted), len(classes))
        places[known] = predicted[known].argmax(axis=1)
        return np.asarray(names[places])

    def confidence(self, predicted: Array) -> Floats | None:
        return np.asarray(predicted.max(axis=1), np.float64)

    def spread(self, predicted: Array, classes: Sequence[Value]) -> Floats | None:
        return np.asarray(predicted, np.float64)

    def reduced(self, predicted: Array, classes: Sequence[Value]) -> dict[str, Reduced]:
        chosen, sure = self.chosen(predicted, classes), self.confidence(predicted)
        assert chosen is not None
        assert sure is not None
        return {PREDICTION: Reduced("category", chosen), CONFIDENCE: Reduced("number", sure)}

    def aligned(self, predicted: Array, theirs: Sequence[Value], ours: Sequence[Value]) -> Floats:
        """A class that it does not know has no probability; what it gives to classes that are none of ours is lost."""
        places = {class_text(value): place for place, value in enumerate(theirs)}
        if predicted.ndim == 1:
            # A number a row is the probability of the second of two classes, or says nothing of any.
            if len(theirs) != 2:
                return self.empty(len(predicted), ours)
            predicted = np.column_stack([1 - predicted, predicted])
        padded = np.column_stack([predicted, np.where(self.known(predicted), 0.0, np.nan)])
        return np.asarray(padded[:, [places.get(class_text(value), -1) for value in ours]], np.float64)

    def strata(self, target: Floats) -> list[npt.NDArray[np.int64]]:
        return [np.flatnonzero(target == value) for value in np.unique(target)]

    def encodings(self, target: Floats, classes: Sequence[Value]) -> list[Floats]:
        """Membership of the commonest classes, and fixed mixtures of all, so that no class is out of sight."""
        counts = np.bincount(target.astype(np.int64), minlength=len(classes))
        common = np.sort(np.argsort(-counts, kind="stable")[:ENCODED])
        members = [(target == place).astype(np.float64) for place in common]
        if len(classes) <= ENCODED:
            return members
        codes = np.random.default_rng(len(classes)).choice([-1.0, 1.0], (ENCODED, len(classes)))
        return [*members, *(code[target.astype(np.int64)] for code in codes)]


def _with_unknown(target: Floats, predicted: Floats) -> tuple[Floats, Floats]:
    """Labels and answers with one class more, of no probability, if some labels lie behind the classes."""
    width = predicted.shape[1]
    if not (target >= width).any():
        return target, predicted
    return np.minimum(target, width), np.column_stack([predicted, np.zeros(len(predicted))])


def _entropy(counts: npt.NDArray[np.int64]) -> float:
    """The log loss of always answering the classes' shares."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())
