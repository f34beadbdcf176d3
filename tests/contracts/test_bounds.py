"""What monitoring, serving or training would refuse later is refused when the loop is read, in words with the bound."""

import pytest
from pydantic import ValidationError

from millrace_contracts.loop import ModelLoop, mistakes
from millrace_contracts.searching import LatencyAim, LatencySpec


def loop(**spec):
    return {
        "apiVersion": "millrace.dev/v1alpha1", "kind": "ModelLoop", "metadata": {"name": "sales"},
        "spec": {"task": "regression", "target": "y", "data": {"dataset": "sales", "eventTime": "t"}} | spec,
    }  # fmt: skip


def said(**spec):
    with pytest.raises(ValidationError) as refusal:
        ModelLoop.model_validate(loop(**spec))
    return mistakes(refusal.value)


REFUSED = [
    (
        {"monitoring": {"drift": {"window": "90d"}}},
        "spec.monitoring.drift.window: Value error, '90d' is longer than 60d, the most there can be",
    ),
    (
        {"monitoring": {"retention": {"logs": "36501d"}}},
        "spec.monitoring.retention.logs: Value error, '36501d' is longer than 36500d, the most there can be",
    ),
    (
        {"data": {"dataset": "sales", "eventTime": "t", "labelDelay": "367d"}},
        "spec.data.labelDelay: Value error, '367d' is longer than 366d, the most there can be",
    ),
    (
        {"cooldown": "999999w"},
        "spec.cooldown: Value error, '999999w' is longer than 36500d, the most there can be",
    ),
    (
        {"switchBack": {"rest": "999999w"}},
        "spec.switchBack.rest: Value error, '999999w' is longer than 36500d, the most there can be",
    ),
    (
        {"training": {"holdout": "3651d"}},
        "spec.training.holdout: Value error, '3651d' is longer than 3650d, the most there can be",
    ),
    (
        {"training": {"limits": {"wall": "0s"}}},
        "spec.training.limits.wall: Value error, '0s' is shorter than 1s, the least there can be",
    ),
    (
        {"training": {"limits": {"wall": "31d"}}},
        "spec.training.limits.wall: Value error, '31d' is longer than 30d, the most there can be",
    ),
    (
        {"rollout": {"mirror": {"percent": 10, "for": "11575d"}}},
        "spec.rollout.mirror.for: Value error, '11575d' is longer than 11574d, the most there can be",
    ),
    ({"switchBack": {"margin": 2}}, "spec.switchBack.margin: Input should be less than or equal to 1"),
]


@pytest.mark.parametrize(("spec", "words"), REFUSED, ids=[words.partition(":")[0] for _, words in REFUSED])
def test_what_a_later_step_would_refuse_is_refused_with_its_bound(spec, words):
    assert said(**spec) == [words]


@pytest.mark.parametrize("memory", ["1Mi", "63Mi", "10000Gi", "3GB", "0Gi"])
def test_memory_that_no_job_may_have_is_refused(memory):
    (mistake,) = said(training={"limits": {"memory": memory}})
    assert mistake.startswith("spec.training.limits.memory: String should match pattern")


@pytest.mark.parametrize("memory", ["64Mi", "99Mi", "100Mi", "999999Mi", "1Gi", "9999Gi"])
def test_memory_within_the_bounds_is_taken(memory):
    read = ModelLoop.model_validate(loop(training={"limits": {"memory": memory}}))
    assert 64 <= read.spec.training.limits.megabytes() <= 2**24


def test_the_bounds_themselves_are_taken():
    at_the_edge = {
        "data": {"dataset": "sales", "eventTime": "t", "labelDelay": "366d"},
        "monitoring": {"drift": {"window": "60d"}, "retention": {"logs": "36500d"}},
        "switchBack": {"margin": 1, "rest": "36500d"}, "cooldown": "36500d",
        "training": {"holdout": "3650d", "limits": {"wall": "30d"}},
        "rollout": {"canary": [{"percent": 5, "for": "11574d"}]},
    }  # fmt: skip
    assert ModelLoop.model_validate(loop(**at_the_edge)).spec.monitoring.drift.window == "60d"


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_every_task_can_be_declared(task):
    assert ModelLoop.model_validate(loop(task=task)).spec.task == task


def test_a_task_that_there_is_not_is_refused_with_those_that_there_are():
    assert said(task="ranking") == [
        "spec.task: Input should be 'regression', 'binary' or 'multiclass'",
    ]


@pytest.mark.parametrize(
    ("under", "ms"), [("2ms", 2.0), ("0.05ms", 0.05), ("250us", 0.25), ("9999.999s", 9_999_999.0)]
)
def test_every_latency_that_a_document_may_say_can_be_asked_for(under, ms):
    spec = LatencySpec(under=under)
    assert LatencyAim(under_ms=spec.under_ms()).under_ms == pytest.approx(ms)
