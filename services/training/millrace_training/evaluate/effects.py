"""How the answer moves with each column that matters most, on a bounded sample of the rows that are judged on.

What has an order is told by accumulated local effects, not by partial dependence: columns go together (a large flat
has many rooms), and partial dependence asks the model about rows that cannot be (a large flat with one room), while
local effects move each row only within its own bin. Categories have no neighbours: each row is asked as if it had
each of the most frequent ones.

Source: Apley & Zhu, Visualizing the effects of predictor variables in black box supervised learning models, J. R.
Stat. Soc. B 82 (2020).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from millrace_contracts.effects import CategoryEffect, Effect, EffectKind, EffectPoint, Importance
from millrace_stats.tasks import Task
from millrace_training.features.columns import Column
from millrace_training.features.frame import MISSING_TIME, Frame
from millrace_training.graph.session import predict

TOP, BINS, CATEGORIES, OUTPUTS = 6, 20, 12, 6
"""Most columns, bins of a column, categories of a column, and classes that are told."""
ANSWERS = 4_000
"""Answers that one column may cost: two for a row of what has an order, one for a row and category."""


@dataclass(frozen=True)
class Outputs:
    """What is moved.

    Attributes:
        names: the target, or the classes that are told.
        of_classes: whether the answer is a probability.
        places: of these classes among the model's outputs; None where an answer is one number.
    """

    names: list[str]
    of_classes: bool = False
    places: list[int] | None = None

    def ask(self, session: Any, frame: Frame) -> np.ndarray:
        """The model's answers, float64 (rows, outputs)."""
        found = predict(session, frame)
        return found[:, None] if self.places is None else found[:, self.places]


def outputs(task: Task, target: str, labels: np.ndarray, classes: Sequence[Any]) -> Outputs:
    """The target of a regression; the second class of two; the most frequent of many, in the model's order."""
    if not task.classifies:
        return Outputs([target])
    names = task.names(classes)
    if len(names) <= 2:
        return Outputs(names[-1:], True)
    known = labels[(labels >= 0) & (labels < len(names))]
    counts = np.bincount(known.astype(np.int64), minlength=len(names))
    places = sorted(np.argsort(-counts, kind="stable")[:OUTPUTS].tolist())
    return Outputs([names[place] for place in places], True, places)


def of_most(
    session: Any, frame: Frame, importance: Sequence[Importance], told: Outputs, seed: int
) -> list[Effect]:
    """Effects of the TOP columns that add loss when shuffled; at most TOP x ANSWERS answers are asked for.

    Args:
        importance: the most important first. seed: of the sample.
    Returns: in that order; a column with one value, or of tensors, is left out.
    """
    named = {column.name: column for column in frame.columns}
    most = [named[item.column] for item in importance if item.loss_added > 0][:TOP]
    found = (of_column(session, frame, column, told, seed) for column in most)
    return [item for item in found if item is not None]


def of_column(session: Any, frame: Frame, column: Column, told: Outputs, seed: int) -> Effect | None:
    """The effect of one column; None for tensors, and where the sample has one value only."""
    if column.kind == "tensor":
        return None
    if column.kind == "category":
        return _of_words(session, frame, column, told, seed)
    known = np.flatnonzero(_known(column, frame.values[column.name]))
    base = frame.take(_drawn(known, ANSWERS // 2, seed))
    values = base.values[column.name]
    edges = _edges(values)
    if len(edges) < 2:
        return None
    upper = np.clip(np.searchsorted(edges, values), 1, len(edges) - 1)
    high, low = (told.ask(session, _with(base, column, edges[place])) for place in (upper, upper - 1))
    curve = _accumulated(high - low, upper, len(edges))
    curve -= np.array([np.interp(values, edges, each).mean() for each in curve.T])
    points = [EffectPoint(at=float(at), moved=by.tolist()) for at, by in zip(edges, curve, strict=True)]
    return _effect(column, told, base.rows, points=points)


def _of_words(session: Any, frame: Frame, column: Column, told: Outputs, seed: int) -> Effect | None:
    """The mean answer of rows that are asked as if they had a category, less that of the categories told together."""
    codes = frame.values[column.name]
    counts = np.bincount(codes, minlength=1)
    most = [int(code) for code in np.argsort(-counts, kind="stable")[:CATEGORIES] if counts[code]]
    if len(most) < 2:
        return None
    base = frame.take(_drawn(np.arange(frame.rows), ANSWERS // len(most), seed))
    asked = [
        told.ask(session, _with(base, column, np.full(base.rows, code, codes.dtype))).mean(axis=0)
        for code in most
    ]
    moved = np.array(asked) - np.average(asked, axis=0, weights=counts[most])
    lines = [
        CategoryEffect(value=frame.words[column.name][code], rows=int(counts[code]), moved=by.tolist())
        for code, by in zip(most, moved, strict=True)
    ]
    return _effect(column, told, frame.rows, categories=lines)


def _effect(
    column: Column,
    told: Outputs,
    rows: int,
    points: Sequence[EffectPoint] = (),
    categories: Sequence[CategoryEffect] = (),
) -> Effect:
    return Effect(
        column=column.name, kind=cast("EffectKind", column.kind), outputs=told.names,
        of_classes=told.of_classes, rows=rows, points=list(points),
        categories=list(categories),
    )  # fmt: skip


def _known(column: Column, values: np.ndarray) -> np.ndarray:
    """Which rows have a value."""
    return values != MISSING_TIME if column.kind == "timestamp" else np.isfinite(values)


def _drawn(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most so many of these rows, in their order; every column draws for itself from the same seed."""
    draw = np.random.default_rng(seed)
    return np.sort(draw.choice(rows, min(most, len(rows)), replace=False))


def _edges(values: np.ndarray) -> np.ndarray:
    """Values of the sample that part it into bins of about as many rows, rising; none is made up."""
    places = np.linspace(0, len(values) - 1, BINS + 1).round().astype(np.int64)
    return np.unique(np.sort(values)[places]) if len(values) else values


def _with(base: Frame, column: Column, values: np.ndarray) -> Frame:
    """The same rows with other values of one column."""
    return Frame(base.columns, base.values | {column.name: values}, base.words, base.rows)


def _accumulated(steps: np.ndarray, bins: np.ndarray, edges: int) -> np.ndarray:
    """Mean step of each bin, added up from the first edge on: float64 (edges, outputs)."""
    counts = np.maximum(np.bincount(bins, minlength=edges), 1)
    sums = np.array([np.bincount(bins, each, edges) for each in steps.T]).T
    return np.asarray(np.cumsum(sums / counts[:, None], axis=0), np.float64)
