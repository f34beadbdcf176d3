"""What a closed day calls for: going back before retraining, cool-down and rest in event time, one run a trigger."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest

from millrace_contracts import durations
from millrace_contracts.closings import ClosedDay
from millrace_contracts.loop import ModelLoop
from millrace_controller.runs import states
from millrace_controller.runs.states import ALLOWED, State
from millrace_controller.triggers.rules import FailedRun, GoBack, LoopFacts, Retrain, Wait, key
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


def test_an_alarm_whose_run_failed_calls_for_another_after_the_cool_down_under_a_key_of_its_own():
    old = {"open": [ALARM | {"opened_day": "2013-05-01"}]}
    assert decide(spec(), facts(), old, NOW) is None, "the run of 12 May answered it"
    failed = facts(failed=FailedRun(7, NOW - timedelta(days=60)))
    action = decide(spec(), failed, old, NOW)
    assert (action.cause, action.window) == ("alarm", "performance@2013-05-01 after 7")
    assert "(run 7 came to nothing)" in action.reason
    answered = facts(failed=FailedRun(7, NOW - timedelta(days=25)))
    assert decide(spec(), answered, old, NOW) is None, "an earlier run had answered it"
    assert isinstance(decide(spec(), facts(failed=FailedRun(1, None)), old, NOW), Retrain)


@pytest.mark.parametrize(
    ("rising", "opened", "first"),
    [
        (5, "2013-05-31", "2013-05-25"),
        (12, "2013-05-31", "2013-05-20"),
        (4, "2013-05-20", "2013-05-17"),
        (28, "2013-05-31", None),
        (0, "2013-05-31", None),
        (None, "2013-05-31", None),
    ],
)
def test_the_run_of_an_alarm_judges_the_days_since_its_losses_rose_a_week_at_least(rising, opened, first):
    """May has ended; of a rise that is as long as the holdout, and of none, nobody makes a change."""
    alarm = ALARM | {"opened_day": opened, "evidence": {"rising": rising}}
    action = decide(spec(), facts(), {"alarms": [alarm]}, NOW)
    assert action.since == (None if first is None else date.fromisoformat(first))


@pytest.mark.parametrize(
    ("alarm", "declared"),
    [
        ({"cause": "performance:slice:origin=JFK"}, {}),
        ({"opened_day": None}, {}),
        ({}, {"gates": {"champion": {"block": "week", "minimumDays": 3}}}),
    ],
)
def test_an_alarm_that_tells_no_day_for_all_rows_has_its_run_judge_the_whole_holdout(alarm, declared):
    told = ALARM | {"evidence": {"rising": 12}} | alarm
    assert decide(spec(**declared), facts(), {"alarms": [told]}, NOW).since is None


def test_an_alarm_of_a_kind_that_is_not_a_trigger_does_not():
    assert decide(spec(), facts(), {"alarms": [ALARM | {"kind": "drift"}]}, NOW) is None


@pytest.mark.parametrize(("days", "opens"), [(13, False), (14, True)])
def test_the_cool_down_is_counted_in_event_time(days, opens):
    action = decide(spec(), facts(opened_at=NOW - timedelta(days=days)), {"alarms": [ALARM]}, NOW)
    assert isinstance(action, Retrain if opens else Wait)


@pytest.mark.parametrize(("days", "opens"), [(29, False), (30, True), (31, True)])
def test_the_schedule_counts_from_the_last_opening(days, opens):
    action = decide(spec(), facts(opened_at=NOW - timedelta(days=days)), {}, NOW)
    assert (action is not None) == opens


@pytest.mark.parametrize(("rows", "opens"), [(99, False), (100, True)])
def test_pushed_rows_open_a_run(rows, opens):
    assert (decide(spec(), facts(new_rows=rows), {}, NOW) is not None) == opens


def test_rest_after_a_switch_holds_back_retraining_but_not_another_switch():
    resting = facts(rest_until=NOW + timedelta(days=1), opened_at=NOW - timedelta(days=90))
    assert not isinstance(decide(spec(), resting, {"alarms": [ALARM]}, NOW), Retrain)
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


def openings(days, zone="America/New_York", first=datetime(2024, 1, 1), busy=(), **more):
    """Local days on which runs are opened when each of *days* days closes at midnight of *zone*."""
    data = {"dataset": "d", "eventTime": "t", "timezone": zone}
    declared, opened = spec(data=data, **more), None
    opened_at = durations.begin(first.date(), zone)
    made = []
    for number in range(1, days):
        through = durations.begin(first.date() + timedelta(days=number), zone)
        opened = decide(declared, facts(opened_at=opened_at, busy=number in busy), {}, through)
        if opened is not None:
            assert opened.cause == "schedule"
            opened_at = through
            made.append(durations.local(through, zone))
    return made


@pytest.mark.parametrize("first", [datetime(2024, 1, 1), datetime(2024, 9, 2)])
@pytest.mark.parametrize("when", [{"schedule": "7d"}, {"schedule": "each Monday"}])
def test_a_weekly_run_stays_on_its_weekday_across_the_changes_of_the_clocks(first, when):
    made = openings(100, first=first, triggers=when, cooldown="7d")
    assert len(made) == 14
    assert {day.weekday() for day in made} == {0}


def test_a_daily_run_is_one_a_day_on_days_of_23_and_25_hours_too():
    for first in (datetime(2024, 3, 1), datetime(2024, 10, 25)):
        assert len(openings(21, first=first, triggers={"schedule": "1d"}, cooldown="1d")) == 20


def test_a_run_on_the_31st_meets_every_month_and_29_february():
    made = openings(400, triggers={"schedule": "day 31 of each month"}, cooldown="0s")
    assert [(day.month, day.day) for day in made][:13] == [
        (1, 31), (2, 29), (3, 31), (4, 30), (5, 31), (6, 30), (7, 31), (8, 31), (9, 30), (10, 31), (11, 30), (12, 31),
        (1, 31),
    ]  # fmt: skip


def test_a_monday_on_which_no_run_could_open_is_made_up_for_once():
    made = openings(22, triggers={"schedule": "each Monday"}, cooldown="0s", busy={7, 8})
    assert [(day.month, day.day) for day in made] == [(1, 10), (1, 15), (1, 22)]


def replayed(raised, days, closes=None, cooldown="14d", found_again=()):
    """Days after the last opening on which runs are opened, and what is said to wait by day.

    Args:
        raised: the day on which a performance alarm is opened; it stays open until *closes*, found again or not.
    """
    declared = spec(triggers={"alarms": ["performance"]}, cooldown=cooldown)
    raising = ALARM | {"opened_day": (NOW + timedelta(days=raised - 1)).date().isoformat()}
    opened_at, runs, waits = NOW, [], {}
    for number in range(1, days + 1):
        through = NOW + timedelta(days=number)
        still = raised <= number and (closes is None or number < closes)
        closing = {
            "alarms": [raising] if number == raised else [],
            "open": [raising] if still else [],
            "standing": ["performance"] if number == raised or number in found_again else [],
        }
        action = decide(declared, facts(opened_at=opened_at), closing, through)
        if isinstance(action, Wait):
            waits[number] = action
        if isinstance(action, Retrain):
            runs.append((number, action.cause))
            opened_at = through
    return runs, waits


@pytest.mark.parametrize("raised", range(1, 20))
def test_an_alarm_at_any_offset_opens_its_run_when_the_cool_down_ends(raised):
    runs, waits = replayed(raised, 60)
    assert runs == [(max(raised, 14), "alarm")]
    assert sorted(waits) == list(range(raised, 14))
    for wait in waits.values():
        assert (wait.why, wait.until) == ("cool-down", NOW + timedelta(days=14))
        assert "waiting for the cool-down, until 2013-06-15" in wait.reason
        assert "the loss has risen" in wait.reason


@pytest.mark.parametrize("found_again", [(), range(1, 60)])
def test_an_alarm_that_stands_on_opens_one_run_and_not_one_each_cool_down(found_again):
    runs, _ = replayed(3, 60, found_again=found_again)
    assert len(runs) == 1


@pytest.mark.parametrize(("closes", "opens"), [(9, False), (14, False), (15, True)])
def test_an_alarm_that_is_over_before_the_cool_down_ends_opens_no_run(closes, opens):
    runs, waits = replayed(5, 60, closes=closes)
    assert bool(runs) == opens
    assert max(waits) == min(closes, 14) - 1


def test_an_alarm_waits_for_the_rest_after_a_way_back_too():
    resting = facts(rest_until=NOW + timedelta(days=4), opened_at=NOW - timedelta(days=90))
    action = decide(spec(), resting, {"alarms": [ALARM], "open": [ALARM]}, NOW)
    assert (action.why, action.until) == ("rest", NOW + timedelta(days=4))


def test_a_run_that_would_tell_nothing_new_is_not_opened_and_says_of_which_run():
    idle = facts(same_as=7, opened_at=NOW - timedelta(days=30))
    action = decide(spec(), idle, {}, NOW)
    assert isinstance(action, Wait)
    assert action.why == "nothing-new"
    assert "those of run 7" in action.reason
    passed = facts(same_as=7, opened_at=NOW - timedelta(days=40), passed_at=NOW - timedelta(days=10))
    assert decide(spec(), passed, {}, NOW) is None, "the schedule has had its turn"
    assert decide(spec(), passed, {}, NOW + timedelta(days=20)).why == "nothing-new"
    alarmed = decide(spec(), idle, {"alarms": [ALARM]}, NOW)
    assert (alarmed.why, alarmed.trigger.cause) == ("nothing-new", "alarm")
    assert isinstance(decide(spec(), facts(same_as=None, changed=None), {"alarms": [ALARM]}, NOW), Retrain)
    changed = facts(same_as=7, data=2, changed=4)
    assert isinstance(decided(spec(), changed, None), Retrain), "who changes the spec gets a run"
