"""Pods that versions share are evicted one at a time, and never counted by two budgets: those would let none go."""

import pytest
from tests.chart.rendering import kind, render


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([], ["millrace-standby"]),
        (["triton.standby.kind=shared", "triton.standby.replicas=1"], []),
        (["triton.standby.kind=shared", "triton.replicas=2"], ["millrace-triton"]),
        (["triton.standby.kind=own"], []),
    ],
)
def test_a_shared_pod_has_one_budget(values, names):
    objects = render(*(part for value in values for part in ("--set", value)))
    assert [item["metadata"]["name"] for item in kind(objects, "PodDisruptionBudget")] == names
