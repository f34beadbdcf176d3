"""One version, ready to explain rows: its graph, its golden rows as background, and its trees if it is a sum of them.

The graph is run by onnxruntime in a thread of this service; Triton and the gateway hear nothing of it.
"""

import time
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import onnx

from millrace_contracts.explanations import Contribution, RowExplanation
from millrace_contracts.signature import Signature
from millrace_monitoring.graphs.running import Graphs
from millrace_monitoring.graphs.trees import Reader, splits
from millrace_stats import shapley, tasks
from millrace_stats.shapley import Shares, Splits, Trees

Columns = Mapping[str, np.ndarray]
"""Values of rows by tensor name, of shape (rows,) or (rows, *shape)."""
CHUNK = 4096
EDGE = 1e-7
"""Probabilities nearer to 0 or 1 than this have the log-odds of this."""
MOST_BYTES, MOST_STEPS = 2**26, 2**23
"""Bytes of a graph in which trees are looked for, and splits on the paths to their leaves times background rows: deep
forests have hundreds of times as many, which no service holds in memory beside its work. They are asked instead."""
SAME = 1e-3
"""How far the sum of the trees may be from the graph's own answer (relative, absolute below 1)."""


class Explainer:
    """Explains rows of one version.

    Args:
        data: the graph. background: rows that stand for all others. seed: of the permutations.
    """

    def __init__(self, data: bytes, signature: Signature, background: Columns, seed: int) -> None:
        self._signature, self._background, self._seed = signature, dict(background), seed
        self._task = tasks.of(signature.task or "regression")
        self._classes = signature.classes or ()
        self.columns = list(dict.fromkeys(item.column for item in signature.inputs))
        self._player = {item.name: self.columns.index(item.column) for item in signature.inputs}
        self.rows = len(next(iter(background.values())))
        self.size = len(data)
        self._session = Graphs.session(data)
        self._trees: Trees | None = None
        self._base = 0.0
        self._matrices: Sequence[str] = ()
        self._find_trees(data)

    def _find_trees(self, data: bytes) -> None:
        """Keep the sum of trees, if the graph is one and not too large, with a session that gives the matrices out."""
        if len(data) > MOST_BYTES:
            return
        model = onnx.load_from_string(data)
        reader = Reader(model)
        if self._task.width(self._classes) > 1:
            return
        found = reader.tree_sum(self._signature.outputs[0].name, self._task.classifies)
        if found is None or not found.terms:
            return
        matrices = list(dict.fromkeys(term.matrix for term in found.terms))
        behind = list(dict.fromkeys(name for matrix in matrices for name in reader.behind(matrix)))
        made = set(reader.inputs)
        shown = _with_outputs(model, [name for name in behind if name not in made])
        names = [item.name for item in shown.get_outputs()]
        values = dict(
            zip(names, shown.run(names, Graphs.feeds(shown, self._background, self.rows)), strict=True)
        )
        widths = {name: int(np.prod(value.shape[1:])) for name, value in values.items()}
        widths |= {item.name: prod(item.dims) for item in self._signature.inputs}
        owners = {matrix: reader.owners(matrix, widths) for matrix in matrices}
        known = [owner for owner in owners.values() if owner is not None]
        if len(known) < len(matrices):
            return
        begins = dict(
            zip(matrices, np.cumsum([0, *(widths[name] for name in matrices)]).tolist(), strict=False)
        )
        forest = splits(found.terms, [begins[term.matrix] for term in found.terms])
        if shapley.steps(forest) * self.rows > MOST_STEPS:
            return
        self._keep_trees(model, forest, begins, [self._player[name] for each in known for name in each])
        self._base, self._matrices = found.base, matrices

    def _keep_trees(
        self, model: onnx.ModelProto, forest: Splits, begins: Mapping[str, int], owner: Sequence[int]
    ) -> None:
        self._trees = Trees(forest, owner)
        inputs = {item.name for item in model.graph.input}
        self._shown = _with_outputs(model, [name for name in begins if name not in inputs])

    def explain(self, row: Columns, until: float) -> RowExplanation:
        """One row's contributions (CPU work: in a thread).

        Args:
            until: time.monotonic() at which to stop. Raises: shapley.OutOfTime.
        """
        _in_time(until)
        answer = self._answers(row, 1)
        place = self._named(answer)
        shares = self._by_trees(row) or self._by_asking(row, place, until)
        errors = shares.errors
        told = [
            Contribution(
                column=name,
                contribution=float(shares.contributions[at]),
                error=None if errors is None else float(errors[at]),
            )
            for at, name in enumerate(self.columns)
        ]
        names = self._task.names(self._classes)
        return RowExplanation(
            unit="log-odds" if self._task.classifies else "number",
            of=None if not self._task.classifies else names[1 if place is None else place],
            base=shares.base,
            answer=shares.answer,
            method=shares.method,
            contributions=sorted(told, key=lambda item: -abs(item.contribution)),
        )

    def _answers(self, columns: Columns, rows: int) -> np.ndarray:
        return Graphs.answers(self._session, columns, rows, self._task.width(self._classes))

    def _named(self, answer: np.ndarray) -> int | None:
        """The place of the class that is named, of three and more."""
        return int(answer[0].argmax()) if answer.ndim > 1 else None

    def _margin(self, answers: np.ndarray, place: int | None) -> np.ndarray:
        """Numbers as they are, probabilities as log-odds."""
        if not self._task.classifies:
            return answers
        likely = np.clip(answers if place is None else answers[:, place], EDGE, 1 - EDGE)
        return np.asarray(np.log(likely / (1 - likely)))

    def _by_trees(self, row: Columns) -> Shares | None:
        """Exactly; None where the graph is no sum of trees, or does not answer as the trees do."""
        if self._trees is None:
            return None
        whole = {name: np.concatenate([row[name], values]) for name, values in self._background.items()}
        count = self.rows + 1
        feeds = Graphs.feeds(self._shown, whole, count)
        parts = dict(
            zip([item.name for item in self._shown.get_outputs()], self._shown.run(None, feeds), strict=True)
        )
        given = {**{name: np.asarray(value) for name, value in feeds.items()}, **parts}
        matrix = np.concatenate([given[name].reshape(count, -1) for name in self._matrices], axis=1)
        found = self._trees.shares(
            matrix[0].astype(np.float32), matrix[1:].astype(np.float32), len(self.columns)
        )
        base, answer = found.base + self._base, found.answer + self._base
        own = float(self._margin(self._answers(row, 1), None)[0])
        if abs(answer - own) > SAME * max(1.0, abs(own)) and abs(own) < -np.log(EDGE) - 1:
            return None
        return Shares(base, answer, found.contributions, found.method)

    def _by_asking(self, row: Columns, place: int | None, until: float) -> Shares:
        moving = [name for name, values in self._background.items() if _differs(row[name], values)]
        differing = sorted({self._player[name] for name in moving})

        def worth(masks: np.ndarray) -> np.ndarray:
            step = max(1, CHUNK // self.rows)
            parts = []
            for at in range(0, len(masks), step):
                _in_time(until)
                parts.append(self._worth(row, masks[at : at + step], place))
            return np.concatenate(parts)

        return shapley.of_worth(worth, len(self.columns), differing, self._seed)

    def _worth(self, row: Columns, masks: np.ndarray, place: int | None) -> np.ndarray:
        """Mean answers over the background, where inputs in the mask have the row's values; (coalitions,)."""
        count = len(masks) * self.rows
        mixed = {}
        for name, values in self._background.items():
            taken = np.repeat(masks[:, self._player[name]], self.rows).reshape(-1, *[1] * (values.ndim - 1))
            mixed[name] = np.where(taken, row[name], np.concatenate([values] * len(masks)))
        margins = self._margin(self._answers(mixed, count), place)
        return np.asarray(margins.reshape(len(masks), self.rows).mean(axis=1))


def _in_time(until: float) -> None:
    if time.monotonic() >= until:
        raise shapley.OutOfTime


def _differs(value: np.ndarray, others: np.ndarray) -> bool:
    """Whether a row's value, (1, …), is another than any of these; two that are missing are the same."""
    if value.dtype.kind in "fc":
        return not bool(((value == others) | (np.isnan(value) & np.isnan(others))).all())
    return not bool((value == others).all())


def _with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> Any:
    """A session of the graph that gives these tensors out instead of its answers."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.output[:]
    changed.graph.output.extend([onnx.ValueInfoProto(name=name) for name in names])
    return Graphs.session(changed.SerializeToString())
