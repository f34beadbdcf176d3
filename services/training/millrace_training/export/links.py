"""From raw scores to answers, in numpy and in ONNX alike."""

from typing import Literal

import numpy as np

from millrace_training.graph.builder import Graph

Link = Literal["identity", "logistic", "softmax", "pair", "shares"]
"""pair: one score stands for the second of two classes, both probabilities are answered. shares: scores are shares."""


def is_vector(link: Link) -> bool:
    """Whether an answer is a probability for each class."""
    return link in ("softmax", "pair", "shares")


def apply(raw: np.ndarray, link: Link) -> np.ndarray:
    """Answers of raw scores, (rows,) or (rows, scores)."""
    if link == "softmax":
        likely = np.exp(raw - raw.max(axis=1, keepdims=True))
        return likely / likely.sum(axis=1, keepdims=True)
    if link in ("identity", "shares"):
        return raw
    likely = 1 / (1 + np.exp(-raw))
    return likely if link == "logistic" else np.stack([1 - likely, likely], axis=1)


def emit(graph: Graph, raw: str, link: Link) -> str:
    """The same for a float tensor [N, scores]."""
    if link == "softmax":
        return graph.add("Softmax", [raw], axis=1)
    if link in ("identity", "shares"):
        return raw
    likely = graph.add("Sigmoid", [raw])
    if link == "logistic":
        return likely
    return graph.concat([graph.add("Sub", [graph.constant(np.float32(1)), likely]), likely])
