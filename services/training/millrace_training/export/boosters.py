"""Reads the trees out of LightGBM, XGBoost and scikit-learn models, refusing what they cannot say exactly."""

import json
from typing import Any

import numpy as np

from millrace_stats import tasks
from millrace_training.export.refusals import NotExportable
from millrace_training.export.trees import Forest, Tree

OBJECTIVES = [tasks.of(name).objectives for name in tasks.NAMES]
SOFT = "cross_entropy"
"""LightGBM's objective for targets that are probabilities; its raw scores pass through the logistic link, too."""
LIGHTGBM_OBJECTIVES = [*(item.lightgbm for item in OBJECTIVES), SOFT]
LIGHTGBM_ZERO = float(np.float32(1e-35))
"""LightGBM reads a number at most this far from 0 as 0 (its kZeroThreshold)."""
XGBOOST_LINKS = {item.xgboost: item.link for item in OBJECTIVES}


def from_lightgbm(booster: Any) -> Forest:
    """A trained lightgbm.Booster as a forest of raw scores.

    Raises: NotExportable for linear trees, averaged forests, categorical splits and other objectives.
    """
    head, *texts = booster.model_to_string(num_iteration=booster.best_iteration or -1).split("\nTree=")
    facts = _lines(head)
    objective = facts.get("objective", "none").split()
    if not objective or objective[0] not in LIGHTGBM_OBJECTIVES or "sqrt" in objective:
        raise NotExportable(f"LightGBM objective {facts.get('objective')}")
    if any(part.startswith("sigmoid:") and part != "sigmoid:1" for part in objective):
        raise NotExportable("LightGBM with a sigmoid other than 1")
    if "average_output" in facts:
        raise NotExportable("LightGBM boosting=rf")
    trees = [_lightgbm_tree(_lines(text.split("\n\n")[0])) for text in texts]
    scores = int(facts["num_tree_per_iteration"])
    return (
        Forest(trees, 0.0) if scores == 1 else Forest(trees, np.zeros(scores), into=_in_turn(trees, scores))
    )


def _in_turn(trees: list[Tree], scores: int) -> np.ndarray:
    """One tree for each score, round by round."""
    return np.arange(len(trees)) % scores


def _lines(text: str) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in text.splitlines())


def _lightgbm_tree(facts: dict[str, str]) -> Tree:
    if facts.get("is_linear", "0") != "0":
        raise NotExportable("LightGBM linear_tree=True")
    leaves = np.array(facts["leaf_value"].split(), dtype=np.float64)
    if int(facts["num_leaves"]) == 1:
        return _leaf(leaves[0])
    decision = np.array(facts["decision_type"].split(), dtype=np.int64)
    if (decision & 1).any():
        raise NotExportable("LightGBM categorical splits")
    missing = (decision >> 2) & 3
    if (missing == 1).any():
        raise NotExportable("LightGBM zero_as_missing=True")
    threshold = np.array(facts["threshold"].split(), dtype=np.float64)
    # Where training saw no NaN, LightGBM reads NaN as 0; else the split says where NaN goes.
    missing_left = np.where(missing == 2, (decision & 2) > 0, threshold >= 0)
    inner, ends = len(threshold), np.full(len(leaves), -1)
    children = [np.append(_numbered(facts[side], inner), ends) for side in ("left_child", "right_child")]
    feature = np.array(facts["split_feature"].split(), dtype=np.int64)
    return Tree(
        np.append(feature, np.zeros(len(leaves), np.int64)),
        np.append(_beside_zero(threshold), np.zeros(len(leaves))),
        children[0],
        children[1],
        np.append(missing_left, ends > 0),
        np.append(np.zeros(inner), leaves),
    )


def _beside_zero(threshold: np.ndarray) -> np.ndarray:
    """Thresholds so near to 0 that LightGBM would not tell a row there from 0, moved to where its reading ends."""
    below = float(np.nextafter(np.float32(-LIGHTGBM_ZERO), np.float32(-np.inf)))
    near = np.abs(threshold) <= LIGHTGBM_ZERO
    return np.where(near, np.where(threshold < 0, below, LIGHTGBM_ZERO), threshold)


def _numbered(children: str, inner: int) -> np.ndarray:
    """LightGBM counts leaves as ~n; here they follow the *inner* nodes."""
    array = np.array(children.split(), dtype=np.int64)
    return np.where(array < 0, inner + ~array, array)


def _leaf(value: float) -> Tree:
    none = np.array([-1])
    return Tree(np.array([0]), np.array([0.0]), none, none, np.array([False]), np.array([value]))


def from_xgboost(booster: Any) -> Forest:
    """A trained xgboost.Booster as a forest of raw scores (margins).

    Raises: NotExportable for linear and dart boosters, categorical splits and other objectives.
    """
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    name = learner["gradient_booster"]["name"]
    objective = learner["objective"]["name"]
    if name != "gbtree" or objective not in XGBOOST_LINKS:
        raise NotExportable(f"XGBoost booster {name} with objective {objective}")
    base = np.ravel(json.loads(learner["learner_model_param"]["base_score"])).astype(float)
    if XGBOOST_LINKS[objective] == "logistic":
        base = np.log(base / (1 - base))
    trees = [_xgboost_tree(tree) for tree in learner["gradient_booster"]["model"]["trees"]]
    scores = int(learner["learner_model_param"]["num_class"])
    if scores < 2:
        return Forest(trees, float(base[0]), strict=True)
    into = np.array(learner["gradient_booster"]["model"]["tree_info"], np.int64)
    return Forest(trees, np.broadcast_to(base, scores), strict=True, into=into)


def _xgboost_tree(tree: dict[str, Any]) -> Tree:
    if any(tree["split_type"]):
        raise NotExportable("XGBoost enable_categorical=True")
    left = np.array(tree["left_children"], dtype=np.int64)
    condition = np.array(tree["split_conditions"], dtype=np.float64)
    return Tree(
        np.array(tree["split_indices"], dtype=np.int64),
        condition.astype(np.float32).astype(np.float64),
        left,
        np.array(tree["right_children"], dtype=np.int64),
        np.array(tree["default_left"]).astype(bool),
        condition,
    )


def from_histogram(model: Any) -> Forest:
    """A fitted HistGradientBoosting model as a forest of raw scores: one, or one for each of three and more classes."""
    trees = [_histogram_tree(tree.nodes) for predictors in model._predictors for tree in predictors]
    base = np.ravel(model._baseline_prediction).astype(float)
    if len(base) == 1:
        return Forest(trees, float(base[0]))
    return Forest(trees, base, into=_in_turn(trees, len(base)))


def _histogram_tree(nodes: np.ndarray) -> Tree:
    if nodes["is_categorical"].any():
        raise NotExportable("HistGradientBoosting(categorical_features=...)")
    end = nodes["is_leaf"].astype(bool)
    return Tree(
        nodes["feature_idx"].astype(np.int64),
        nodes["num_threshold"].astype(np.float64),
        np.where(end, -1, nodes["left"].astype(np.int64)),
        np.where(end, -1, nodes["right"].astype(np.int64)),
        nodes["missing_go_to_left"].astype(bool),
        nodes["value"].astype(np.float64),
    )


def from_extra_trees(model: Any, scores: int = 1) -> Forest:
    """A fitted ExtraTrees or RandomForest as a forest of means: of the target, of the second of two classes, or
    (with *scores* above 1) of each class."""
    count = len(model.estimators_)
    base = 0.0 if scores == 1 else np.zeros(scores)
    return Forest([_sklearn_tree(one.tree_, count, scores) for one in model.estimators_], base)


def _sklearn_tree(tree: Any, count: int, scores: int) -> Tree:
    value = tree.value[:, 0, :]
    shares = value if value.shape[1] == 1 else value / value.sum(axis=1, keepdims=True)
    answer = shares if scores > 1 else shares[:, -1]
    return Tree(
        tree.feature.astype(np.int64),
        tree.threshold.astype(np.float64),
        tree.children_left.astype(np.int64),
        tree.children_right.astype(np.int64),
        tree.missing_go_to_left.astype(bool),
        answer / count,
    )
