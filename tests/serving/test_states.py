"""A rollout moves only along its table, and is judged by what was counted."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from millrace_contracts.arms import ArmsRead
from millrace_contracts.rollouts import RolloutState as State
from millrace_contracts.signature import Signature
from millrace_core.errors import Conflict
from millrace_serving.rollouts import states
from millrace_serving.rollouts.judge import judge, other_classes, quality, same_tensors
from millrace_serving.rollouts.plan import Step, steps

from . import graphs


@pytest.mark.parametrize(("old", "new"), list(itertools.product(State, repeat=2)))
def test_every_pair_of_states_is_allowed_or_refused(old, new):
    if new in states.ALLOWED[old]:
        states.check(old, new)
    else:
        with pytest.raises(Conflict):
            states.check(old, new)


def test_nothing_leads_out_of_an_end_or_back():
    assert not states.ALLOWED[State.PROMOTED] | states.ALLOWED[State.ABORTED]
    assert all(State.LOADING not in following for following in states.ALLOWED.values())
    assert State.MIRRORING not in states.ALLOWED[State.CANARY]


def test_steps_are_the_mirror_and_then_the_canary():
    plan = {"mirror": {"percent": 100, "seconds": 60}, "canary": [{"percent": 5, "seconds": 30}]}
    assert steps(plan) == [Step(State.MIRRORING, 100, 60), Step(State.CANARY, 5, 30)]
    assert steps({"mirror": None, "canary": []}) == []


def test_a_step_is_due_in_event_time_only():
    since = datetime(2013, 3, 1, tzinfo=UTC)
    day = Step(State.CANARY, 10, 86400)
    assert not day.due(since, datetime(2013, 3, 1, 23, 59, tzinfo=UTC), "UTC")
    assert day.due(since, datetime(2013, 3, 2, tzinfo=UTC), "UTC")
    assert not day.due(None, datetime(2013, 3, 2, tzinfo=UTC), "UTC")


@pytest.mark.parametrize(
    ("since", "until"),
    [("2024-03-10T05:00Z", "2024-03-11T04:00Z"), ("2024-11-03T04:00Z", "2024-11-04T05:00Z")],
)
def test_a_step_of_a_day_lasts_one_day_also_where_it_has_23_or_25_hours(since, until):
    day, end = Step(State.CANARY, 10, 86_400), datetime.fromisoformat(until)
    assert day.due(datetime.fromisoformat(since), end, "America/New_York")
    assert not day.due(datetime.fromisoformat(since), end - timedelta(hours=1), "America/New_York")


def arm(revision, listener="inference", **changes):
    counts = {
        "requests": 100,
        "keys": 100,
        "failed_keys": 0,
        "slow_keys": 0,
        "rows": 100,
        "nan": 0,
        "constant": False,
    }
    return counts | {"revision": revision, "listener": listener} | changes


def answer(candidate, stable=None, **mirrored):
    return told(
        revisions=[stable or arm("e--r1"), candidate], mirrored={"pairings": [mirrored] if mirrored else []}
    )


def told(revisions=(), mirrored=None):
    """What monitoring tells of the revisions."""
    span = {"since": "2013-03-01T00:00:00Z", "until": "2013-03-02T00:00:00Z"}
    return ArmsRead.model_validate(span | {"revisions": list(revisions), "mirrored": mirrored or {}})


@pytest.mark.parametrize(
    ("candidate", "stable", "fault"),
    [
        (arm("e--r2"), None, None),
        (arm("e--r2", nan=1), None, "not finite"),
        (arm("e--r2", constant=True), None, "same value"),
        (arm("e--r2", constant=True), arm("e--r1", constant=True), None),
        (arm("e--r2", failed_keys=2), None, None),
        (arm("e--r2", failed_keys=10), None, "it failed for 10 of 100 keys"),
        (arm("e--r2", failed_keys=10), arm("e--r1", failed_keys=10), None),
        (arm("e--r2", slow_keys=10), None, "too slow for 10 of 100"),
        (arm("e--r2", listener="shadow", nan=3), None, "not finite"),
    ],
)
def test_hard_faults_are_named_and_equal_faults_are_not_the_candidates(candidate, stable, fault):
    found = judge(answer(candidate, stable), "e--r2", "e--r1")
    assert (found.fault is None) if fault is None else (fault in (found.fault or ""))


def test_evidence_multiplies_over_steps():
    weak = answer(arm("e--r2", failed_keys=4))
    first = judge(weak, "e--r2", "e--r1")
    assert first.fault is None
    second = judge(weak, "e--r2", "e--r1", [first.measured["arms"]])
    assert second.fault is None or "evidence" in second.fault
    past = [first.measured["arms"]] * 4
    assert judge(weak, "e--r2", "e--r1", past).fault is not None


def test_other_answers_to_the_same_requests_are_a_fault():
    pairing = {
        "first": "e--r1",
        "second": "e--r2",
        "pairs": 900,
        "psi": 0.4,
        "labelled": 0,
        "first_loss": None,
        "second_loss": None,
    }
    assert "PSI 0.40" in (judge(answer(arm("e--r2"), **pairing), "e--r2", "e--r1").fault or "")


def test_an_unwatched_endpoint_has_no_evidence_and_no_fault():
    found = judge(None, "e--r2", "e--r1")
    assert (found.fault, found.rows) == (None, 0)


@pytest.mark.parametrize(
    ("count", "ratio", "verdict"),
    [(1, 1.0, "inconclusive"), (14, 1.0, "passed"), (14, 1.5, "failed"), (0, 1.0, "inconclusive")],
)
def test_quality_needs_labelled_days(count, ratio, verdict):
    noise = [1.0 + 0.001 * (number % 3) for number in range(count)]
    days = [
        {
            "day": "2013-03-01", "first": "e--r1", "second": "e--r2", "pairs": 50, "psi": None,
            "labelled": 50, "first_loss": loss, "second_loss": loss * ratio,
        }
        for loss in noise
    ]  # fmt: skip
    assert quality(told(mirrored={"days": days}), "e--r2").verdict == verdict


def test_signatures_are_compared_by_what_clients_send():
    mine = Signature.model_validate(graphs.SIGNATURE)
    classes = Signature.model_validate(graphs.SIGNATURE | {"classes": ["a", "b"]})
    other = Signature.model_validate(graphs.SIGNATURE | {"inputs": graphs.SIGNATURE["inputs"][:2]})
    assert same_tensors(mine, classes) is None
    assert same_tensors(mine, other) == "its signature differs in departed"


def test_a_candidate_may_answer_more_than_the_stable_version_and_not_less():
    outputs = graphs.SIGNATURE["outputs"]
    mine = Signature.model_validate(graphs.SIGNATURE)
    named = [*outputs, {"name": "class", "datatype": "BYTES"}]
    more = Signature.model_validate(graphs.SIGNATURE | {"outputs": named})
    assert same_tensors(mine, more) is None
    assert same_tensors(more, mine) == "its signature differs in class"


def knowing(*classes):
    return Signature.model_validate(graphs.SIGNATURE | {"classes": list(classes)})


@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        (("a", "b"), None),
        (("a", "b", "c"), "answers for 3 classes, the stable version for 2 (it also knows c)"),
        (("a", "c"), "(it also knows c; it no longer knows b)"),
        (("b", "a"), "(in another order)"),
        (tuple("abcdefghij"), "(it also knows c, d, e, f, g and 3 more)"),
    ],
)
def test_models_of_other_classes_are_told_apart(candidate, words):
    said = other_classes(knowing("a", "b"), knowing(*candidate))
    assert said is None if words is None else words in said


def test_models_without_classes_can_always_be_compared():
    plain = Signature.model_validate(graphs.SIGNATURE)
    assert other_classes(plain, knowing("a", "b")) is None


def test_answers_over_other_classes_are_neither_a_fault_nor_a_verdict():
    """As many classes, but other ones: a loss and a PSI can be computed, and mean nothing."""
    pairing = {
        "first": "e--r1", "second": "e--r2", "pairs": 900, "psi": 0.9,
        "labelled": 900, "first_loss": 0.1, "second_loss": 2.0,
    }  # fmt: skip
    days = [pairing | {"day": f"2013-03-{number:02d}"} for number in range(1, 15)]
    unlike = other_classes(knowing("a", "b"), knowing("a", "c"))
    assert judge(answer(arm("e--r2"), **pairing), "e--r2", "e--r1", unlike=unlike).fault is None
    told_days = told(mirrored={"days": days})
    assert quality(told_days, "e--r2").verdict == "failed"
    judged = quality(told_days, "e--r2", unlike)
    assert (judged.verdict, judged.reason) == ("inconclusive", unlike)
