"""A small model of a number by the frozen slots of a baseline: boosted trees of depth 5, in numpy, told as plain JSON.

It sees a row as profiles do: each feature by the slot in which it is counted. So it travels with the baseline, needs no
other format of models, and a word or a value that training never saw has its own place.
Source: gradient boosting on histograms (Friedman 2001), categories in the order of their mean (Fisher 1958).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
DEPTH = 5
NODES, LEAVES = 2**DEPTH - 1, 2**DEPTH
RATE = 0.1
MOST_TREES = 60
ROWS_OF_A_TREE = 50
"""Few rows are worth few trees, and are learnt in a moment."""
NEVER = 2**31 - 1
"""The rank after which a node is cut that is not cut."""
LEAST_ROWS = 25
"""Of a leaf."""
SMOOTHING = 20.0
"""Rows of the overall mean that are added to each slot when categories are put in order."""


@dataclass(frozen=True)
class Forest:
    """Boosted trees.

    Attributes:
        features: names of the columns of slots. ranks: for each, the rank of every slot.
        base: what is answered without trees.
        feature, cut: of each node, (trees, NODES): down to the right if the rank is above *cut*.
        leaf: (trees, LEAVES).
    """

    features: tuple[str, ...]
    ranks: tuple[Ints, ...]
    base: float
    feature: Ints = field(default_factory=lambda: np.empty((0, NODES), np.int64))
    cut: Ints = field(default_factory=lambda: np.empty((0, NODES), np.int64))
    leaf: Floats = field(default_factory=lambda: np.empty((0, LEAVES)))

    def predict(self, slots: Mapping[str, Ints], rows: int) -> Floats:
        """The answer of each row, (rows,), from its slot of each feature, (rows,)."""
        return self.base + sum(self.steps(slots, rows), np.zeros(rows))

    def steps(self, slots: Mapping[str, Ints], rows: int) -> list[Floats]:
        """What each tree adds, in order."""
        ranked = _ranked(self.features, self.ranks, slots, rows)
        trees = zip(self.feature, self.cut, self.leaf, strict=True)
        return [leaf[_places(ranked, feature, cut)] for feature, cut, leaf in trees]

    def first(self, trees: int) -> "Forest":
        """With only so many trees."""
        kept = (self.feature[:trees], self.cut[:trees], self.leaf[:trees])
        return Forest(self.features, self.ranks, self.base, *kept)

    def to_dict(self) -> dict[str, object]:
        return {
            "features": list(self.features),
            "ranks": [part.tolist() for part in self.ranks],
            "base": self.base,
            "feature": self.feature.tolist(),
            "cut": self.cut.tolist(),
            "leaf": self.leaf.tolist(),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> "Forest":
        return cls(
            tuple(state["features"]),
            tuple(np.asarray(part, np.int64) for part in state["ranks"]),
            float(state["base"]),
            np.asarray(state["feature"], np.int64).reshape(-1, NODES),
            np.asarray(state["cut"], np.int64).reshape(-1, NODES),
            np.asarray(state["leaf"], np.float64).reshape(-1, LEAVES),
        )


def fit(
    slots: Mapping[str, Ints],
    sizes: Mapping[str, int],
    unordered: Sequence[str],
    target: Floats,
    trees: int | None = None,
) -> Forest:
    """Learn *target*, (rows,), from the slots of each feature, (rows,).

    Args:
        sizes: how many slots each feature has. unordered: features whose slots are words, which have no order.
        trees: how many; None: as many as the rows are worth.
    """
    names = tuple(slots)
    base = float(target.mean()) if len(target) else 0.0
    ranks = tuple(
        _by_mean(slots[name], sizes[name], target) if name in unordered else np.arange(sizes[name])
        for name in names
    )
    bare = Forest(names, ranks, base)
    if not names or len(target) < 4 * LEAST_ROWS:
        return bare
    ranked = _ranked(names, ranks, slots, len(target))
    offsets = np.concatenate([[0], np.cumsum([sizes[name] for name in names])]).astype(np.int64)
    rest, grown = target - base, list[tuple[Ints, Ints, Floats]]()
    for _ in range(worth(len(target)) if trees is None else trees):
        tree = _tree(ranked, offsets, rest)
        grown.append(tree)
        rest = rest - tree[2][_places(ranked, tree[0], tree[1])]
    features, cuts, leaves = zip(*grown, strict=True)
    return Forest(names, ranks, base, np.stack(features), np.stack(cuts), np.stack(leaves))


def worth(rows: int) -> int:
    """How many trees so many rows are worth."""
    return int(np.clip(rows // ROWS_OF_A_TREE, 10, MOST_TREES))


def _by_mean(slots: Ints, size: int, target: Floats) -> Ints:
    """The rank of each slot by the mean of its rows, drawn to the mean of all where there are few."""
    counts = np.bincount(slots, minlength=size)
    sums = np.bincount(slots, target, minlength=size)
    means = (sums + SMOOTHING * target.mean()) / (counts + SMOOTHING)
    ranks = np.empty(size, np.int64)
    ranks[np.argsort(means, kind="stable")] = np.arange(size)
    return ranks


def _ranked(names: Sequence[str], ranks: Sequence[Ints], slots: Mapping[str, Ints], rows: int) -> Ints:
    """Rank of each row in each feature, int64 (features, rows)."""
    if not names:
        return np.empty((0, rows), np.int64)
    return np.stack([rank[slots[name]] for name, rank in zip(names, ranks, strict=True)])


def _places(ranked: Ints, feature: Ints, cut: Ints) -> Ints:
    """The leaf of each row."""
    rows = np.arange(ranked.shape[1])
    node = np.zeros(ranked.shape[1], np.int64)
    for _ in range(DEPTH):
        node = 2 * node + 1 + (ranked[feature[node], rows] > cut[node])
    return np.asarray(node - NODES, np.int64)


def _tree(ranked: Ints, offsets: Ints, rest: Floats) -> tuple[Ints, Ints, Floats]:
    """One tree, grown level by level; a node that no cut makes better sends everything to the left."""
    feature, cut = np.zeros(NODES, np.int64), np.full(NODES, NEVER, np.int64)
    flat = ranked + offsets[:-1, None]
    node, rows = np.zeros(len(rest), np.int64), np.arange(len(rest))
    for level in range(DEPTH):
        first, width = 2**level - 1, 2**level
        here = node - first
        cells = (here * offsets[-1] + flat).ravel()
        shape = (width, int(offsets[-1]))
        counts = np.bincount(cells, minlength=width * shape[1]).reshape(shape).astype(np.float64)
        sums = np.bincount(cells, np.tile(rest, len(ranked)), minlength=width * shape[1]).reshape(shape)
        feature[first : first + width], cut[first : first + width] = _cuts(counts, sums, offsets)
        node = 2 * node + 1 + (ranked[feature[node], rows] > cut[node])
    leaf = node - NODES
    rows_of = np.maximum(np.bincount(leaf, minlength=LEAVES), 1)
    return feature, cut, RATE * np.bincount(leaf, rest, minlength=LEAVES) / rows_of


def _cuts(counts: Floats, sums: Floats, offsets: Ints) -> tuple[Ints, Ints]:
    """Of each node the feature, and the rank after which to cut, that take most of its squared error away.

    Args:
        counts, sums: rows and their rest by node and slot of all features, (nodes, slots). A node that no cut makes
        better is cut above every rank.
    """
    best = np.full(len(counts), 1e-12)
    feature, cut = np.zeros(len(counts), np.int64), np.full(len(counts), NEVER, np.int64)
    for place in range(len(offsets) - 1):
        n, s = (part[:, offsets[place] : offsets[place + 1]].cumsum(axis=1) for part in (counts, sums))
        left, below, total, whole = n[:, :-1], s[:, :-1], n[:, -1:], s[:, -1:]
        if not left.shape[1]:
            continue
        right = total - left
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = below**2 / left + (whole - below) ** 2 / right - whole**2 / total
        gain = np.where((left >= LEAST_ROWS) & (right >= LEAST_ROWS), gain, -np.inf)
        at = gain.argmax(axis=1)
        most = gain[np.arange(len(at)), at]
        better = most > best
        best[better], feature[better], cut[better] = most[better], place, at[better]
    return feature, cut
