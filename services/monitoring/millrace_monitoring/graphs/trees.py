"""Finds the sum of trees in a graph: what it is read from, and which input each column of the matrix is made of.

Only what this platform's own graphs are made of is known; of any other graph nothing is found, and it is explained by
asking it. What is found is held against the graph's own answer before it is told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from millrace_stats.shapley import Splits

BY_COLUMN = frozenset(
    {"Add", "Cast", "Clip", "Div", "Identity", "IsNaN", "Max", "Min", "Mul", "Not", "Sqrt", "Sub", "Where"}
)
"""Operators that make each column of their result of that column of what they get."""
FOREST = "TreeEnsembleRegressor"
MODES = {"BRANCH_LEQ": False, "BRANCH_LT": True, "LEAF": False}


@dataclass(frozen=True)
class Term:
    """One forest of the sum: the tensor it reads, its node, and what its answer is multiplied with."""

    matrix: str
    node: onnx.NodeProto
    weight: float


@dataclass(frozen=True)
class TreeSum:
    """terms + base is the answer, or its log-odds."""

    terms: Sequence[Term]
    base: float


class Reader:
    """A graph, to be walked from its answer back to its inputs."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.inputs = [item.name for item in model.graph.input]
        self._by_output = {name: node for node in model.graph.node for name in node.output}
        self._constants = {item.name: item for item in model.graph.initializer}

    def tree_sum(self, answer: str, logistic: bool) -> TreeSum | None:
        """The sum of trees behind the output *answer*; behind its sigmoid if it is *logistic*. None: it is none."""
        name = self._plain(answer)
        if logistic:
            node = self._by_output.get(name)
            if node is None or node.op_type != "Sigmoid":
                return None
            name = node.input[0]
        return self._sum(name, 1.0)

    def _plain(self, name: str) -> str:
        node = self._by_output.get(name)
        return name if node is None or node.op_type != "Identity" else self._plain(node.input[0])

    def _sum(self, name: str, weight: float) -> TreeSum | None:
        value = self._number(name)
        if value is not None:
            return TreeSum((), value * weight)
        node = self._by_output.get(name)
        if node is None:
            return None
        if node.op_type == "Identity":
            return self._sum(node.input[0], weight)
        if node.op_type == FOREST:
            return _forest(node, weight)
        if node.op_type == "Mul":
            numbers = [self._number(part) for part in node.input]
            place = next((at for at, number in enumerate(numbers) if number is not None), None)
            return (
                None if place is None else self._sum(node.input[1 - place], weight * (numbers[place] or 0.0))
            )
        if node.op_type not in ("Add", "Sum"):
            return None
        parts = [self._sum(part, weight) for part in node.input]
        kept = [part for part in parts if part is not None]
        if len(kept) < len(parts):
            return None
        return TreeSum([term for part in kept for term in part.terms], sum(part.base for part in kept))

    def _number(self, name: str) -> float | None:
        """A constant of one number."""
        held = self._constants.get(name)
        if held is None:
            return None
        values = numpy_helper.to_array(held)
        return float(values.reshape(-1)[0]) if values.size == 1 and values.dtype.kind == "f" else None

    def behind(self, matrix: str) -> list[str]:
        """The tensors that a matrix is made of, itself among them; no constants."""
        found: dict[str, None] = {}
        waiting = [matrix]
        while waiting:
            name = waiting.pop()
            if name and name not in self._constants and name not in found:
                found[name] = None
                node = self._by_output.get(name)
                waiting += [] if node is None else list(node.input)
        return list(found)

    def owners(self, name: str, widths: Mapping[str, int]) -> list[str] | None:
        """The input that each column of a tensor is made of; None where one is made of several."""
        node = self._by_output.get(name)
        if node is None:
            return [name] * widths[name]
        given = [part for part in node.input if part and part not in self._constants]
        each = [self.owners(part, widths) for part in given]
        known = [part for part in each if part is not None]
        if not known or len(known) < len(each):
            return None
        if node.op_type == "Concat":
            return [owner for part in known for owner in part]
        alone = {owner for part in known for owner in part}
        if len(alone) == 1:
            return [*alone] * widths[name]
        if node.op_type in BY_COLUMN and all(part == known[0] for part in known):
            return known[0]
        return None


def _attributes(node: onnx.NodeProto) -> Mapping[str, Any]:
    return {item.name: helper.get_attribute_value(item) for item in node.attribute}


def _forest(node: onnx.NodeProto, weight: float) -> TreeSum | None:
    told = _attributes(node)
    plain = (
        told.get("aggregate_function", b"SUM") == b"SUM" and told.get("post_transform", b"NONE") == b"NONE"
    )
    if told.get("n_targets", 1) != 1 or not plain or "nodes_values" not in told:
        return None
    if not {mode.decode() for mode in told["nodes_modes"]} <= set(MODES):
        return None
    return TreeSum([Term(node.input[0], node, weight)], weight * sum(told.get("base_values", [])))


def splits(terms: Sequence[Term], offsets: Sequence[int]) -> Splits:
    """All forests as one; the matrix of each begins at its offset among the columns."""
    parts = [_splits(term, offset) for term, offset in zip(terms, offsets, strict=True)]
    begins = np.cumsum([0, *(len(part.feature) for part in parts)])[:-1]
    names = ("feature", "threshold", "missing_left", "strict", "value")
    moved = {
        name: np.concatenate(
            [
                np.where(getattr(part, name) < 0, -1, getattr(part, name) + begin)
                for part, begin in zip(parts, begins, strict=True)
            ]
        )
        for name in ("left", "right", "roots")
    }
    return Splits(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}, **moved
    )


def _splits(term: Term, offset: int) -> Splits:
    told = _attributes(term.node)
    ids = list(zip(told["nodes_treeids"], told["nodes_nodeids"], strict=True))
    places = {key: place for place, key in enumerate(ids)}
    modes = [mode.decode() for mode in told["nodes_modes"]]
    ends = np.array([mode == "LEAF" for mode in modes])

    def children(name: str) -> np.ndarray:
        found = [places[tree, child] for (tree, _), child in zip(ids, told[name], strict=True)]
        return np.where(ends, -1, np.array(found, np.int64))

    value = np.zeros(len(ids))
    targets = zip(told["target_treeids"], told["target_nodeids"], told["target_weights"], strict=True)
    for tree, node, weight in targets:
        value[places[tree, node]] += weight * term.weight
    left, right = children("nodes_truenodeids"), children("nodes_falsenodeids")
    below = set(left.tolist()) | set(right.tolist())
    missing = told.get("nodes_missing_value_tracks_true") or [0] * len(ids)
    return Splits(
        feature=np.array(told["nodes_featureids"], np.int64) + offset,
        threshold=np.array(told["nodes_values"], np.float32),
        left=left,
        right=right,
        missing_left=np.array(missing, bool),
        strict=np.array([MODES[mode] for mode in modes], bool),
        value=value,
        roots=np.array([place for place in range(len(ids)) if place not in below], np.int64),
    )
