"""Fits one model family on a float32 matrix and gives back what predicts and what is exported."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from millrace_training.automl import nets, rare
from millrace_training.automl.aims import Aim, Params, Sought
from millrace_training.export import boosters, links, refusals
from millrace_training.export.links import Link
from millrace_training.export.trees import Forest
from millrace_training.graph.builder import Graph

STYLES = {
    "lightgbm": "tree",
    "xgboost": "tree",
    "histogram": "tree",
    "extra-trees": "filled",
    "linear": "linear",
    "mlp": "net",
}
"""Which feature matrix each family is trained on."""
STEPS, LEAST_STEPS = 300, 30
WORK = 40_000_000_000
"""Multiplications that a linear model of many classes may cost."""

Weight = np.ndarray | None
"""How much each row counts, (rows,), 1 in the mean; None: all alike."""
ROWS_A_TREE = 20_000
"""Most rows that one extra tree is grown on: more cost time and hardly change a mean of many trees."""


class Estimator(Protocol):
    """A trained model of a feature matrix."""

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """float64 (rows,): the prediction or a probability; or (rows, classes): a probability for each class."""

    def emit(self, graph: Graph, matrix: str) -> str:
        """The same as a float tensor, [N,1] or [N, classes]."""


@dataclass(frozen=True)
class Trees:
    """A trained tree model: the library's own *model* predicts, its *forest* is exported."""

    model: Any
    forest: Forest
    link: Link

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        if hasattr(self.model, "predict_proba"):
            answers = self.model.predict_proba(matrix)
            return answers if links.is_vector(self.link) else answers[:, 1]
        if hasattr(self.model, "inplace_predict"):
            return np.asarray(self.model.inplace_predict(matrix), dtype=np.float64)
        return np.asarray(self.model.predict(matrix), dtype=np.float64)

    def emit(self, graph: Graph, matrix: str) -> str:
        return links.emit(graph, self.forest.emit(graph, matrix), self.link)


@dataclass(frozen=True)
class Linear:
    """weights . row + base, through the *link*: (width,) and a number, or (width, classes) and (classes,)."""

    weights: np.ndarray
    base: float | np.ndarray
    link: Link

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        return links.apply(matrix.astype(np.float64) @ self.weights + self.base, self.link)

    def emit(self, graph: Graph, matrix: str) -> str:
        weights = self.weights.astype(np.float32)
        flat = graph.constant(weights[:, None] if weights.ndim == 1 else weights)
        base = graph.constant(np.asarray(self.base, np.float32)[()])
        return links.emit(graph, graph.add("Add", [graph.add("MatMul", [matrix, flat]), base]), self.link)


def fit(
    family: str,
    params: Params,
    matrix: np.ndarray,
    target: np.ndarray,
    aim: Aim,
    seed: int,
    weight: np.ndarray | None = None,
) -> Estimator:
    """Train one *family* with one thread.

    Args:
        matrix: float32 (rows, width) in the family's style. target: float64; places among the classes, if there are.
        weight: how much each row counts, (rows,), brought to a mean of 1; None: all alike.
    Raises: NotExportable; KeyError for a family that is not known.
    """
    train = FAMILIES[family]
    counts = None if weight is None else weight / (weight.mean() or 1.0)
    if aim.width == 1:
        return rare.only_class(target, aim) or train(params, matrix, target, aim.scored(1), seed, counts)
    return rare.fit(train, params, matrix, target, aim, seed, counts)


def boosted(
    params: Params,
    matrix: np.ndarray,
    target: np.ndarray,
    sought: Sought,
    seed: int,
    weight: Weight = None,
) -> Trees:
    """LightGBM's trees; *weight* says how much each row counts, (rows,), all alike if left out."""
    import lightgbm

    settings = {
        "objective": sought.objectives.lightgbm,
        "learning_rate": params["rate"],
        "num_leaves": params["leaves"],
        "min_data_in_leaf": params["least_rows"],
        "feature_fraction": params["columns"],
        "lambda_l2": params["l2"],
        "seed": seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    } | ({"num_class": sought.scores} if sought.scores > 1 else {})
    data = lightgbm.Dataset(matrix, target, weight=weight, params=settings, free_raw_data=True)
    booster = lightgbm.train(settings, data, num_boost_round=params["rounds"])
    return Trees(booster, boosters.from_lightgbm(booster), sought.objectives.link)


def _xgboost(
    params: Params, matrix: np.ndarray, target: np.ndarray, sought: Sought, seed: int, weight: Weight = None
) -> Trees:
    import xgboost

    settings = {
        "objective": sought.objectives.xgboost,
        "eta": params["rate"],
        "max_depth": params["depth"],
        "min_child_weight": params["least_weight"],
        "colsample_bytree": params["columns"],
        "lambda": params["l2"],
        "tree_method": "hist",
        "seed": seed,
        "nthread": 1,
    } | ({"num_class": sought.scores} if sought.scores > 1 else {})
    data = xgboost.QuantileDMatrix(_finite(matrix), target, weight=weight, nthread=1)
    booster = xgboost.train(settings, data, num_boost_round=params["rounds"])
    return Trees(booster, boosters.from_xgboost(booster), sought.objectives.link)


def _finite(matrix: np.ndarray) -> np.ndarray:
    """Infinities as the largest float32: XGBoost refuses to train on them."""
    largest = np.finfo(np.float32).max
    return matrix if np.isfinite(matrix).all() else np.clip(matrix, -largest, largest)


def _histogram(
    params: Params, matrix: np.ndarray, target: np.ndarray, sought: Sought, seed: int, weight: Weight = None
) -> Trees:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    model = (HistGradientBoostingClassifier if sought.classifies else HistGradientBoostingRegressor)(
        max_iter=params["rounds"],
        learning_rate=params["rate"],
        max_leaf_nodes=params["leaves"],
        l2_regularization=params["l2"],
        categorical_features=None,
        early_stopping=False,
        random_state=seed,
    )
    refusals.check(model)
    model.fit(matrix, target, sample_weight=weight)
    return Trees(model, boosters.from_histogram(model), sought.link)


def _extra_trees(
    params: Params, matrix: np.ndarray, target: np.ndarray, sought: Sought, seed: int, weight: Weight = None
) -> Trees:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    part = {"bootstrap": True, "max_samples": ROWS_A_TREE} if len(matrix) > ROWS_A_TREE else {}
    model = (ExtraTreesClassifier if sought.classifies else ExtraTreesRegressor)(
        n_estimators=params["trees"],
        max_leaf_nodes=params["leaves"],
        min_samples_leaf=params["least_rows"],
        max_features=params["columns"],
        random_state=seed,
        n_jobs=1,
        **part,
    )
    refusals.check(model)
    model.fit(matrix, target, sample_weight=weight)
    link: Link = "shares" if sought.scores > 1 else "identity"
    return Trees(model, boosters.from_extra_trees(model, sought.scores), link)


def _linear(
    params: Params, matrix: np.ndarray, target: np.ndarray, sought: Sought, seed: int, weight: Weight = None
) -> Linear:
    if sought.classifies:
        return _logistic(matrix, target, params["alpha"], sought, weight)
    return _ridge(matrix, target, params["alpha"], weight)


def _ridge(
    matrix: np.ndarray, target: np.ndarray, alpha: float, weight: Weight = None, chunk: int = 20_000
) -> Linear:
    """Ridge regression by the normal equations, summed in chunks so that no float64 copy is made."""
    width, mean = matrix.shape[1], float(np.average(target, weights=weight))
    gram, moment, total = np.zeros((width, width)), np.zeros(width), np.zeros(width)
    for begin in range(0, len(matrix), chunk):
        part = matrix[begin : begin + chunk].astype(np.float64)
        counted = part if weight is None else part * weight[begin : begin + chunk, None]
        gram += counted.T @ part
        moment += counted.T @ (target[begin : begin + chunk] - mean)
        total += counted.sum(axis=0)
    centre = total / len(matrix)
    gram -= len(matrix) * np.outer(centre, centre)
    weights = np.linalg.solve(gram + alpha * np.eye(width), moment)
    return Linear(weights, mean - float(centre @ weights), "identity")


def _logistic(
    matrix: np.ndarray, target: np.ndarray, alpha: float, sought: Sought, weight: Weight = None
) -> Linear:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / alpha, max_iter=_steps(matrix, sought.scores), tol=1e-5)
    refusals.check(model)
    model.fit(matrix, target, sample_weight=weight)
    weights, base = model.coef_.astype(np.float64), model.intercept_.astype(np.float64)
    if len(weights) == 1:
        return Linear(weights[0], float(base[0]), sought.link)
    return Linear(weights.T, base, sought.link)


def _steps(matrix: np.ndarray, scores: int) -> int:
    """Steps of the solver: fewer where one step over many rows, features and classes is dear."""
    return STEPS if scores == 1 else int(np.clip(WORK // (matrix.size * scores), LEAST_STEPS, STEPS))


FAMILIES: dict[str, rare.Train] = {
    "lightgbm": boosted,
    "xgboost": _xgboost,
    "histogram": _histogram,
    "extra-trees": _extra_trees,
    "linear": _linear,
    "mlp": nets.fit,
}
