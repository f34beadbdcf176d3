"""What cannot be exported exactly, by name, so that nothing is silently wrong."""

from collections.abc import Iterator, Mapping
from typing import Any

REFUSED: dict[str, Mapping[str, object]] = {
    "SimpleImputer": {"add_indicator": True},
    "LGBMRegressor": {"linear_tree": True, "zero_as_missing": True, "boosting_type": ("rf", "dart")},
    "LGBMClassifier": {"linear_tree": True, "zero_as_missing": True, "boosting_type": ("rf", "dart")},
    "XGBRegressor": {"enable_categorical": True, "booster": ("gblinear", "dart")},
    "XGBClassifier": {"enable_categorical": True, "booster": ("gblinear", "dart")},
    "OneHotEncoder": {"handle_unknown": "infrequent_if_exist"},
}
"""Settings that converters drop or get wrong without a word; a tuple lists several values."""
UNKNOWN = ("KNNImputer", "FunctionTransformer", "SplineTransformer", "MissingIndicator", "IterativeImputer")
"""Steps that have no exact ONNX form."""


class NotExportable(Exception):
    """A model, or a setting of one, that the ONNX graph would not repeat exactly."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} cannot be exported exactly")


def check(estimator: Any) -> None:
    """Look through an unfitted estimator, pipelines and all, before any time is spent on it.

    Raises: NotExportable naming the step and the setting.
    """
    for name, params in _steps(estimator):
        if name in UNKNOWN:
            raise NotExportable(name)
        if name.startswith("HistGradientBoosting") and _has_categories(params["categorical_features"]):
            raise NotExportable(f"{name}(categorical_features=...)")
        for setting, value in REFUSED.get(name, {}).items():
            value_set = params.get(setting)
            if value_set in (value if isinstance(value, tuple) else (value,)):
                raise NotExportable(f"{name}({setting}={value_set!r})")


def _has_categories(setting: Any) -> bool:
    """Whether the setting asks for categorical splits; "from_dtype" finds none in a float matrix."""
    return setting is not None and not isinstance(setting, str) and len(setting) > 0


def _steps(estimator: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    params = estimator.get_params(deep=True)
    yield type(estimator).__name__, params
    for inner in params.values():
        if hasattr(inner, "get_params") and not isinstance(inner, type):
            yield type(inner).__name__, inner.get_params(deep=False)
