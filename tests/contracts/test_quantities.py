"""Kubernetes' quantities: one place reads them, whoever asks."""

import pytest

from millrace_contracts.quantities import number
from millrace_contracts.training import Limits


@pytest.mark.parametrize(
    ("text", "value"),
    [("100m", 0.1), ("1", 1), ("0.5", 0.5), ("1Gi", 2**30), ("4224Mi", 4224 * 2**20), ("1e3", 1000), ("2k", 2000),
     ("500u", 5e-4), ("what", 0), ("1x", 0)],
)  # fmt: skip
def test_quantities_are_read_as_kubernetes_means_them(text, value):
    assert number(text) == pytest.approx(value)


@pytest.mark.parametrize(("memory", "mebibytes"), [("64Mi", 64), ("3Gi", 3072), ("1023Mi", 1023)])
def test_a_jobs_memory_is_one_of_them(memory, mebibytes):
    assert Limits(memory=memory).megabytes() == mebibytes
