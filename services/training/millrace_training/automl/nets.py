"""Small neural nets: layers of rectified sums, trained by scikit-learn, kept at the epoch unseen rows liked best."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from millrace_training.automl.aims import Params, Sought
from millrace_training.export import links
from millrace_training.export.links import Link
from millrace_training.graph.builder import Graph

HELD_OUT = 0.15
"""Share of the rows that a net is not trained on: they say when to stop."""
LEAST_HELD_OUT, MOST_HELD_OUT = 20, 5_000
LEAST_ROWS = 50
"""With fewer rows none is held out, and a net is trained for all its epochs."""
EPOCHS, LEAST_EPOCHS = 80, 6
STEPS = 12_000
"""About so many steps a training may take; a step is one batch."""
BATCHES = 40
"""About so many batches an epoch has where rows are few."""
LEAST_BATCH, MOST_BATCH = 16, 256
PATIENCE = 16
"""Epochs that may pass without a better one."""


@dataclass(frozen=True)
class Net:
    """Layers of a trained net: float32 weights (in, out) and biases (out,) each, and the *link* from its last sums."""

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    link: Link

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        values = matrix.astype(np.float64)
        for weights, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            values = np.maximum(values @ weights + bias, 0)
        raw = values @ self.weights[-1] + self.biases[-1]
        return links.apply(raw[:, 0] if raw.shape[1] == 1 else raw, self.link)

    def emit(self, graph: Graph, matrix: str) -> str:
        """One Gemm a layer, with a Relu between two."""
        for place, (weights, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            before = graph.add("Relu", [matrix]) if place else matrix
            matrix = graph.add("Gemm", [before, graph.constant(weights), graph.constant(bias)])
        return links.emit(graph, matrix, self.link)


def fit(
    params: Params,
    matrix: np.ndarray,
    target: np.ndarray,
    sought: Sought,
    seed: int,
    weight: np.ndarray | None = None,
) -> Net:
    """Train a net of `layers` layers of `width` sums each.

    Args:
        params: layers, width, rate (of the first steps), decay (of the weights).
        matrix: float32 (rows, width), without gaps and of moderate size.
        target: float64 (rows,), places among classes where classes are *sought*; or (rows, scores) of raw scores.
        weight: how much each row counts, (rows,), 1 in the mean; None: all alike.
    Raises: FloatingPointError if its loss never was a number.
    """
    held, seen = _parted(len(matrix), seed)
    mean, spread = (0.0, 1.0) if sought.classifies else (target.mean(axis=0), _spread(target))
    wanted = target if sought.classifies else (target - mean) / spread
    model = _model(params, len(seen), sought, seed)
    more = {"classes": np.arange(max(sought.scores, 2), dtype=np.float64)} if sought.classifies else {}
    epochs = int(np.clip(STEPS * model.batch_size // len(seen), LEAST_EPOCHS, EPOCHS))
    more |= {} if weight is None else {"sample_weight": weight[seen]}
    judged = None if weight is None else weight[held]
    best, at, kept = np.inf, 0, None
    for epoch in range(epochs):
        _slow_down(model, params["rate"], epoch / epochs)
        model.partial_fit(matrix[seen], wanted[seen], **more)
        loss = _loss(model, matrix[held], wanted[held], judged) if len(held) else -epoch
        if loss < best:
            best, at = loss, epoch
            kept = [np.array(part) for part in (*model.coefs_, *model.intercepts_)]
        if epoch - at >= PATIENCE:
            break
    if kept is None:
        raise FloatingPointError("The loss of the net was no number from its first epoch on.")
    return _net(kept, mean, spread, sought)


def _spread(target: np.ndarray) -> np.ndarray:
    """The deviation of each column, 1 where nothing differs."""
    spread = target.std(axis=0)
    return np.where(spread > 0, spread, 1.0)


def _parted(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that say when to stop, and rows to train on."""
    order = np.random.default_rng(seed).permutation(rows)
    held = int(np.clip(HELD_OUT * rows, LEAST_HELD_OUT, MOST_HELD_OUT)) if rows >= LEAST_ROWS else 0
    return order[:held], order[held:]


def _model(params: Params, rows: int, sought: Sought, seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    batch = int(np.clip(rows // BATCHES, LEAST_BATCH, MOST_BATCH))
    return (MLPClassifier if sought.classifies else MLPRegressor)(
        hidden_layer_sizes=(int(params["width"]),) * int(params["layers"]),
        alpha=params["decay"] * min(batch, rows),  # scikit-learn divides it by the rows of a batch
        batch_size=min(batch, rows),
        learning_rate_init=params["rate"],
        random_state=seed,
    )


def _slow_down(model: Any, rate: float, share: float) -> None:
    """Smaller steps towards the end: half a wave from *rate* to nothing."""
    if hasattr(model, "_optimizer"):
        model._optimizer.learning_rate_init = rate * 0.5 * (1 + np.cos(np.pi * share))


def _loss(model: Any, matrix: np.ndarray, wanted: np.ndarray, weight: np.ndarray | None) -> float:
    if not hasattr(model, "predict_proba"):
        each = np.square(model.predict(matrix) - wanted)
        return float(np.average(each if each.ndim == 1 else each.mean(axis=1), weights=weight))
    likely = model.predict_proba(matrix)[np.arange(len(wanted)), wanted.astype(np.int64)]
    return float(-np.average(np.log(np.maximum(likely, 1e-9)), weights=weight))


def _net(kept: list[np.ndarray], mean: float | np.ndarray, spread: float | np.ndarray, sought: Sought) -> Net:
    """The net of these weights and biases, answering in the target's own unit."""
    layers = len(kept) // 2
    weights, biases = kept[:layers], kept[layers:]
    weights[-1], biases[-1] = weights[-1] * spread, biases[-1] * spread + mean
    return Net(
        tuple(part.astype(np.float32) for part in weights),
        tuple(part.astype(np.float32) for part in biases),
        sought.link,
    )
