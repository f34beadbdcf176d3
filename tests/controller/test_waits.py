"""Alarms are answered, and a run that tells nothing new is not opened: said where people look, and recorded."""

from datetime import date, timedelta

import pytest

from millrace_contracts.closings import ClosedDay
from millrace_contracts.verdicts import GatesVerdict
from millrace_controller.lookup import queries as lookup
from millrace_controller.runs import news
from millrace_controller.runs import queries as runs
from millrace_controller.runs.states import State
from millrace_controller.tables import Loop

from .conftest import alarm, closed, document
from .test_loops import ADOPTED, ASKED

ANSWERED = {"cooldown": "5d", "triggers": {"alarms": ["performance"]}}
MONTHLY = {"cooldown": "2d", "triggers": {"schedule": "10d"}}


async def started(platform, **spec):
    platform.world.add_data("sales", 1000)
    await platform.apply(document(**spec))
    await platform.rest()
    return platform


async def ends(loop, number, state, **columns):
    """A run ends in that *state*, with *columns* as given."""
    async with loop.services.sessions.begin() as session:
        run = await runs.get(session, await lookup.get(session, "default", "sales"), number)
        for name, value in ({"state": state} | columns).items():
            setattr(run, name, value)


def condition(loop):
    return next((item for item in loop["conditions"] if item["type"] == "RunWaits"), None)


async def test_an_alarm_at_every_offset_inside_the_cool_down_opens_one_run_at_its_end(platform):
    loop, now = await started(platform, **ANSWERED), 5
    await closed(loop, now, alarms=[alarm(now)], open=[alarm(now)])
    assert len(await loop.runs()) == 2
    for offset in range(1, 6):
        before = len(await loop.runs())
        raised = alarm(now + offset)
        for number in range(1, 6):
            here = [raised] if number >= offset else []
            new = [raised] if number == offset else []
            await closed(loop, now + number, alarms=new, open=here)
            runs = await loop.runs()
            assert len(runs) == before + (number == 5), f"offset {offset}, day {number}"
            waits = (await loop.loop())["waits"]
            assert (waits is not None) == (offset <= number < 5)
        assert runs[-1]["cause"]["kind"] == "alarm"
        now += 5
    told = [item for item in loop.world.of_kind("run.waits") if item["outcome"] == "cool-down"]
    assert len(told) == 4, "once for each alarm that waited, not once a day"


async def test_while_an_alarm_waits_the_loop_says_until_when(platform):
    loop = await started(platform, **ANSWERED)
    await closed(loop, 2, alarms=[alarm(2)], open=[alarm(2)])
    stands = await loop.loop()
    assert stands["waits"]["until"] == "2024-02-05T23:00:00Z"
    assert condition(stands)["reason"] == "WaitingForCoolDown"
    assert (
        "aiting for the cool-down, until 2024-02-05 23:00: alarm performance: loss is up"
        in condition(stands)["message"]
    )
    await closed(loop, 3, open=[])
    assert condition(await loop.loop()) is None, "the alarm is over"


async def test_a_schedule_opens_no_run_on_the_data_of_the_last_one_and_goes_on_when_rows_come(platform):
    loop = await started(platform, **MONTHLY)
    await closed(loop, *range(1, 11))
    before = len(await loop.runs())
    await closed(loop, *range(11, 51), rows=0, labelled=0)
    assert len(await loop.runs()) == before, "four turns of the schedule, and nothing new"
    stands = await loop.loop()
    assert condition(stands)["reason"] == "NothingNew"
    assert f"those of run {before}" in condition(stands)["message"]
    assert "millrace retrain sales" in condition(stands)["message"]
    told = loop.world.of_kind("run.waits")
    assert [item["outcome"] for item in told] == ["nothing-new"] * len(told)
    assert len(told) == 4
    await closed(loop, *range(51, 56))
    assert condition(await loop.loop()) is None
    assert len(await loop.runs()) == before, "rows are there, and the next turn is not"
    await closed(loop, *range(56, 61))
    assert len(await loop.runs()) == before + 1


async def test_who_asks_for_a_run_by_hand_gets_one_on_the_same_data(platform):
    loop = await started(platform, **MONTHLY)
    await closed(loop, *range(1, 11))
    await closed(loop, *range(11, 31), rows=0, labelled=0)
    before = len(await loop.runs())
    await loop.call("POST", "/v1/loops/sales:retrain", json={})
    await loop.rest()
    assert len(await loop.runs()) == before + 1


async def test_pushed_rows_and_another_document_are_news(platform):
    loop = await started(platform, **MONTHLY)
    await closed(loop, *range(1, 11))
    await closed(loop, *range(11, 31), rows=0, labelled=0)
    before = len(await loop.runs())
    loop.world.add_data("sales", 10, kind="file")
    await closed(loop, *range(31, 41), rows=0, labelled=0)
    assert len(await loop.runs()) == before + 1
    await closed(loop, *range(41, 51), rows=0, labelled=0)
    assert len(await loop.runs()) == before + 1
    await loop.apply(document(**MONTHLY | {"training": {"seed": 3}}))
    await loop.rest()
    assert len(await loop.runs()) == before + 2


async def test_as_many_rows_as_the_last_time_open_a_run_again(platform):
    loop = await started(platform, cooldown="2d", triggers={"newData": {"rows": 100}})
    for number in (5, 10, 15):
        before = len(await loop.runs())
        loop.world.add_data("sales", 100)
        await closed(loop, number)
        assert len(await loop.runs()) == before + 1, f"day {number}"


async def test_without_event_time_a_schedule_opens_no_run_on_the_data_of_the_last_one_either(platform):
    timeless = {"data": {"dataset": "sales", "labelDelay": "1d", "feedback": False}}
    platform.world.add_data("sales", 1000, last_event=None)
    await platform.apply(document(**MONTHLY | timeless))
    await platform.rest()
    platform.world.add_data("sales", 10, last_event=None)
    await closed(platform, *range(1, 11))
    assert len(await platform.runs()) == 1, "ten days from the first that was closed"
    await closed(platform, 11)
    assert len(await platform.runs()) == 2, "rows were pushed"
    await closed(platform, *range(12, 42))
    assert len(await platform.runs()) == 2


async def test_a_run_that_failed_behind_its_gates_is_no_reason_to_open_none(platform):
    loop = await started(platform, **MONTHLY)
    await closed(loop, *range(1, 11))
    before = await loop.runs()
    assert before[-1]["verdict"] is not None
    await ends(loop, before[-1]["number"], State.FAILED)
    await closed(loop, *range(11, 21), rows=0, labelled=0)
    assert len(await loop.runs()) == len(before) + 1


@pytest.mark.parametrize(
    ("said", "runs_then"),
    [
        ({"verdict": "passed"}, 3),
        ({"verdict": "failed", "back": 1}, 3),
        ({"verdict": "inconclusive"}, 2),
        (None, 3),
    ],
)
async def test_an_alarm_whose_run_failed_behind_its_gates_opens_another_unless_they_said_no(
    platform, said, runs_then
):
    loop = await started(platform, **ANSWERED)
    loop.world.losses = lambda dataset, run: (20.0, 10.0)
    await closed(loop, 5, alarms=[alarm(5)], open=[alarm(5)])
    verdict = None if said is None else GatesVerdict(**{"reason": "because", "gates": []} | said)
    await ends(loop, 2, State.FAILED, verdict=verdict)
    await closed(loop, *range(6, 12), open=[alarm(5)])
    assert len(await loop.runs()) == runs_then


async def test_the_run_of_an_alarm_is_planned_and_judged_by_the_days_since_the_rise(platform):
    loop = await started(platform, **ANSWERED)
    loop.world.losses = lambda dataset, run: (20.0, 10.0)
    await closed(loop, 5, alarms=[alarm(5) | {"evidence": {"rising": 3}}])
    run = (await loop.runs())[-1]
    plan = await loop.call("GET", f"/v1/loops/sales/runs/{run['number']}/plan", 200)
    assert plan["train"]["since"] == str(date.fromisoformat(alarm(5)["opened_day"]) - timedelta(days=6)), (
        "a week"
    )
    gate = next(item for item in run["verdict"]["gates"] if item["name"] == "champion")
    assert "are judged, since the champion's loss has been high" in gate["reason"]


async def test_an_alarm_whose_run_refused_its_data_opens_another(platform):
    loop = await started(platform, **ANSWERED)
    loop.world.losses = lambda dataset, run: (20.0, 10.0)
    await closed(loop, 5, alarms=[alarm(5)], open=[alarm(5)])
    await ends(loop, 2, State.REFUSED, verdict=None)
    await closed(loop, *range(6, 12), open=[alarm(5)])
    assert len(await loop.runs()) == 3


async def test_after_a_graph_from_elsewhere_a_schedule_trains_on_the_same_data(platform):
    loop = await started(platform, **MONTHLY)
    await closed(loop, 1, 2)
    loop.world.adoptable["prices", 3] = (200, ADOPTED)
    await loop.call("POST", "/v1/loops/sales:adopt", 201, json=ASKED)
    await loop.rest()
    before = len(await loop.runs())
    await closed(loop, *range(3, 14), rows=0, labelled=0)
    assert len(await loop.runs()) == before + 1, "what was judged last was not trained"


async def test_an_alarm_that_is_over_waits_for_nothing_new_no_longer(platform):
    loop = await started(platform, cooldown="2d", triggers={"alarms": ["performance"]})
    await closed(loop, 5, rows=0, labelled=0, alarms=[alarm(5)], open=[alarm(5)])
    assert condition(await loop.loop())["reason"] == "NothingNew"
    await closed(loop, 6, rows=0, labelled=0, open=[])
    assert condition(await loop.loop()) is None


def test_what_an_earlier_version_did_not_count_may_be_news():
    loop = Loop(fresh_rows=0)
    for labelled, known in ((0, 0), (3, 3), (None, None), (0, None)):
        news.count(loop, ClosedDay(through="2024-02-02T00:00:00Z", labelled=labelled))
        assert loop.fresh_rows == known
