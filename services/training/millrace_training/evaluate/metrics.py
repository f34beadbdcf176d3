"""Losses and metrics of predictions."""

import numpy as np

EDGE = 1e-7
BINS = 10


def losses(task: str, target: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Loss of each row, float64 (rows,): squared error, or log loss of the positive class."""
    if task == "regression":
        return (predicted - target) ** 2
    p = np.clip(predicted, EDGE, 1 - EDGE)
    return -(target * np.log(p) + (1 - target) * np.log(1 - p))


def metrics(task: str, target: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """All metrics of a task over some rows; `loss` is the mean of `losses`."""
    made = _regression(target, predicted) if task == "regression" else _binary(target, predicted)
    return {"loss": float(losses(task, target, predicted).mean()), "rows": float(len(target)), **made}


def _regression(target: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    error = predicted - target
    mse, variance = float(np.mean(error**2)), float(np.var(target))
    return {
        "rmse": mse**0.5,
        "mse": mse,
        "mae": float(np.mean(np.abs(error))),
        "bias": float(np.mean(error)),
        "r2": 1 - mse / variance if variance > 0 else 0.0,
    }


def _binary(target: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    return {
        "log_loss": float(losses("binary", target, predicted).mean()),
        "brier": float(np.mean((predicted - target) ** 2)),
        "accuracy": float(np.mean((predicted >= 0.5) == (target == 1))),
        "auc": auc(target, predicted),
        "ece": calibration_error(target, predicted),
    }


def auc(target: np.ndarray, predicted: np.ndarray) -> float:
    """Area under the ROC curve by ranks; ties count half. 0.5 with one class only."""
    from scipy.stats import rankdata

    positives = int(target.sum())
    negatives = len(target) - positives
    if positives == 0 or negatives == 0:
        return 0.5
    ranks = rankdata(predicted)[target == 1].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * negatives))


def roc(target: np.ndarray, predicted: np.ndarray, points: int = 64) -> list[dict[str, float]]:
    """At most *points* points of the ROC curve from (0, 0) to (1, 1); none with one class only."""
    positives = float(target.sum())
    negatives = len(target) - positives
    if not positives or not negatives:
        return []
    levels = np.unique(np.quantile(predicted, np.linspace(0, 1, points - 1)))[::-1]
    made = [{"fpr": 0.0, "tpr": 0.0, "threshold": 1.0}]
    for level in levels:
        called = predicted >= level
        hits, alarms = float(target[called].sum()), float((1 - target[called]).sum())
        made.append({"fpr": alarms / negatives, "tpr": hits / positives, "threshold": float(level)})
    return made


def calibration(target: np.ndarray, predicted: np.ndarray) -> list[dict[str, float]]:
    """For each tenth of the probability scale: rows, mean prediction and share of positives."""
    place = np.minimum((predicted * BINS).astype(int), BINS - 1)
    made = []
    for number in range(BINS):
        here = place == number
        if here.any():
            means = {"predicted": float(predicted[here].mean()), "observed": float(target[here].mean())}
            made.append({"rows": float(here.sum()), **means})
    return made


def calibration_error(target: np.ndarray, predicted: np.ndarray) -> float:
    """Expected calibration error: mean distance of prediction and outcome over the tenths, by rows."""
    parts = calibration(target, predicted)
    total = sum(part["rows"] for part in parts)
    return sum(part["rows"] * abs(part["predicted"] - part["observed"]) for part in parts) / total
