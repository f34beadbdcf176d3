"""Leaks are named; strong honest features are let through."""

import numpy as np
import pyarrow as pa
import pytest

from millrace_training.rows import leakage

N = 4000
RANDOM = np.random.default_rng(1)


def screened(target, task="regression", **features) -> dict[str, str]:
    numbers = np.asarray(target, float)
    classes = 0 if task == "regression" else len(np.unique(numbers))
    leaks = leakage.screen(pa.table(features), leakage.Labels(numbers, classes))
    return {leak.column: leak.how for leak in leaks if leak.sure}


TARGET = RANDOM.normal(100, 30, N)
LABEL = (RANDOM.random(N) < 0.3).astype(float)


@pytest.mark.parametrize(
    "feature",
    [
        TARGET,
        TARGET * 60,
        TARGET.astype(np.float32),
        -TARGET + 5,
        np.exp(TARGET / 30),
        np.where(np.arange(N) % 2000 == 0, 0, TARGET),
    ],
)
def test_a_copy_or_a_function_of_the_target_is_a_leak(feature):
    assert screened(TARGET, feature=feature, noise=RANDOM.normal(size=N)) == {"feature": "value"}


def test_a_category_that_determines_the_target_is_a_leak():
    levels = RANDOM.integers(0, 20, N)
    assert screened(levels * 7.0, code=[f"c{level}" for level in levels]) == {"code": "value"}


def test_a_copy_that_is_filled_for_some_rows_only_is_a_leak():
    part = pa.array([value if place % 3 == 0 else None for place, value in enumerate(TARGET)])
    assert screened(TARGET, settled=part) == {"settled": "value"}


def test_distance_may_explain_98_percent_of_the_air_time():
    distance = RANDOM.uniform(90, 5000, N)
    assert screened(distance / 8 + RANDOM.normal(0, 12, N), distance=distance) == {}


def test_a_very_strong_honest_feature_is_no_leak():
    assert screened(TARGET, feature=TARGET + RANDOM.normal(0, 0.03 * 30, N)) == {}


def test_breast_cancers_best_measurements_are_no_leaks():
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    features = dict(zip(data.feature_names, data.data.T, strict=True))
    assert screened(data.target, "binary", **features) == {}


@pytest.mark.parametrize(
    "feature",
    [LABEL, 1 - LABEL, LABEL * 3 + RANDOM.random(N), np.where(LABEL == 1, RANDOM.choice([1, 9], N), 5)],
)
def test_what_separates_the_classes_is_a_leak(feature):
    assert screened(LABEL, "binary", feature=feature) == {"feature": "value"}


def test_a_text_that_names_the_class_is_a_leak():
    assert screened(LABEL, "binary", text=["late" if one else "on time" for one in LABEL]) == {
        "text": "value"
    }


KIND = RANDOM.integers(0, 120, N).astype(float)


@pytest.mark.parametrize(
    "feature",
    [
        KIND,
        -KIND + 5,
        [f"code {int(kind * 7919 % 120)}" for kind in KIND],
        KIND + RANDOM.uniform(-0.4, 0.4, N),
        np.where(np.arange(N) % 1000 == 0, 0, KIND),
    ],
)
def test_a_copy_of_many_classes_under_any_coding_is_a_leak(feature):
    assert screened(KIND, "multiclass", feature=feature, noise=RANDOM.normal(size=N)) == {"feature": "value"}


def test_what_tells_most_rows_of_many_classes_is_no_leak():
    often = np.where(RANDOM.random(N) < 0.05, RANDOM.integers(0, 120, N), KIND)
    ids = [f"r{number}" for number in range(N)]
    assert screened(KIND, "multiclass", often=often, ids=ids, constant=np.ones(N)) == {}


def test_a_class_that_nearly_every_row_has_is_not_told_by_everything():
    rare = np.where(RANDOM.random(N) < 0.004, RANDOM.integers(1, 5, N), 0)
    assert screened(rare, "multiclass", noise=RANDOM.normal(size=N), flag=np.zeros(N)) == {}


@pytest.mark.parametrize("name", ["iris", "wine", "digits"])
def test_honest_measurements_of_plants_wines_and_digits_are_no_leaks(name):
    import sklearn.datasets

    data = getattr(sklearn.datasets, f"load_{name}")()
    features = {f"f{place}": column for place, column in enumerate(data.data.T)}
    assert screened(data.target, "multiclass", **features) == {}


def test_a_null_pattern_that_gives_the_class_away_is_a_leak():
    tail = pa.array([None if one else "N123" for one in LABEL])
    assert screened(LABEL, "binary", tailnum=tail) == {"tailnum": "null pattern"}
    honest = pa.array([None if RANDOM.random() < (0.6 if one else 0.2) else 1.0 for one in LABEL])
    assert screened(LABEL, "binary", honest=honest) == {}


def test_a_target_that_is_nearly_always_zero_is_not_told_by_everything():
    rare = np.where(RANDOM.random(N) < 0.03, RANDOM.exponential(50, N), 0.0)
    strong = rare * RANDOM.lognormal(0, 0.2, N)
    assert screened(rare, strong=strong, noise=RANDOM.normal(size=N)) == {}
    assert screened(rare, copy=rare * 2) == {"copy": "value"}


def test_an_identifier_and_an_empty_column_are_no_leaks():
    ids = [f"r{number}" for number in range(N)]
    nothing = pa.nulls(N, pa.float64())
    assert screened(TARGET, ids=ids, nothing=nothing, constant=np.ones(N)) == {}
    assert screened(LABEL, "binary", ids=ids, nothing=nothing, constant=np.ones(N)) == {}


def test_noise_on_few_rows_is_no_leak():
    for seed in range(30):
        random = np.random.default_rng(seed)
        label = (random.random(60) < 0.4).astype(float)
        features = {f"f{place}": random.normal(size=60) for place in range(30)}
        assert screened(label, "binary", **features) == {}
        assert screened(random.normal(size=60), **features) == {}


FEW = 500
SKEWED = RANDOM.lognormal(3, 1, FEW)


def named(target, classes=0, event_time=None, **features) -> dict[str, tuple[str, bool]]:
    """How each column tells the target, and whether that is sure."""
    labels = leakage.Labels(np.asarray(target, float), classes)
    return {
        leak.column: (leak.how, leak.sure) for leak in leakage.screen(pa.table(features), labels, event_time)
    }


@pytest.mark.parametrize(
    "feature",
    [
        np.log(SKEWED),
        1 / SKEWED,
        SKEWED.round(),
        (SKEWED / 5).round(),
        SKEWED * RANDOM.normal(1, 0.003, FEW),
        [f"about {value:.0f}" for value in (SKEWED / 5).round()],
    ],
)
def test_what_is_made_of_a_skewed_target_is_a_leak_in_500_rows(feature):
    assert named(SKEWED, feature=feature) == {"feature": ("value", True)}


def test_a_coarse_class_of_the_target_is_named_and_refuses_nothing():
    cheap = SKEWED < 20
    size = np.array(["small", "medium", "large"])[np.digitize(SKEWED, [10, 40])]
    assert named(SKEWED, cheap=cheap, size=size) == {"cheap": ("value", False), "size": ("value", False)}


def test_the_row_number_of_a_sorted_table_is_a_leak_even_if_a_little_shuffled():
    place = np.argsort(np.argsort(SKEWED + RANDOM.normal(0, 2, FEW)))
    assert named(SKEWED, number=place + 1) == {"number": ("row number", True)}
    kinds = np.digitize(SKEWED, [10, 20, 40]).astype(float)
    assert named(kinds, 4, number=place) == {"number": ("row number", True)}
    assert named(RANDOM.permutation(SKEWED), number=np.arange(FEW)) == {}


def test_a_row_number_that_follows_time_is_no_leak_of_a_target_that_grows():
    days = pa.chunked_array([pa.array(np.arange(FEW) * 86_400_000_000, pa.timestamp("us", "UTC"))])
    grown = np.arange(FEW) + RANDOM.normal(0, 30, FEW)
    assert named(grown, event_time=days, number=np.arange(FEW)) == {}
    assert named(grown, number=np.arange(FEW)) == {"number": ("row number", True)}


@pytest.mark.parametrize(("share", "sure"), [(1.0, True), (0.5, True), (0.09, False)])
def test_a_column_that_is_filled_for_one_class_only_is_known_afterwards(share, sure):
    churned = (np.arange(FEW) % 3 == 0).astype(float)
    filled = [1.0 if one and place < share * FEW else None for place, one in enumerate(churned)]
    assert named(churned, 2, closed=pa.array(filled)) == {"closed": ("null pattern", sure)}


def test_a_gap_that_splits_the_target_is_a_leak():
    gone = pa.array([None if value < 10 else 1.0 for value in SKEWED])
    soft = pa.array([None if value * RANDOM.lognormal(0, 1) < 10 else 1.0 for value in SKEWED])
    assert named(SKEWED, gone=gone, soft=soft) == {"gone": ("null pattern", True)}


def test_rows_of_another_kind_may_lack_a_value_and_have_targets_of_their_own():
    abroad = np.arange(FEW) % 15 == 0
    fee = 20 + RANDOM.normal(0, 3, FEW) + 100 * abroad
    country = pa.array([None if one else "DE" for one in abroad])
    assert named(fee, country=country) == {"country": ("null pattern", False)}


def test_times_after_the_event_are_named():
    at = np.arange(FEW) * 3_600_000_000
    start = pa.chunked_array([pa.array(at, pa.timestamp("us", "UTC"))])
    paid = pa.array(at + RANDOM.integers(1, 9, FEW) * 86_400_000_000, pa.timestamp("us", "UTC"))
    booked = pa.array(at - RANDOM.integers(1, 9, FEW) * 86_400_000_000, pa.timestamp("us", "UTC"))
    assert named(RANDOM.permutation(SKEWED), event_time=start, paid=paid, booked=booked) == {
        "paid": ("afterwards", False)
    }
