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
        value: what a leaf adds to its score, (nodes,); or to each score, (nodes, scores).
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray


@dataclass(frozen=True)
class Forest:
    """Trees whose leaf values are added to *base*; *strict* says that left means less than.

    Attributes:
        base: a number, or one for each score, (scores,).
        into: the score that each tree adds to, (trees,); None where there is one, or where leaves add to all.
    """

    trees: Sequence[Tree]
    base: float | np.ndarray
    strict: bool = False
    into: np.ndarray | None = None

    @property
    def scores(self) -> int:
        """How many sums there are."""
        return np.size(self.base)

    def emit(self, graph: Graph, matrix: str) -> str:
        """One node: float [N, width] to the float [N, scores] sums."""
        into = np.zeros(len(self.trees), np.int64) if self.into is None else self.into
        bare = np.array([len(tree.left) == 1 for tree in self.trees], bool)
        base = np.atleast_1d(np.asarray(self.base, np.float64)) + self._bare(bare, into)
        if bare.all():
            first = graph.add("Slice", [matrix, *(graph.constant(np.array([at])) for at in (0, 1, 1))])
            answer = np.float32(base[0]) if self.scores == 1 else base.astype(np.float32)[None, :]
            return graph.add("Where", [graph.add("IsNaN", [first]), *[graph.constant(answer)] * 2])
        grown = [tree for tree, alone in zip(self.trees, bare, strict=True) if not alone]
        if self.scores == 1:
            return graph.add(
                "TreeEnsembleRegressor", [matrix], domain=ML, **self._attributes(grown, into[~bare], base)
            )
        # onnxruntime leaves the base of a score away to which no tree adds, so it is added behind the trees.
        plain = self._attributes(grown, into[~bare], np.zeros(self.scores))
        sums = graph.add("TreeEnsembleRegressor", [matrix], domain=ML, **plain)
        return graph.add("Add", [sums, graph.constant(base.astype(np.float32)[None, :])])

    def _bare(self, bare: np.ndarray, into: np.ndarray) -> np.ndarray:
        """What trees without a split add to each score."""
        added = np.zeros(self.scores)
        for tree, score, alone in zip(self.trees, into, bare, strict=True):
            if alone:
                value = tree.value[0]
                added[score if np.ndim(value) == 0 else slice(None)] += value
        return added

    def _attributes(self, trees: Sequence[Tree], into: np.ndarray, base: np.ndarray) -> dict[str, object]:
        sizes = [len(tree.left) for tree in trees]
        tree_ids = np.repeat(np.arange(len(trees)), sizes)
        node_ids = np.concatenate([np.arange(size) for size in sizes])
        leaf = np.concatenate([tree.left < 0 for tree in trees])
        split = "BRANCH_LT" if self.strict else "BRANCH_LEQ"
        thresholds = np.concatenate([tree.threshold for tree in trees])
        ends, scores, values = _leaves(trees, np.repeat(into, sizes), leaf)
        return {
            "n_targets": self.scores,
            "base_values": base.tolist(),
            "nodes_treeids": tree_ids.tolist(),
            "nodes_nodeids": node_ids.tolist(),
            "nodes_featureids": _inner(trees, "feature", leaf).tolist(),
            "nodes_values": np.where(leaf, 0, to_float32(thresholds)).tolist(),
            "nodes_modes": ["LEAF" if at_end else split for at_end in leaf],
            "nodes_truenodeids": _inner(trees, "left", leaf).tolist(),
            "nodes_falsenodeids": _inner(trees, "right", leaf).tolist(),
            "nodes_missing_value_tracks_true": _inner(trees, "missing_left", leaf).tolist(),
            "target_treeids": tree_ids[ends].tolist(),
            "target_nodeids": node_ids[ends].tolist(),
            "target_ids": scores.tolist(),
            "target_weights": values.astype(np.float32).tolist(),
        }

    def thresholds(self, feature: int) -> np.ndarray:
        """The float64 thresholds at which *feature* is split, sorted and unique."""
        splits = [tree.threshold[(tree.left >= 0) & (tree.feature == feature)] for tree in self.trees]
        return np.unique(np.concatenate(splits)) if splits else np.empty(0)


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


def _leaves(
    trees: Sequence[Tree], into: np.ndarray, leaf: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each number that a leaf adds: its node's place, the score, and the number; zeros of a vector are left out.

    Args:
        into: the score of each node's tree, (nodes,). leaf: whether each node is one, (nodes,).
    """
    values, ends = np.concatenate([tree.value for tree in trees]), np.flatnonzero(leaf)
    if values.ndim == 1:
        return ends, into[ends], values[ends]
    places, scores = np.nonzero(values[ends])
    return ends[places], scores, values[ends][places, scores]
