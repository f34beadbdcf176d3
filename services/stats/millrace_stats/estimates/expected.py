"""From honest probabilities to what a metric would be if the labels were there: confidence-based estimation.

If a class is right with probability q, a row counts q as hit and 1 - q as miss; the sums are the expected confusion
matrix, and metrics follow from it. Source: Guillory et al. 2021, and the CBPE of NannyML's documentation (2022).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from millrace_stats.tasks.ranking import EDGE

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Metrics = dict[str, float]
"""By name; what cannot be told is left out."""


@dataclass(frozen=True)
class RowLoss:
    """What is expected of each row's loss, (rows,), and the variance of the loss about it."""

    mean: Floats
    variance: Floats


def log_loss(given: Floats, honest: Floats) -> RowLoss:
    """Of log loss, from the probabilities that were *given* and the *honest* ones, both (rows, classes)."""
    losses = -np.log(np.clip(given, EDGE, 1.0))
    mean = (honest * losses).sum(axis=1)
    return RowLoss(mean, np.maximum((honest * losses**2).sum(axis=1) - mean**2, 0.0))


def confusion(honest: Floats, chosen: Ints) -> Floats:
    """Expected rows by true and by chosen class, (classes, classes)."""
    counts = np.zeros((honest.shape[1], honest.shape[1]))
    np.add.at(counts.T, chosen, honest)
    return counts


def auc(scores: Floats, honest: Floats) -> float | None:
    """Expected area under the ROC curve of *scores*, (rows,), if a row is positive with probability *honest*, (rows,).

    Of two different rows; ties count half. None if one class is not expected at all.
    """
    _, places = np.unique(scores, return_inverse=True)
    positives = np.bincount(places, honest)
    negatives = np.bincount(places, 1 - honest)
    below = np.cumsum(negatives) - negatives
    itself = float((honest * (1 - honest)).sum())
    pairs = float(positives.sum() * negatives.sum()) - itself
    if pairs <= 1e-9:
        return None
    return float((positives @ (below + negatives / 2) - itself / 2) / pairs)


def binary(given: Floats, honest: Floats, chosen: Ints) -> Metrics:
    """Accuracy, F1 of the second class, AUC and Brier score; both probabilities are (rows, 2)."""
    counts = confusion(honest, chosen)
    p, q = given[:, 1], honest[:, 1]
    area = auc(p, q)
    told = {
        "accuracy": float(np.trace(counts) / counts.sum()),
        "f1": _f1(counts)[1],
        "auc": area,
        "brier": float((q * (1 - p) ** 2 + (1 - q) * p**2).mean()),
    }
    return {name: value for name, value in told.items() if value is not None}


def multiclass(given: Floats, honest: Floats, chosen: Ints) -> Metrics:
    """Accuracy, the mean F1 of classes that are expected or were chosen, and the mean one-vs-rest AUC."""
    counts = confusion(honest, chosen)
    areas = [auc(given[:, place], honest[:, place]) for place in range(given.shape[1])]
    known = [area for area in areas if area is not None]
    parts = [part for part in _f1(counts) if part is not None]
    told = {"accuracy": float(np.trace(counts) / counts.sum()), "macro_f1": float(np.mean(parts))}
    return told | ({"auc": float(np.mean(known))} if known else {})


def _f1(counts: Floats) -> list[float | None]:
    whole = counts.sum(axis=0) + counts.sum(axis=1)
    return [
        None if total <= 1e-9 else float(2 * hit / total)
        for hit, total in zip(np.diag(counts), whole, strict=True)
    ]
