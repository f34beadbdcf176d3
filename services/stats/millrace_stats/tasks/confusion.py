"""Classes in figures: who is taken for whom, precision and recall, and each class against the rest."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from millrace_stats.tasks.labels import Value, class_text
from millrace_stats.tasks.ranking import auc
from millrace_stats.tasks.task import ClassLine, ClassReport, Confused

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
READABLE = 50
"""A confusion matrix of more classes is left out; its largest mistakes are told in any case."""
MISTAKES = 20
CELLS = 20_000_000
"""Rows times classes that are ranked; of more, every so-manieth row is."""


def matrix(target: npt.NDArray[Any], chosen: npt.NDArray[Any], classes: int) -> Counts:
    """Rows by true and chosen class, int64 (classes, classes)."""
    pairs = target.astype(np.int64) * classes + chosen.astype(np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def precision(counts: Counts) -> Floats:
    """By class; NaN for a class that was never chosen."""
    return _share(np.diag(counts), counts.sum(axis=0))


def recall(counts: Counts) -> Floats:
    """By class; NaN for a class without rows."""
    return _share(np.diag(counts), counts.sum(axis=1))


def f1(counts: Counts) -> Floats:
    """By class; NaN for a class that neither was there nor was chosen."""
    return _share(2 * np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1))


def macro_f1(counts: Counts) -> float:
    """The mean F1 of the classes that have rows or were chosen: each class counts the same."""
    return float(np.nanmean(f1(counts)))


def areas(target: npt.NDArray[Any], probabilities: npt.NDArray[Any]) -> list[float | None]:
    """One-vs-rest AUC of each class, of at most CELLS cells; None for a class that has no rows or all."""
    step = max(1, probabilities.size // CELLS)
    some, asked = target[::step], probabilities[::step]
    return [auc((some == place).astype(float), asked[:, place]) for place in range(asked.shape[1])]


def mean_area(parts: Sequence[float | None]) -> float | None:
    """The mean of the areas that can be told; None if none can."""
    told = [part for part in parts if part is not None]
    return float(np.mean(told)) if told else None


def report(counts: Counts, parts: Sequence[float | None], classes: Sequence[Value]) -> ClassReport:
    """Everything about each class, from the confusion *counts* and the one-vs-rest areas."""
    names = [class_text(value) for value in classes]
    columns = [_told(values) for values in (precision(counts), recall(counts), f1(counts))]
    rows, predicted = counts.sum(axis=1).tolist(), counts.sum(axis=0).tolist()
    lines = zip(names, rows, predicted, *columns, parts, strict=True)
    square = tuple(map(tuple, counts.tolist())) if len(names) <= READABLE else None
    return ClassReport(tuple(ClassLine(*line) for line in lines), square, _mistakes(counts, names))


def _mistakes(counts: Counts, names: Sequence[str]) -> tuple[Confused, ...]:
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MISTAKES]
    cells = [divmod(int(cell), len(names)) for cell in order if wrong.flat[cell]]
    return tuple(Confused(names[true], names[taken], int(wrong[true, taken])) for true, taken in cells)


def _share(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> Floats:
    share = np.full(len(whole), np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return share


def _told(values: Floats) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
