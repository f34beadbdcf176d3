"""What a converter would get wrong without a word is refused by name."""

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from millrace_training.export import boosters
from millrace_training.export.refusals import NotExportable, check

DRAW = np.random.default_rng(0)
X = np.column_stack([DRAW.integers(0, 6, 400), DRAW.normal(size=400)]).astype(np.float32)
Y = (X[:, 0] % 2) * 3 + X[:, 1]


@pytest.mark.parametrize(
    ("estimator", "named"),
    [
        (HistGradientBoostingRegressor(categorical_features=[0]), "categorical_features"),
        (make_pipeline(SimpleImputer(add_indicator=True), Ridge()), "SimpleImputer.add_indicator=True"),
        (make_pipeline(KNNImputer(), Ridge()), "KNNImputer"),
        (make_pipeline(FunctionTransformer(np.log1p), Ridge()), "FunctionTransformer"),
        (make_pipeline(OneHotEncoder(handle_unknown="infrequent_if_exist"), Ridge()), "infrequent_if_exist"),
        (lightgbm.LGBMRegressor(linear_tree=True), "linear_tree"),
        (lightgbm.LGBMClassifier(boosting_type="dart"), "dart"),
        (xgboost.XGBRegressor(booster="gblinear"), "gblinear"),
        (xgboost.XGBClassifier(enable_categorical=True), "enable_categorical"),
    ],
)
def test_a_setting_that_is_lost_is_refused_before_any_fit(estimator, named):
    with pytest.raises(NotExportable, match=named):
        check(estimator)


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(SimpleImputer(), Ridge()),
        HistGradientBoostingRegressor(),
        lightgbm.LGBMRegressor(),
        xgboost.XGBRegressor(),
    ],
)
def test_what_can_be_said_exactly_passes(estimator):
    check(estimator)


@pytest.mark.parametrize(
    ("settings", "categorical"),
    [
        ({"objective": "regression", "linear_tree": True}, "auto"),
        ({"objective": "regression", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, "auto"),
        ({"objective": "regression", "zero_as_missing": True}, "auto"),
        ({"objective": "regression", "min_data_per_group": 1, "cat_smooth": 0}, [0]),
        ({"objective": "poisson"}, "auto"),
        ({"objective": "regression", "reg_sqrt": True}, "auto"),
        ({"objective": "binary", "sigmoid": 2.0}, "auto"),
    ],
)
def test_a_lightgbm_model_that_says_more_than_plain_trees_is_refused(settings, categorical):
    target = (Y > 1).astype(float) if settings["objective"] == "binary" else np.abs(Y)
    data = lightgbm.Dataset(X, target, categorical_feature=categorical, params={"verbosity": -1})
    booster = lightgbm.train(settings | {"verbosity": -1, "num_threads": 1, "max_bin": 20}, data, 5)
    with pytest.raises(NotExportable):
        boosters.from_lightgbm(booster)


@pytest.mark.parametrize(
    "settings",
    [{"booster": "gblinear"}, {"booster": "dart", "rate_drop": 0.5}, {"objective": "reg:gamma"}],
)
def test_an_xgboost_model_that_says_more_than_plain_trees_is_refused(settings):
    booster = xgboost.train(settings | {"nthread": 1}, xgboost.DMatrix(X, np.abs(Y) + 1), 5)
    with pytest.raises(NotExportable):
        boosters.from_xgboost(booster)


def test_categorical_splits_are_refused_after_the_fit_as_well():
    codes = xgboost.DMatrix(X, Y, feature_types=["c", "q"], enable_categorical=True)
    with pytest.raises(NotExportable, match="enable_categorical"):
        boosters.from_xgboost(xgboost.train({"max_cat_to_onehot": 1, "nthread": 1}, codes, 5))
    model = HistGradientBoostingClassifier(categorical_features=[0], max_iter=5).fit(X, X[:, 0] % 2 == 1)
    with pytest.raises(NotExportable, match="categorical_features"):
        boosters.from_histogram(model)
