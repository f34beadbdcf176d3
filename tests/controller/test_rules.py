"""What a closed day calls for: going back before retraining, cool-down and rest in event time, one run a trigger."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from millrace_contracts.closings import ClosedDay
from millrace_contracts.loop import ModelLoop
from millrace_controller.runs import states
from millrace_controller.runs.states import ALLOWED, State
from millrace_controller.triggers.rules import GoBack, LoopFacts, Retrain, key
from millrace_controller.triggers.rules import decide as decided
from millrace_core.errors import Conflict

NOW = datetime(2013, 6, 1, tzinfo=UTC)


def spec(**more):
    base = {"task": "regression", "target": "y", "data": {"dataset": "d", "eventTime": "t"}}
    triggers = {"triggers": {"schedule": "30d", "alarms": ["performance"], "newData": {"rows": 100}}}
    document = {
        "apiVersion": "millrace.dev/v1alpha1",
        "kind": "ModelLoop",
        "metadata": {"name": "loop"},
        "spec": base | triggers | more,
    }
    return ModelLoop.model_validate(document).spec


def facts(**more):
    usual = {
        "champion": 3,
        "opened_at": NOW - timedelta(days=20),
        "rest_until": None,
        "busy": False,
        "new_rows": 0,
    }
    return LoopFacts(**(usual | more))


def decide(spec, loop, closing, through):
    """What a day that ends at *through* calls for."""
    return decided(spec, loop, ClosedDay.model_validate({"through": through} | closing))


ALARM = {
    "kind": "performance",
    "cause": "performance",
    "opened_day": "2013-05-31",
    "reason": "the loss has risen",
}
BACK = {"version": 1, "evidence": {"gain": 0.1, "days": 9}}


def test_nothing_happens_on_an_ordinary_day():
    assert decide(spec(), facts(), {}, NOW) is None


def test_an_alarm_opens_a_run():
    action = decide(spec(), facts(), {"alarms": [ALARM]}, NOW)
    assert isinstance(action, Retrain)
    assert action.cause == "alarm"
    assert "the loss has risen" in action.reason


def test_an_alarm_of_a_kind_that_is_not_a_trigger_does_not():
    assert decide(spec(), facts(), {"alarms": [ALARM | {"kind": "drift"}]}, NOW) is None


@pytest.mark.parametrize(("days", "opens"), [(13, False), (14, True)])
def test_the_cool_down_is_counted_in_event_time(days, opens):
    action = decide(spec(), facts(opened_at=NOW - timedelta(days=days)), {"alarms": [ALARM]}, NOW)
    assert (action is not None) == opens


@pytest.mark.parametrize(("days", "opens"), [(29, False), (30, True), (31, True)])
def test_the_schedule_counts_from_the_last_opening(days, opens):
    action = decide(spec(), facts(opened_at=NOW - timedelta(days=days)), {}, NOW)
    assert (action is not None) == opens


@pytest.mark.parametrize(("rows", "opens"), [(99, False), (100, True)])
def test_pushed_rows_open_a_run(rows, opens):
    assert (decide(spec(), facts(new_rows=rows), {}, NOW) is not None) == opens


def test_rest_after_a_switch_holds_back_retraining_but_not_another_switch():
    resting = facts(rest_until=NOW + timedelta(days=1), opened_at=NOW - timedelta(days=90))
    assert decide(spec(), resting, {"alarms": [ALARM]}, NOW) is None
    assert isinstance(decide(spec(), resting, {"switch_back": BACK}, NOW), GoBack)


def test_going_back_comes_before_retraining():
    action = decide(
        spec(), facts(opened_at=NOW - timedelta(days=90)), {"switch_back": BACK, "alarms": [ALARM]}, NOW
    )
    assert isinstance(action, GoBack)
    assert "10.0% less loss" in action.reason


@pytest.mark.parametrize("more", [{"busy": True}, {"champion": None}])
def test_nothing_begins_while_a_run_is_in_flight_or_without_a_champion(more):
    assert decide(spec(), facts(**more), {"switch_back": BACK, "alarms": [ALARM]}, NOW) is None


def test_first_data_a_new_spec_and_pushed_rows_open_a_run_without_a_closed_day():
    timeless = spec(data={"dataset": "d"})
    assert decided(spec(), facts(champion=None), None) is None, "there is no data yet"
    assert decided(spec(), facts(champion=None, data=2), None).window == "version-2"
    changed = decided(spec(), facts(data=2, changed=4), None)
    assert (changed.cause, changed.full_search) == ("spec", True)
    assert decided(timeless, facts(data=2, new_rows=99), None) is None
    assert decided(timeless, facts(data=2, new_rows=100), None).cause == "data"
    assert decided(spec(), facts(data=2, new_rows=100), None) is None, "with event time the days decide"
    assert decided(spec(), facts(champion=None, data=2, active=False), None) is None


def test_switch_back_can_be_turned_off():
    assert decide(spec(switchBack={"enabled": False}), facts(), {"switch_back": BACK}, NOW) is None


def test_the_same_trigger_has_the_same_key_and_another_one_has_not():
    same = key("p", "l", 1, "alarm", "performance@2013-05-31")
    assert {key("p", "l", 1, "alarm", "performance@2013-05-31") for _ in range(1000)} == {same}
    others = [("q", "l", 1, "alarm", "w"), ("p", "l", 2, "alarm", "w"), ("p", "l", 1, "schedule", "w")]
    assert len({key(*parts) for parts in others} | {same}) == 4


@pytest.mark.parametrize(("old", "new"), list(itertools.product(State, repeat=2)))
def test_a_run_moves_only_as_the_table_says(old, new):
    if new in ALLOWED[old]:
        states.check(old, new)
    else:
        with pytest.raises(Conflict):
            states.check(old, new)
