"""A kind of job is a function between two types that travel."""

import pytest

from millrace_training.kinds import KINDS
from millrace_training.runtime.executors.tasks import resolve


@pytest.mark.parametrize("name", ["infer", "ingest", "validate"])
def test_what_a_kind_is_asked_and_what_comes_of_it_are_contracts(name):
    kind = KINDS[name]
    assert {kind.spec.__module__, kind.result.__module__} == {"millrace_contracts.rows"}
    assert resolve(kind.function) is kind.run
