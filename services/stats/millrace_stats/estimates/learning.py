"""An estimator is learnt from the holdout: answers that were out of sample, with their labels, by day.

Whether calibration helps, how many trees a loss is worth, and how wrong estimates are is judged on quarters of the
reference that were not learnt from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from millrace_stats import tasks
from millrace_stats.estimates import errors, trees
from millrace_stats.estimates.estimator import Chunk, Estimator
from millrace_stats.estimates.isotonic import SAME, Curve, fit
from millrace_stats.tasks.task import Metrics

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
FOLDS = 4
SEED = 21
BUCKETS = 20
"""Blocks where there are no days."""
LEAST_ROWS = 200
MOST_ROWS = {False: 30_000, True: 15_000}
"""Of more rows that many are drawn; fewer where trees are grown, which take a second for some thousands."""
MANY = 50
"""More classes than these share one curve."""
FEW = 20
"""A class with fewer rows has no curve of its own."""


@dataclass(frozen=True)
class Reference:
    """What is learnt from: a chunk, its labels as numbers, and the block (day) of each row, rising in time.

    Attributes:
        sizes: slots by feature. unordered: features whose slots are words.
        ordered: blocks follow each other in time.
    """

    chunk: Chunk
    target: Floats
    blocks: Ints
    sizes: Mapping[str, int]
    unordered: Sequence[str] = ()
    ordered: bool = True

    def take(self, rows: npt.NDArray[np.int64]) -> "Reference":
        return replace(self, chunk=self.chunk.take(rows), target=self.target[rows], blocks=self.blocks[rows])


def learn(task: str, reference: Reference, seed: int = 0) -> Estimator | None:
    """The estimator of one model; None where there are too few rows to say anything."""
    if len(reference.target) < LEAST_ROWS:
        return None
    part = _drawn(reference, MOST_ROWS[task == "regression"], seed)
    fitted = _numbers(part) if task == "regression" else _classes(task, part)
    return replace(fitted.whole, errors=_errors(task, part, fitted))


@dataclass(frozen=True)
class _Fitted:
    """Of all rows, and by fold of all others."""

    whole: Estimator
    folds: list[Estimator]
    fold: Ints


def _drawn(reference: Reference, most: int, seed: int) -> Reference:
    rows = len(reference.target)
    if rows <= most:
        return reference
    return reference.take(np.sort(np.random.default_rng(seed).choice(rows, most, replace=False)))


def _fold(blocks: Ints) -> Ints:
    """Quarters of the blocks, one after the other: neighbours resemble each other; of a single block, of its rows."""
    _, place = np.unique(blocks, return_inverse=True)
    if not place.any():
        place = np.random.default_rng(SEED).permutation(len(blocks))
    return np.asarray(place * FOLDS // (place.max() + 1), np.int64)


def _numbers(part: Reference) -> _Fitted:
    error, fold = part.target - part.chunk.predicted, _fold(part.blocks)
    losses, distances = _forests(part, error**2, fold), _forests(part, np.abs(error), fold)
    fitted = [Estimator("regression", (), *pair) for pair in zip(losses, distances, strict=True)]
    off = square = 0.0
    for number in np.unique(fold):
        here = np.flatnonzero(fold == number)
        told = fitted[1 + number].expect(part.chunk.take(here)).losses
        off, square = off + float(((error[here] ** 2 - told) ** 2).sum()), square + float((told**2).sum())
    fitted = [replace(one, ratio=off / square if square else 0.0) for one in fitted]
    return _Fitted(fitted[0], fitted[1:], fold)


def _forests(part: Reference, target: Floats, fold: Ints) -> list[trees.Forest]:
    """Of all rows, then of all but each quarter, with as many trees as do best on those quarters."""
    apart, curve = [], np.zeros(trees.MOST_TREES + 1)
    for number in range(FOLDS):
        here, rest = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        forest = _forest(part, target, rest)
        curve += _progress(forest, part.chunk.take(here), target[here])
        apart.append(forest)
    best = int(curve.argmin())
    return [forest.first(best) for forest in (_forest(part, target, np.arange(len(target))), *apart)]


def _forest(part: Reference, target: Floats, rows: Ints) -> trees.Forest:
    slots = {name: placed[rows] for name, placed in part.chunk.slots.items()}
    return trees.fit(slots, part.sizes, part.unordered, target[rows])


def _progress(forest: trees.Forest, chunk: Chunk, target: Floats) -> Floats:
    """Squared error after so many trees, (MOST_TREES + 1,)."""
    rest = target - forest.base
    told = [float(rest @ rest)]
    for step in forest.steps(chunk.slots, len(chunk)):
        rest = rest - step
        told.append(float(rest @ rest))
    return np.array(told + told[-1:] * (trees.MOST_TREES + 1 - len(told)))


def _classes(task: str, part: Reference) -> _Fitted:
    """Curves, if honest probabilities are better than given ones on quarters that were not learnt from."""
    fold = _fold(part.blocks)
    plain = Estimator(task, _plain(part.chunk.predicted))
    folds, saved = [], 0.0
    for number in range(FOLDS):
        here, rest = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        one = plain if not len(rest) else Estimator(task, _curves(part.take(rest)))
        folds.append(one)
        if len(here) and len(rest):
            saved += _surprise(plain, part.take(here)) - _surprise(one, part.take(here))
    if saved <= 0:
        return _Fitted(plain, [plain] * FOLDS, fold)
    return _Fitted(Estimator(task, _curves(part)), folds, fold)


def _plain(predicted: Floats) -> tuple[Curve, ...]:
    return (SAME,) * (1 if predicted.ndim == 1 or predicted.shape[1] > MANY else predicted.shape[1])


def _curves(part: Reference) -> tuple[Curve, ...]:
    given, target = part.chunk.predicted, part.target
    if given.ndim == 1:
        return (fit(given, target),)
    hits = (target[:, None] == np.arange(given.shape[1])).astype(np.float64)
    if given.shape[1] > MANY:
        return (fit(given.ravel(), hits.ravel()),)
    return tuple(
        fit(given[:, k], hits[:, k]) if hits[:, k].sum() >= FEW else SAME for k in range(given.shape[1])
    )


def _surprise(one: Estimator, part: Reference) -> float:
    """Squared distance of honest probabilities and labels, summed: it never rewards being sure."""
    given = part.chunk.predicted
    both = np.column_stack([1 - given, given]) if given.ndim == 1 else given
    hits = (part.target[:, None] == np.arange(both.shape[1])).astype(np.float64)
    return float(((one.honest(both) - hits) ** 2).sum())


def _errors(task: str, part: Reference, fitted: _Fitted) -> dict[str, errors.BlockError]:
    """By metric, from the blocks of each fold as the others' estimator sees them."""
    judge = tasks.of(task)
    found: dict[str, list[tuple[float, float, int]]] = {}
    for block in np.unique(part.blocks):
        rows = np.flatnonzero(part.blocks == block)
        told = fitted.folds[int(fitted.fold[rows[0]])].expect(part.chunk.take(rows))
        real = measured(judge, part.target[rows], part.chunk.take(rows))
        for name, value in told.metrics.items():
            true = real.get(name)
            if true is not None:
                found.setdefault(name, []).append((true - value, told.variance / len(rows), len(rows)))
    made = {}
    for name, parts in found.items():
        differences, sampling, rows_of = zip(*parts, strict=True)
        error = errors.of_blocks(differences, sampling if name == "loss" else None, rows_of)
        if error is not None:
            made[name] = error if part.ordered else replace(error, r=0.0)
    return made


def measured(judge: tasks.Task, target: Floats, chunk: Chunk) -> Metrics:
    """The metrics that are estimated, as they really were; the class that was chosen is the chunk's if it has one."""
    told = judge.metrics(target, chunk.predicted)
    if judge.name != "binary":
        return told
    chosen = chunk.chosen if chunk.chosen is not None else (chunk.predicted >= 0.5).astype(np.int64)
    hits = float(((chosen == 1) & (target == 1)).sum())
    both = float((chosen == 1).sum() + (target == 1).sum())
    return told | {"accuracy": float(np.mean(chosen == target)), "f1": 2 * hits / both if both else None}
