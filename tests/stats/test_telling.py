"""Scores of what one column tells of another agree with scipy's and scikit-learn's, ties and all."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from millrace_stats import proxies, telling

RANDOM = np.random.default_rng(8)


@pytest.mark.parametrize("rows", [2, 3, 57, 1000])
@pytest.mark.parametrize("values", [2, 5, 10**6])
def test_the_order_of_pairs_is_kendalls(rows, values):
    for _ in range(5):
        x, y = (RANDOM.integers(0, values, rows).astype(float) for _ in range(2))
        x[0], x[1], y[0], y[1] = 0, 1, 1, 0
        assert telling._kendall(x, y)[0] == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-12)


def test_for_two_values_concordance_is_the_auc():
    truth = (RANDOM.random(300) < 0.3).astype(float)
    score = np.round(RANDOM.normal(size=300) + truth, 1)
    assert telling.concordance(score, truth) == pytest.approx(roc_auc_score(truth, score))
    assert telling.concordance(-score, truth) == pytest.approx(roc_auc_score(truth, score))
    assert telling.auc(score, truth) == pytest.approx(roc_auc_score(truth, score))


def test_a_column_of_one_value_has_no_concordance():
    assert np.isnan(telling.concordance(np.ones(9), np.arange(9.0)))
    assert np.isnan(telling.concordance(np.arange(9.0), np.ones(9)))


def test_a_name_for_every_row_tells_nothing_of_rows_that_were_not_learnt_from():
    names, truth = np.arange(2000.0), (RANDOM.random(2000) < 0.5).astype(float)
    assert telling.out_of_fold_concordance(RANDOM.permutation(names), truth, True) == pytest.approx(
        0.5, abs=0.05
    )


def test_a_proxy_may_hide_in_missing_values_and_chance_is_none():
    group = (RANDOM.random(1000) < 0.5).astype(float)
    gaps = np.where((group == 1) & (RANDOM.random(1000) < 0.6), np.nan, RANDOM.normal(size=1000))
    assert proxies.strength(gaps, group, False, True, 10) == pytest.approx(0.8, abs=0.05)
    assert proxies.strength(RANDOM.normal(size=1000), group, False, True, 10) is None
    assert proxies.strength(RANDOM.normal(size=60), group[:60], False, True, 10) is None
