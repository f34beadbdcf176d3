"""How many workers fit, and what a version says of those that trained it."""

import pytest

from millrace_contracts.workers import CodeStart, CodeWorkers, Workers


@pytest.mark.parametrize(
    ("team", "says"),
    [
        ({"most": 4}, None),
        ({"most": 2, "cpu": 2, "gpu": 1}, None),
        ({"most": 5}, "5 CPUs; jobs may use 4 on this machine: workers: 4 fits"),
        ({"most": 3, "cpu": 2}, "6 CPUs; jobs may use 4 on this machine: workers: 2 fits"),
        ({"most": 1, "cpu": 8}, "8 CPUs; jobs may use 4 on this machine: resources.cpu: 4 fits"),
        ({"most": 3, "gpu": 1}, "3 GPUs; this machine has 2, enough for 2 workers"),
    ],
)
def test_what_one_machine_lacks_is_said_with_what_fits(team, says):
    assert Workers.model_validate({"least": 1} | team).lacking(4, 2) == says


def test_without_a_gpu_none_is_given():
    lacking = Workers(least=1, most=2, gpu=1).lacking(4, 0)
    assert lacking is not None
    assert "this machine has no GPU" in lacking


def test_least_is_not_more_than_most():
    with pytest.raises(ValueError, match="least is more than most"):
        Workers(least=3, most=2)


@pytest.mark.parametrize(
    ("workers", "lost", "says"),
    [
        ([2], [None], "2 workers"),
        ([2, 2], [1, None], "2 workers, one was lost on the way"),
        ([2, 2, 1], [1, 0, None], "1 worker of 2, 2 were lost on the way"),
    ],
)
def test_a_version_tells_how_many_ended_it(workers, lost, says):
    starts = [CodeStart(workers=many, lost=who) for many, who in zip(workers, lost, strict=True)]
    assert CodeWorkers(least=1, most=2, starts=starts).told() == says
