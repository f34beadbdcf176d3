"""Greedy ensemble selection: from all models' out-of-sample predictions, the few whose mean is best.

Source: Caruana et al., "Ensemble selection from libraries of models" (2004).
"""

import numpy as np

from millrace_contracts.learning import Configuration
from millrace_stats.tasks import Task

ROUNDS = 20
MOST_MEMBERS = 3
LEAST_WEIGHT = 0.1


def select(
    task: Task, target: np.ndarray, predictions: dict[str, np.ndarray], blocks: np.ndarray | None
) -> dict[str, float]:
    """Weights by model id; one model alone unless an ensemble wins by more than one standard error.

    Args:
        target: (rows,). predictions: out-of-sample, (rows,) or (rows, classes) by model id.
        blocks: block (day, week or month) of each row, or None when rows are independent; the error of the difference
            is taken over block means.
    """
    single = min(predictions, key=lambda name: (task.losses(target, predictions[name]).mean(), name))
    weights = _greedy(task, target, predictions)
    if len(weights) == 1:
        return {single: 1.0}
    mixed = np.sum([weight * predictions[name] for name, weight in weights.items()], axis=0)
    gain = task.losses(target, predictions[single]) - task.losses(target, mixed)
    units = gain if blocks is None else _means(gain, blocks)
    error = float(np.std(units, ddof=1)) / np.sqrt(len(units)) if len(units) > 1 else np.inf
    return weights if float(np.mean(units)) > error else {single: 1.0}


def _greedy(task: Task, target: np.ndarray, predictions: dict[str, np.ndarray]) -> dict[str, float]:
    names = sorted(predictions)
    total, counts = np.zeros_like(predictions[names[0]]), dict.fromkeys(names, 0)
    best_loss, best = np.inf, dict(counts)
    for size in range(1, ROUNDS + 1):
        allowed = (
            names
            if sum(1 for count in counts.values() if count) < MOST_MEMBERS
            else [n for n in names if counts[n]]
        )
        chosen = min(
            allowed, key=lambda name: (task.losses(target, (total + predictions[name]) / size).mean(), name)
        )
        counts[chosen] += 1
        total = total + predictions[chosen]
        loss = float(task.losses(target, total / size).mean())
        if loss < best_loss - 1e-12:
            best_loss, best = loss, dict(counts)
    return _cleaned(best)


def _cleaned(counts: dict[str, int]) -> dict[str, float]:
    total = sum(counts.values())
    kept = {name: count for name, count in counts.items() if count / total >= LEAST_WEIGHT}
    total = sum(kept.values())
    return {name: count / total for name, count in kept.items()}


def _means(values: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    _, place = np.unique(blocks, return_inverse=True)
    return np.bincount(place, values) / np.bincount(place)


def configuration(weights: dict[str, float], tried: dict[str, Configuration]) -> Configuration:
    """The configuration that these weights stand for: one of the *tried* ones, or an ensemble of them."""
    if len(weights) == 1:
        return tried[next(iter(weights))]
    members: list[Configuration] = [
        {**tried[name], "weight": weight} for name, weight in sorted(weights.items())
    ]
    return {"id": "+".join(sorted(weights)), "family": "ensemble", "members": members}
