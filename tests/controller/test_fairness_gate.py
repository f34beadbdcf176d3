"""The gate over protected groups: three verdicts by intervals, small groups named, and nobody called fair."""

import pytest
from tests.controller.test_gates import evaluation, judge
from tests.controller.test_rules import spec

ATTRIBUTES = {"attributes": [{"column": "sex"}]}
GATE = {"fairness": [{"metric": "selection_rate", "atMost": 0.1}]}
WORDS = ("is fair", "unfair", "fairly")


def line(group, difference=None, error=0.01, rows=900, reference=False):
    gap = None
    if difference is not None:
        gap = {"difference": difference, "error": error, "freedom": 27}
        gap |= {"lower": difference - 2 * error, "upper": difference + 2 * error}
    metric = {"metric": "selection_rate", "rows": rows, "value": 0.3, "lower": 0.28, "upper": 0.32}
    metric |= {"small": gap is None and not reference, "gap": gap}
    return {
        "attribute": "sex", "group": group, "reference": reference, "rows": rows, "blocks": 28, "metrics": [metric]
    }  # fmt: skip


def judged(*lines, left_out=()):
    told = {"favourable": "yes", "minimum_rows": 100, "groups": [line("m", reference=True), *lines]}
    told |= {"left_out": list(left_out)}
    numbers = {"candidate": {"auc": 0.8}, "champion": None}
    given = evaluation(champion=False) | {"metrics": numbers, "fairness": told}
    return judge(spec(task="binary", fairness=ATTRIBUTES, gates=GATE), given)


@pytest.mark.parametrize(
    ("difference", "error", "verdict", "words"),
    [
        (0.02, 0.01, "passed", "lies within 0.1"),
        (-0.2, 0.01, "failed", "lies beyond 0.1"),
        (0.09, 0.03, "inconclusive", "is not shown to lie on one side of 0.1"),
        (0.3, 0.3, "inconclusive", "is not shown"),
    ],
)
def test_the_gate_has_three_verdicts(difference, error, verdict, words):
    found = judged(line("f", difference, error))
    assert found["verdict"] == verdict
    (gate,) = [one for one in found["gates"] if one["name"] == "fairness:selection_rate"]
    assert words in gate["reason"]
    assert "sex=f" in gate["reason"]
    assert not any(word in found["reason"] for word in WORDS)


def test_a_group_that_is_too_small_is_named_and_decides_nothing():
    found = judged(line("f", 0.02), line("x", rows=12))
    assert found["verdict"] == "passed"
    (gate,) = [one for one in found["gates"] if one["name"] == "fairness:selection_rate"]
    assert "too small to be judged: sex=x (12 rows)" in gate["reason"]
    assert gate["small"] == 1


def test_where_every_group_is_too_small_nothing_is_decided():
    found = judged(line("x", rows=12))
    assert found["verdict"] == "inconclusive"
    assert "no two groups have the 100 rows" in found["reason"]


def test_an_attribute_that_the_data_lacks_keeps_the_gate_open():
    found = judged(line("f", 0.02), left_out=["age: the data has no such column"])
    assert found["verdict"] == "inconclusive"
    assert "age: the data has no such column" in found["reason"]


def test_an_evaluation_that_tells_of_no_groups_is_inconclusive():
    given = evaluation(champion=False) | {"metrics": {"candidate": {"auc": 0.8}, "champion": None}}
    found = judge(spec(task="binary", fairness=ATTRIBUTES, gates=GATE), given)
    assert found["verdict"] == "inconclusive"


def test_groups_that_are_declared_without_a_gate_decide_nothing():
    numbers = {"candidate": {"auc": 0.8}, "champion": None}
    told = {"favourable": "yes", "minimum_rows": 100, "groups": [line("f", 0.5)]}
    given = evaluation(champion=False) | {"metrics": numbers, "fairness": told}
    assert judge(spec(task="binary", fairness=ATTRIBUTES), given)["verdict"] == "passed"
