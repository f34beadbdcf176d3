"""How much each input of a row moves its answer away from that of other rows: Shapley values that add up to it.

The game is the interventional one: inputs that take part have the row's values, all others those of a row of the
background, and the worth is the mean answer over the background (S. M. Lundberg and S.-I. Lee, A unified approach to
interpreting model predictions, 2017; interventional TreeSHAP: H. Chen et al., Explaining a series of models by
propagating Shapley values, 2022). Sums of trees are solved exactly; any other model exactly where it has
few inputs, else by permutations drawn in opposite pairs (R. Mitchell et al., Sampling permutations for Shapley value
estimation, 2022), each of which adds up by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import factorial
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Worth = Callable[[npt.NDArray[np.bool_]], Floats]
"""Mean answers over the background, (coalitions,), of coalitions (coalitions, inputs)."""
FEW = 10
"""With so many inputs that count, all coalitions are asked."""
PAIRS = 32
LEAST_PAIRS = 2
"""Pairs of permutations below which no error can be told."""


class OutOfTime(Exception):
    """Not even the least could be asked in time."""


@dataclass(frozen=True)
class Shares:
    """Contributions (inputs,), which with *base* add up to *answer*; *errors*: their standard errors; None: exact."""

    base: float
    answer: float
    contributions: Floats
    method: Literal["trees", "coalitions", "permutations"]
    errors: Floats | None = None


def of_worth(worth: Worth, inputs: int, differing: Sequence[int], seed: int) -> Shares:
    """Contributions of the *differing* inputs; all others have the background's values and move nothing.

    Args:
        worth: may raise OutOfTime; of permutations, those before it count, if they are enough.
    Raises: OutOfTime.
    """
    players = np.array(differing, np.int64)
    ends = worth(_spread(np.array([[False] * len(players), [True] * len(players)]), players, inputs))
    base, answer = float(ends[0]), float(ends[1])
    made = np.zeros(inputs)
    if not len(players):
        return Shares(base, answer, made, "coalitions")
    if len(players) <= FEW:
        made[players] = _all_coalitions(worth, players, inputs)
        return Shares(base, answer, made, "coalitions")
    draws = _permuted(worth, players, inputs, seed)
    errors = np.zeros(inputs)
    made[players], errors[players] = draws.mean(axis=0), draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    return Shares(base, answer, made, "permutations", errors)


def _spread(
    masks: npt.NDArray[np.bool_], players: npt.NDArray[np.int64], inputs: int
) -> npt.NDArray[np.bool_]:
    """Coalitions of players, (coalitions, players), as coalitions of all inputs."""
    made = np.zeros((len(masks), inputs), dtype=bool)
    made[:, players] = masks
    return made


def _all_coalitions(worth: Worth, players: npt.NDArray[np.int64], inputs: int) -> Floats:
    count = len(players)
    numbers = np.arange(2**count)
    masks = (numbers[:, None] >> np.arange(count)) & 1 > 0
    values, sizes = worth(_spread(masks, players, inputs)), masks.sum(axis=1)
    weights = np.array([factorial(k) * factorial(count - k - 1) / factorial(count) for k in range(count)])
    made = np.zeros(count)
    for player in range(count):
        without = numbers[~masks[:, player]]
        gains = values[without | 1 << player] - values[without]
        made[player] = weights[sizes[without]] @ gains
    return made


def _permuted(worth: Worth, players: npt.NDArray[np.int64], inputs: int, seed: int) -> Floats:
    """What each player adds in each pair of opposite permutations, (pairs, players)."""
    draw, found, count = np.random.default_rng(seed), [], len(players)
    for _ in range(PAIRS):
        order = draw.permutation(count)
        try:
            each = [_joining(worth, one, players, inputs) for one in (order, order[::-1])]
        except OutOfTime:
            break
        found.append((each[0] + each[1]) / 2)
    if len(found) < LEAST_PAIRS:
        raise OutOfTime
    return np.stack(found)


def _joining(
    worth: Worth, order: npt.NDArray[np.int64], players: npt.NDArray[np.int64], inputs: int
) -> Floats:
    """What each player adds when it joins those before it."""
    masks = np.tril(np.ones((len(order) + 1, len(order)), dtype=bool), -1)
    turned = np.zeros_like(masks)
    turned[:, order] = masks
    values = worth(_spread(turned, players, inputs))
    made = np.zeros(len(order))
    made[order] = np.diff(values)
    return made


@dataclass(frozen=True)
class Splits:
    """A sum of trees, as one array item a node; node numbers run through all trees.

    Attributes:
        feature, threshold: a row goes left if its feature is at most (*strict*: less than) the threshold.
        left, right: node numbers; -1 in both marks a leaf. missing_left: whether NaN goes left.
        value: what a leaf adds. roots: the first node of each tree.
    """

    feature: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.float32]
    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    missing_left: npt.NDArray[np.bool_]
    strict: npt.NDArray[np.bool_]
    value: Floats
    roots: npt.NDArray[np.int64]


class Trees:
    """A sum of trees over a matrix, ready to be explained.

    Args:
        owner: the input that each column of the matrix is made of, (columns,).
    """

    def __init__(self, splits: Splits, owner: Sequence[int]) -> None:
        self._splits = splits
        paths = _paths(splits)
        edges = [
            (leaf, owner[splits.feature[node]], node, left) for leaf, path in paths for node, left in path
        ]
        edges.sort(key=lambda edge: edge[:2])
        made = np.array(edges, np.int64).reshape(-1, 4)
        self._node, self._left = made[:, 2], made[:, 3] > 0
        starts = [0, *(at + 1 for at, (one, two) in enumerate(pairwise(edges)) if one[:2] != two[:2])]
        self._groups = np.array(starts if edges else [], np.int64)
        """Where the edges begin of each leaf and input."""
        self._input = made[self._groups, 1]
        leaves = made[self._groups, 0]
        self._leaves = np.flatnonzero(np.r_[True, leaves[1:] != leaves[:-1]]) if edges else self._groups
        self._sizes = np.diff(np.r_[self._leaves, len(self._groups)])
        self._value = splits.value[leaves[self._leaves]]
        self._bare = float(sum(splits.value[leaf] for leaf, path in paths if not path))
        most = int(self._sizes.max(initial=0))
        self._weights = np.array(
            [[_weight(one, two) for two in range(most + 1)] for one in range(most + 1)], np.float64
        )

    def _goes_left(self, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """(rows, nodes); of a leaf it says nothing."""
        splits = self._splits
        cells = matrix[:, splits.feature]
        with np.errstate(invalid="ignore"):
            below = np.where(splits.strict, cells < splits.threshold, cells <= splits.threshold)
        return np.asarray(np.where(np.isnan(cells), splits.missing_left, below))

    def shares(
        self, row: npt.NDArray[np.float32], background: npt.NDArray[np.float32], inputs: int
    ) -> Shares:
        """Contributions to the sum for one *row*, (columns,), against *background*, (rows, columns)."""
        left = self._goes_left(np.vstack([row[None], background]))
        follows = np.logical_and.reduceat(left[:, self._node] == self._left, self._groups, axis=1)
        mine, theirs = follows[:1], follows[1:]
        needs, spoils = mine & ~theirs, theirs & ~mine
        lost = np.logical_or.reduceat(~mine & ~theirs, self._leaves, axis=1)
        first, second = (
            np.add.reduceat(part.astype(np.int64), self._leaves, axis=1) for part in (needs, spoils)
        )
        worth = np.where(lost, 0.0, self._value)
        gain = worth * self._weights[np.maximum(first - 1, 0), second]
        loss = worth * self._weights[np.maximum(second - 1, 0), first]
        each = needs * np.repeat(gain, self._sizes, axis=1) - spoils * np.repeat(loss, self._sizes, axis=1)
        made = np.bincount(self._input, weights=each.mean(axis=0), minlength=inputs).astype(np.float64)
        base = float(np.where(lost | (first > 0), 0.0, self._value).sum(axis=1).mean()) + self._bare
        return Shares(base, base + float(made.sum()), made, "trees")


def steps(splits: Splits) -> int:
    """Splits on the paths to all leaves, together: what `Trees` has to hold, counted without holding it."""
    at, depth, found = splits.roots, 0, 0
    while len(at):
        inner = at[splits.left[at] >= 0]
        found += depth * (len(at) - len(inner))
        at, depth = np.concatenate([splits.left[inner], splits.right[inner]]), depth + 1
    return found


def _weight(others: int, opposed: int) -> float:
    """The chance that, of a leaf's inputs, *others* are in before one joins, and none of *opposed* is."""
    return factorial(others) * factorial(opposed) / factorial(others + opposed + 1)


def _paths(splits: Splits) -> list[tuple[int, list[tuple[int, bool]]]]:
    """Each leaf with the nodes on its path, and whether it goes left there."""
    found, open_nodes = [], [(int(root), list[tuple[int, bool]]()) for root in splits.roots]
    while open_nodes:
        node, path = open_nodes.pop()
        if splits.left[node] < 0:
            found.append((node, path))
        else:
            open_nodes.append((int(splits.left[node]), [*path, (node, True)]))
            open_nodes.append((int(splits.right[node]), [*path, (node, False)]))
    return found
