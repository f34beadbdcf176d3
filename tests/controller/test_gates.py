"""Three verdicts, each with its numbers; a failed gate outweighs all others."""

import numpy as np
import pytest
from tests.controller.test_rules import spec

from millrace_controller.gates.judge import judge


def evaluation(difference=0.0, days=28, champion=True, r2=0.9, noise=0.005, slices=()):
    rng = np.random.default_rng(5)
    blocks = [
        {
            "block": f"2013-03-{day:02d}",
            "n": 900,
            "candidate": 100 * (1 + difference + noise * rng.normal()),
            "champion": 100.0 if champion else None,
        }
        for day in range(1, days + 1)
    ]
    metrics = {"candidate": {"r2": r2, "rmse": 10.0}, "champion": {"rmse": 10.0} if champion else None}
    return {"metrics": metrics, "blocks": blocks, "slices": list(slices)}


@pytest.mark.parametrize(
    ("difference", "days", "noise", "verdict"),
    [
        (-0.05, 28, 0.005, "passed"),
        (0.1, 28, 0.005, "failed"),
        (0.02, 28, 0.05, "inconclusive"),
        (-0.05, 5, 0.005, "inconclusive"),
    ],
)
def test_the_champion_gate_has_three_verdicts(difference, days, noise, verdict):
    found = judge(spec(), evaluation(difference, days, noise=noise))
    assert found["verdict"] == verdict
    assert found["reason"]


def test_the_first_model_needs_no_champion_but_must_be_useful():
    assert judge(spec(), evaluation(champion=False))["verdict"] == "passed"
    useless = judge(spec(), evaluation(champion=False, r2=-0.1))
    assert useless["verdict"] == "failed"
    assert "constant" in useless["reason"]


def test_an_absolute_bound_is_a_gate_of_its_own():
    gates = {"absolute": [{"metric": "rmse", "atMost": 9}]}
    found = judge(spec(gates=gates), evaluation(-0.05))
    assert found["verdict"] == "failed"
    assert "9" in found["reason"]


def test_a_metric_that_is_not_there_is_inconclusive_not_passed():
    gates = {"absolute": [{"metric": "auc", "atLeast": 0.7}]}
    assert judge(spec(gates=gates), evaluation(-0.05))["verdict"] == "inconclusive"


def test_a_slice_that_got_worse_fails_a_candidate_that_is_better_on_the_whole():
    worse = {"column": "origin", "value": "JFK", "n": 9000, "blocks": evaluation(0.3)["blocks"]}
    fine = {"column": "origin", "value": "LGA", "n": 9000, "blocks": evaluation(-0.1)["blocks"]}
    gates = {"slices": {"columns": ["origin"]}}
    found = judge(spec(gates=gates), evaluation(-0.05, slices=[worse, fine]))
    assert found["verdict"] == "failed"
    assert "origin=JFK" in found["reason"]
    assert judge(spec(), evaluation(-0.05, slices=[worse]))["verdict"] == "passed", (
        "slices that nobody asked for"
    )


def test_blocks_that_the_champion_had_seen_do_not_count():
    mixed = evaluation(-0.05)
    for block in mixed["blocks"][:20]:
        block["champion"] = None
    assert judge(spec(), mixed)["verdict"] == "inconclusive"


def test_a_champion_that_could_be_compared_on_no_row_is_inconclusive_not_passed():
    found = judge(spec(), evaluation(champion=False), champion=True)
    assert found["verdict"] == "inconclusive"
    assert "0 blocks" in found["reason"]


def test_with_a_champion_only_the_comparison_counts_after_the_world_has_changed():
    assert judge(spec(), evaluation(-0.05, r2=-0.1))["verdict"] == "passed"
