"""The way back to an archived version: by evidence or by a person, refused or done, one champion everywhere."""

import pytest

from millrace_controller.tables import Rollback
from millrace_controller.wayback import by_hand

from .conftest import alarm, champion_everywhere, closed, day, promoted_twice


async def test_the_way_back_is_one_decision_then_a_rest_without_runs(loop):
    await promoted_twice(loop)
    back = {"version": 1, "evidence": {"gain": 0.05, "days": 9}}
    await closed(loop, 40, switch_back=back, alarms=[alarm(40)], standing=["performance"])
    await champion_everywhere(loop, 1)
    found = await loop.loop()
    assert (found["archive"], found["rest_until"]) == ([2], day(54))
    told = loop.world.of_kind("switch-back")
    assert len(told) == 1
    assert "5.0% less loss" in told[0]["reason"]
    await closed(loop, *range(41, 54), standing=["performance"])
    assert len(await loop.runs()) == 2
    await closed(loop, 60)
    assert len(await loop.runs()) == 3


async def test_no_way_back_while_a_run_is_in_flight(loop):
    await closed(loop, *range(1, 31))
    await closed(loop, 30.5, switch_back={"version": 1, "evidence": {}})
    assert not loop.world.of_kind("switch-back")


async def test_a_person_goes_back_and_forth(loop):
    await promoted_twice(loop)
    answer = await loop.call("POST", "/v1/loops/sales:rollback", 200, json={"to": 1})
    assert answer["champion"] == 1
    await champion_everywhere(loop, 1)
    await loop.call("POST", "/v1/loops/sales:rollback", 200, json={})
    await champion_everywhere(loop, 2)
    await loop.rest()
    assert len(loop.world.of_kind("rollback")) == 2
    assert loop.world.of_kind("rollback")[0]["author"] == "user:admin"


async def test_a_rollback_told_twice_with_its_key_is_one_and_does_not_roll_forward(loop):
    await promoted_twice(loop)
    for _ in range(2):
        answer = await loop.call("POST", "/v1/loops/sales:rollback", 200, json={"key": "k"})
        assert answer["champion"] == 1
    await champion_everywhere(loop, 1)
    await loop.rest()
    assert len(loop.world.of_kind("rollback")) == 1
    await loop.call("POST", "/v1/loops/sales:rollback", 409, json={"key": "k", "to": 2})
    assert (await loop.call("POST", "/v1/loops/sales:rollback", 200, json={"key": "l"}))["champion"] == 2


def test_the_key_of_a_rollback_has_room_for_the_longest_name():
    assert len(by_hand.key_of("n" * 63, "k" * 100)) <= Rollback.__table__.c.key.type.length


async def test_a_rollback_that_was_cut_off_is_finished_by_the_same_key(loop):
    await promoted_twice(loop)
    loop.world.crash_at = len(loop.world.calls) + 1
    with pytest.raises(AssertionError, match="500"):
        await loop.call("POST", "/v1/loops/sales:rollback", 200, json={"key": "k"})
    answer = await loop.call("POST", "/v1/loops/sales:rollback", 200, json={"key": "k"})
    assert answer["champion"] == 1
    await champion_everywhere(loop, 1)
    await loop.rest()
    assert len(loop.world.of_kind("rollback")) == 1


async def test_a_rollback_that_serving_refused_is_refused_again_under_its_key(loop):
    await promoted_twice(loop)
    loop.world.unloaded.add(1)
    await loop.call("POST", "/v1/loops/sales:rollback", 409, json={"key": "k"})
    loop.world.unloaded.clear()
    again = await loop.call("POST", "/v1/loops/sales:rollback", 409, json={"key": "k"})
    assert "not loaded" in again["detail"]
    await champion_everywhere(loop, 2)


async def test_an_abort_told_twice_with_its_key_leaves_the_next_rollout_alone(loop):
    await closed(loop, *range(1, 31))
    await loop.call("POST", "/v1/loops/sales:rollback", 200, json={"to": 1, "key": "k"})
    await closed(loop, *range(31, 61))
    assert (await loop.runs())[2]["state"] == "rolling-out"
    await loop.call("POST", "/v1/loops/sales:rollback", 200, json={"to": 1, "key": "k"})
    await loop.rest()
    assert (await loop.runs())[2]["state"] == "rolling-out"


async def test_a_person_goes_back_while_a_rollout_runs(loop):
    await promoted_twice(loop)
    await closed(loop, *range(32, 61))
    assert (await loop.runs())[2]["state"] == "rolling-out"
    await loop.call("POST", "/v1/loops/sales:rollback", 200, json={"to": 1})
    await loop.rest()
    assert (await loop.runs())[2]["state"] == "aborted"
    await champion_everywhere(loop, 1)


async def test_staying_where_it_is_aborts_the_rollout(loop):
    await closed(loop, *range(1, 31))
    await loop.call("POST", "/v1/loops/sales:rollback", 200, json={"to": 1})
    await loop.rest()
    assert (await loop.runs())[1]["state"] == "aborted"
    await champion_everywhere(loop, 1)


@pytest.mark.parametrize("to", [2, 99])
async def test_back_to_what_is_not_archived_is_409(loop, to):
    await loop.call("POST", "/v1/loops/sales:rollback", 409, json={"to": to})
    await champion_everywhere(loop, 1)


async def test_a_way_back_that_serving_refuses_is_dropped_and_recorded(loop):
    await promoted_twice(loop)
    loop.world.unloaded.add(1)
    answer = await loop.call("POST", "/v1/loops/sales:rollback", 409, json={"to": 1})
    assert "not loaded" in answer["detail"]
    await loop.rest()
    assert loop.world.of_kind("rollback")[0]["outcome"] == "refused"
    await champion_everywhere(loop, 2)
    await closed(loop, 33)
    assert (await loop.loop())["settled_through"] == day(33)
