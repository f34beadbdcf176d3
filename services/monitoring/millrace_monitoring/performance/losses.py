"""The loss of each row: squared error, or the log loss of the positive class's probability."""

from dataclasses import dataclass

import numpy as np

EDGE = 1e-7
"""Probabilities are kept this far from 0 and 1, so that one sure mistake is no infinity."""


@dataclass(frozen=True)
class DayLoss:
    """Mean loss over the rows that have a label and a finite prediction."""

    n: int
    loss: float


def of_rows(task: str, predictions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Loss of each row, shape (rows,); NaN where the label or the prediction is."""
    if task == "regression":
        return (predictions - labels) ** 2
    safe = np.clip(predictions, EDGE, 1 - EDGE)
    return -(labels * np.log(safe) + (1 - labels) * np.log1p(-safe))


def of_day(losses: np.ndarray) -> DayLoss | None:
    """The mean, or None when no row has a loss."""
    known = losses[np.isfinite(losses)]
    return DayLoss(len(known), float(np.mean(known))) if len(known) else None
