"""Tree ensembles as one ONNX node that answers like the trained model on every float32 row.

Libraries compare float32 features with float64 thresholds. A threshold rounded to the nearest float32 can
land above a row that lies between the two; rounded down it cannot, because no float32 lies in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from millrace_training.graph.builder import ML, Graph


@dataclass(frozen=True)
class Tree:
    """One binary tree as arrays by node; node 0 is the root.

    Attributes:
        feature, threshold: a row goes left if its feature is at most (or less than) the threshold.
        left, right: node numbers; -1 in both marks a leaf.
        missing_left: whether NaN goes left.
        value: what a leaf adds to the sum.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray


@dataclass(frozen=True)
class Forest:
    """Trees whose leaf values are added to *base*; *strict* says that left means less than."""

    trees: Sequence[Tree]
    base: float
    strict: bool = False

    def emit(self, graph: Graph, matrix: str) -> str:
        """One node: float [N, width] to the float [N, 1] sum."""
        grown = [tree for tree in self.trees if len(tree.left) > 1]
        base = self.base + sum(float(tree.value[0]) for tree in self.trees if len(tree.left) == 1)
        if not grown:
            first = graph.add("Slice", [matrix, *(graph.constant(np.array([at])) for at in (0, 1, 1))])
            return graph.add("Where", [graph.add("IsNaN", [first]), *[graph.constant(np.float32(base))] * 2])
        return graph.add("TreeEnsembleRegressor", [matrix], domain=ML, **self._attributes(grown, base))

    def _attributes(self, trees: Sequence[Tree], base: float) -> dict[str, object]:
        sizes = [len(tree.left) for tree in trees]
        tree_ids = np.repeat(np.arange(len(trees)), sizes)
        node_ids = np.concatenate([np.arange(size) for size in sizes])
        leaf = np.concatenate([tree.left < 0 for tree in trees])
        split = "BRANCH_LT" if self.strict else "BRANCH_LEQ"
        thresholds = np.concatenate([tree.threshold for tree in trees])
        values = np.concatenate([tree.value for tree in trees])[leaf]
        return {
            "n_targets": 1,
            "base_values": [base],
            "nodes_treeids": tree_ids.tolist(),
            "nodes_nodeids": node_ids.tolist(),
            "nodes_featureids": _inner(trees, "feature", leaf).tolist(),
            "nodes_values": np.where(leaf, 0, to_float32(thresholds)).tolist(),
            "nodes_modes": ["LEAF" if at_end else split for at_end in leaf],
            "nodes_truenodeids": _inner(trees, "left", leaf).tolist(),
            "nodes_falsenodeids": _inner(trees, "right", leaf).tolist(),
            "nodes_missing_value_tracks_true": _inner(trees, "missing_left", leaf).tolist(),
            "target_treeids": tree_ids[leaf].tolist(),
            "target_nodeids": node_ids[leaf].tolist(),
            "target_ids": [0] * int(leaf.sum()),
            "target_weights": values.astype(np.float32).tolist(),
        }

    def thresholds(self, feature: int) -> np.ndarray:
        """The float64 thresholds at which *feature* is split, sorted and unique."""
        found = [tree.threshold[(tree.left >= 0) & (tree.feature == feature)] for tree in self.trees]
        return np.unique(np.concatenate(found)) if found else np.empty(0)


def to_float32(thresholds: np.ndarray) -> np.ndarray:
    """The largest float32 that is not above each float64 threshold."""
    bounded = np.clip(thresholds, -np.finfo(np.float32).max, np.finfo(np.float32).max)
    nearest = bounded.astype(np.float32)
    with np.errstate(over="ignore"):
        below = np.where(nearest > bounded, np.nextafter(nearest, np.float32(-np.inf)), nearest)
    # An infinite threshold parts what is missing from all the rest, infinity included.
    return np.where(np.isposinf(thresholds), np.float32(np.inf), below)


def _inner(trees: Sequence[Tree], name: str, leaf: np.ndarray) -> np.ndarray:
    array = np.concatenate([getattr(tree, name) for tree in trees])
    return np.where(leaf, 0, array).astype(np.int64)
