"""Fits a small model on another model's answers: probabilities of classes, or numbers, instead of labels.

Trees take each class of a row with its probability as the row's weight, which is the cross entropy of the two answers;
nets are fitted to the teacher's raw scores, the logarithms of its odds.

Source: Hinton et al., "Distilling the knowledge in a neural network" (2015); Ba and Caruana, "Do deep nets really need
to be deep?" (2014).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from millrace_training.automl import nets, rare
from millrace_training.automl.aims import Aim, Params, Sought
from millrace_training.automl.estimators import Estimator, boosted
from millrace_training.export import boosters

FAINT = 0.01
"""What a teacher holds for less likely is not taught to trees: most rows would stand there once for each class."""
SUREST = 1e-3
"""A net is not taught to be surer than this: beyond it, raw scores say little and are large."""


def fit(
    family: str, params: Params, matrix: np.ndarray, answers: np.ndarray, aim: Aim, seed: int
) -> Estimator:
    """Train one small *family*, `lightgbm` or `mlp`, with one thread.

    Args:
        matrix: float32 (rows, width) in the family's style.
        answers: the teacher's, float64 (rows,), or (rows, classes) of probabilities.
    """
    if not aim.task.classifies:
        return _taught_numbers(family, params, matrix, answers, aim, seed)
    if aim.width == 1:
        return _taught_one(family, params, matrix, np.clip(answers, 0, 1), aim.scored(1), seed)
    return _taught_many(family, params, matrix, answers, aim, seed)


def _taught_numbers(
    family: str, params: Params, matrix: np.ndarray, answers: np.ndarray, aim: Aim, seed: int
) -> Estimator:
    train = boosted if family == "lightgbm" else nets.fit
    made: Estimator = train(params, matrix, answers, aim.scored(1), seed)
    return made


def _taught_one(
    family: str, params: Params, matrix: np.ndarray, likely: np.ndarray, sought: Sought, seed: int
) -> Estimator:
    """The probability of the second of two classes."""
    if family == "lightgbm":
        softly = replace(sought, objectives=replace(sought.objectives, lightgbm=boosters.SOFT))
        return boosted(params, matrix, likely, softly, seed)
    return nets.fit(params, matrix, _odds(likely), _raw(sought), seed)


def _taught_many(
    family: str, params: Params, matrix: np.ndarray, answers: np.ndarray, aim: Aim, seed: int
) -> Estimator:
    """A probability for each class; those that the teacher never thought of keep a tiny one."""
    told = np.where(answers > FAINT, answers, 0.0)
    present = np.flatnonzero(told.sum(axis=0) >= 1)
    if len(present) < 2:
        return rare.Spread(rare.Constant(1.0, wide=True), present, aim.width)
    shares = told[:, present] / np.maximum(told[:, present].sum(axis=1, keepdims=True), 1e-12)
    made = MANY[family](rare.bounded(params, len(present)), matrix, shares, aim.scored(len(present)), seed)
    return made if len(present) == aim.width else rare.Spread(made, present, aim.width)


def _boosted_many(
    params: Params, matrix: np.ndarray, shares: np.ndarray, sought: Sought, seed: int
) -> Estimator:
    rows, places = np.nonzero(shares)
    return boosted(params, matrix[rows], places.astype(np.float64), sought, seed, shares[rows, places])


def _net_many(params: Params, matrix: np.ndarray, shares: np.ndarray, sought: Sought, seed: int) -> Estimator:
    if shares.shape[1] == 2:
        return nets.fit(params, matrix, _odds(shares[:, 1]), _raw(sought), seed)
    scores = np.log(np.clip(shares, SUREST, 1))
    return nets.fit(params, matrix, scores - scores.mean(axis=1, keepdims=True), _raw(sought), seed)


def _odds(likely: np.ndarray) -> np.ndarray:
    """Raw scores of probabilities."""
    held = np.clip(likely, SUREST, 1 - SUREST)
    return np.asarray(np.log(held / (1 - held)))


def _raw(sought: Sought) -> Sought:
    """The same link, but raw scores are learnt and no classes."""
    return replace(sought, objectives=replace(sought.objectives, classifies=False))


Many = Callable[[Params, np.ndarray, np.ndarray, Sought, int], Estimator]
MANY: Mapping[str, Many] = {"lightgbm": _boosted_many, "mlp": _net_many}
