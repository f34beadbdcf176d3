"""Fits one model family on a float32 matrix and gives back what predicts and what is exported."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from millrace_training.export import boosters, refusals
from millrace_training.export.trees import Forest
from millrace_training.graph.builder import Graph

STYLES = {
    "lightgbm": "tree",
    "xgboost": "tree",
    "histogram": "tree",
    "extra-trees": "filled",
    "linear": "linear",
}
"""Which feature matrix each family is trained on."""


ROWS_A_TREE = 20_000
"""Most rows that one extra tree is grown on: more cost time and hardly change a mean of many trees."""


class Estimator(Protocol):
    """A trained model of a feature matrix."""

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """float64 of shape (rows,): the prediction, or the probability of the positive class."""

    def emit(self, graph: Graph, matrix: str) -> str:
        """The same as a float [N,1] tensor."""


@dataclass(frozen=True)
class Trees:
    """A trained tree model: the library's own *model* predicts, its *forest* is exported."""

    model: Any
    forest: Forest
    logistic: bool

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        if hasattr(self.model, "predict_proba"):
            return self.model.predict_proba(matrix)[:, 1]
        if hasattr(self.model, "inplace_predict"):
            return np.asarray(self.model.inplace_predict(matrix), dtype=np.float64)
        return np.asarray(self.model.predict(matrix), dtype=np.float64)

    def emit(self, graph: Graph, matrix: str) -> str:
        raw = self.forest.emit(graph, matrix)
        return graph.add("Sigmoid", [raw]) if self.logistic else raw


@dataclass(frozen=True)
class Linear:
    """weights . row + base, through the logistic function if *logistic*."""

    weights: np.ndarray
    base: float
    logistic: bool

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        raw = matrix.astype(np.float64) @ self.weights + self.base
        return 1 / (1 + np.exp(-raw)) if self.logistic else raw

    def emit(self, graph: Graph, matrix: str) -> str:
        weights = graph.constant(self.weights.astype(np.float32)[:, None])
        raw = graph.add(
            "Add", [graph.add("MatMul", [matrix, weights]), graph.constant(np.float32(self.base))]
        )
        return graph.add("Sigmoid", [raw]) if self.logistic else raw


def fit(
    family: str, params: dict[str, Any], matrix: np.ndarray, target: np.ndarray, binary: bool, seed: int
) -> Estimator:
    """Train one *family* with one thread.

    Args:
        matrix: float32 (rows, width) in the family's style. target: float64; 0 and 1 if *binary*.
    Raises: NotExportable; KeyError for a family that is not known.
    """
    return FAMILIES[family](params, matrix, target, binary, seed)


def _lightgbm(params: dict, matrix: np.ndarray, target: np.ndarray, binary: bool, seed: int) -> Estimator:
    import lightgbm

    settings = {
        "objective": "binary" if binary else "regression",
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
    }
    data = lightgbm.Dataset(matrix, target, params=settings, free_raw_data=True)
    booster = lightgbm.train(settings, data, num_boost_round=params["rounds"])
    return Trees(booster, boosters.from_lightgbm(booster), binary)


def _xgboost(params: dict, matrix: np.ndarray, target: np.ndarray, binary: bool, seed: int) -> Estimator:
    import xgboost

    settings = {
        "objective": "binary:logistic" if binary else "reg:squarederror",
        "eta": params["rate"],
        "max_depth": params["depth"],
        "min_child_weight": params["least_weight"],
        "colsample_bytree": params["columns"],
        "lambda": params["l2"],
        "tree_method": "hist",
        "seed": seed,
        "nthread": 1,
    }
    data = xgboost.QuantileDMatrix(_finite(matrix), target, nthread=1)
    booster = xgboost.train(settings, data, num_boost_round=params["rounds"])
    return Trees(booster, boosters.from_xgboost(booster), binary)


def _finite(matrix: np.ndarray) -> np.ndarray:
    """Infinities as the largest float32: XGBoost refuses to train on them."""
    largest = np.finfo(np.float32).max
    return matrix if np.isfinite(matrix).all() else np.clip(matrix, -largest, largest)


def _histogram(params: dict, matrix: np.ndarray, target: np.ndarray, binary: bool, seed: int) -> Estimator:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    model = (HistGradientBoostingClassifier if binary else HistGradientBoostingRegressor)(
        max_iter=params["rounds"],
        learning_rate=params["rate"],
        max_leaf_nodes=params["leaves"],
        l2_regularization=params["l2"],
        categorical_features=None,
        early_stopping=False,
        random_state=seed,
    )
    refusals.check(model)
    model.fit(matrix, target)
    return Trees(model, boosters.from_histogram(model), binary)


def _extra_trees(params: dict, matrix: np.ndarray, target: np.ndarray, binary: bool, seed: int) -> Estimator:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    part = {"bootstrap": True, "max_samples": ROWS_A_TREE} if len(matrix) > ROWS_A_TREE else {}
    model = (ExtraTreesClassifier if binary else ExtraTreesRegressor)(
        n_estimators=params["trees"],
        max_leaf_nodes=params["leaves"],
        min_samples_leaf=params["least_rows"],
        max_features=params["columns"],
        random_state=seed,
        n_jobs=1,
        **part,
    )
    refusals.check(model)
    model.fit(matrix, target)
    return Trees(model, boosters.from_extra_trees(model), False)


def _linear(params: dict, matrix: np.ndarray, target: np.ndarray, binary: bool, seed: int) -> Estimator:
    return (_logistic if binary else _ridge)(matrix, target, params["alpha"])


def _ridge(matrix: np.ndarray, target: np.ndarray, alpha: float, chunk: int = 20_000) -> Linear:
    """Ridge regression by the normal equations, summed in chunks so that no float64 copy is made."""
    width, mean = matrix.shape[1], float(target.mean())
    gram, moment, total = np.zeros((width, width)), np.zeros(width), np.zeros(width)
    for begin in range(0, len(matrix), chunk):
        part = matrix[begin : begin + chunk].astype(np.float64)
        gram += part.T @ part
        moment += part.T @ (target[begin : begin + chunk] - mean)
        total += part.sum(axis=0)
    centre = total / len(matrix)
    gram -= len(matrix) * np.outer(centre, centre)
    weights = np.linalg.solve(gram + alpha * np.eye(width), moment)
    return Linear(weights, mean - float(centre @ weights), False)


def _logistic(matrix: np.ndarray, target: np.ndarray, alpha: float) -> Linear:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / alpha, max_iter=300, tol=1e-5)
    refusals.check(model)
    model.fit(matrix, target)
    return Linear(model.coef_[0].astype(np.float64), float(model.intercept_[0]), True)


FAMILIES = {
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
    "histogram": _histogram,
    "extra-trees": _extra_trees,
    "linear": _linear,
}
