"""The decisions of a backtest stand in the order in which they were made, also those of one event day."""

import random

from tests.sdk import examples

from millrace_contracts.decisions import DecisionRead
from millrace_replay import outcome

EVENING, NEXT = "2026-05-04T00:00:00Z", "2026-05-05T00:00:00Z"


def decided(number, kind, event_time=EVENING, cause=None):
    """A decision whose id ends with its place in the chain, caused by the one at that place."""
    return DecisionRead.model_validate(
        examples.decision(id=name(number), number=number, kind=kind, event_time=event_time)
        | {"cause": cause and name(cause)}
    )


def name(number):
    return f"{'0' * 8}-0000-0000-0000-{number:012}"


def kinds(decisions):
    """In order, whatever the order in which the registry gave them."""
    shuffled = random.Random(7).sample(decisions, len(decisions))
    return [item.kind for item in outcome.in_order(shuffled)]


def test_a_run_of_one_event_day_is_told_from_its_opening_to_its_end():
    run = ["run.opened", "gate.verdict", "rollout.started", "rollout.promoted", "run.closed"]
    assert kinds([decided(place, kind) for place, kind in enumerate(run, 1)]) == run


def test_an_earlier_event_day_stands_first_though_it_was_recorded_later():
    recorded = [decided(1, "run.opened", NEXT), decided(2, "alarm.opened"), decided(3, "loop.applied", None)]
    assert kinds(recorded) == ["loop.applied", "alarm.opened", "run.opened"]


def test_what_was_recorded_before_its_cause_stands_behind_it():
    """Monitoring and the controller record on their own."""
    recorded = [
        decided(1, "gate.verdict", cause=2), decided(2, "run.opened", cause=4), decided(3, "run.closed", cause=2),
        decided(4, "alarm.opened"), decided(5, "rollout.promoted", NEXT, cause=1),
    ]  # fmt: skip
    told = ["alarm.opened", "run.opened", "gate.verdict", "run.closed", "rollout.promoted"]
    assert kinds(recorded) == told


def test_causes_in_a_circle_or_of_another_day_or_unknown_change_nothing():
    recorded = [
        decided(1, "run.opened", cause=2), decided(2, "gate.verdict", cause=1),
        decided(3, "alarm.opened", cause=9), decided(4, "run.closed", NEXT, cause=3),
    ]  # fmt: skip
    assert sorted(kinds(recorded)[:2]) == ["gate.verdict", "run.opened"]
    assert kinds(recorded)[2:] == ["alarm.opened", "run.closed"]
