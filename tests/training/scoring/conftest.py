"""Runs the job that scores, in this process."""

import itertools
from types import SimpleNamespace

import pytest


@pytest.fixture
def score(make_context):
    """Score with a registry: `score(registry, spec, job="one", stop_after=None)`, stopped at a look later than that."""
    from millrace_contracts.scoring import ScoreSpec
    from millrace_training.scoring import score as kind

    def run(registry, spec, job="one", stop_after=None, monitoring=None):
        looks = itertools.count(1)
        stopped = (lambda: False) if stop_after is None else (lambda: next(looks) > stop_after)
        context = make_context(job, stopped)
        context.client = SimpleNamespace(registry=registry, monitoring=monitoring)
        return kind.run(ScoreSpec.model_validate(spec), context)

    return run
