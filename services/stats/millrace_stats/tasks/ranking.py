"""How well probabilities rank and how honest they are: ROC, its area, and calibration."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
EDGE = 1e-7
"""Probabilities are kept this far from 0 and 1, so that one sure mistake is no infinity."""
BINS = 10


def auc(target: npt.NDArray[Any], predicted: npt.NDArray[Any]) -> float | None:
    """Area under the ROC curve by ranks; ties count half. None with one class only: nothing was ranked.

    Args:
        target: 0 or 1, (rows,). predicted: any score, (rows,).
    """
    positives = int(target.sum())
    negatives = len(target) - positives
    if positives == 0 or negatives == 0:
        return None
    _, places, counts = np.unique(predicted, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places][target == 1].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * negatives))


def roc(target: Floats, predicted: Floats, points: int = 64) -> list[dict[str, float]]:
    """At most *points* points of the ROC curve from (0, 0) to (1, 1); none with one class only."""
    positives = float(target.sum())
    negatives = len(target) - positives
    if not positives or not negatives:
        return []
    levels = np.unique(np.quantile(predicted, np.linspace(0, 1, points - 1)))[::-1]
    curve = [{"fpr": 0.0, "tpr": 0.0, "threshold": 1.0}]
    for level in levels:
        called = predicted >= level
        hits, alarms = float(target[called].sum()), float((1 - target[called]).sum())
        curve.append({"fpr": alarms / negatives, "tpr": hits / positives, "threshold": float(level)})
    return curve


def calibration(target: Floats, predicted: Floats) -> list[dict[str, float]]:
    """For each tenth of the probability scale: rows, mean prediction and share of positives."""
    place = np.minimum((predicted * BINS).astype(int), BINS - 1)
    tenths = []
    for number in range(BINS):
        here = place == number
        if here.any():
            means = {"predicted": float(predicted[here].mean()), "observed": float(target[here].mean())}
            tenths.append({"rows": float(here.sum()), **means})
    return tenths


def calibration_error(target: Floats, predicted: Floats) -> float:
    """Expected calibration error: mean distance of prediction and outcome over the tenths, by rows."""
    parts = calibration(target, predicted)
    total = sum(part["rows"] for part in parts)
    return sum(part["rows"] * abs(part["predicted"] - part["observed"]) for part in parts) / total


def ends(parts: Sequence[dict[str, float]]) -> tuple[list[float], list[float]]:
    """Predicted and observed shares of a calibration, as a curve."""
    return [part["predicted"] for part in parts], [part["observed"] for part in parts]
