"""Closed days that call for nothing are dealt with together, and none behind the first that calls for something."""

import pytest

from millrace_controller.clock import day as clock

from .conftest import alarm, closed, day, document


def judged(*numbers, **found):
    """Days as a replay has judged them ahead."""
    return [{"through": day(number), "labelled": 5, **found} for number in numbers]


@pytest.fixture
async def loop(platform):
    """A loop with a champion, whose runs are 10 days apart."""
    platform.world.add_data("sales", 1000)
    await platform.apply(document(cooldown="3d", triggers={"schedule": "10d", "alarms": ["performance"]}))
    await platform.rest()
    await closed(platform, 1)
    return platform


async def together(loop, days, name="sales"):
    answer = await loop.call("POST", f"/v1/loops/{name}:ahead", 200, json={"days": days})
    return answer["days"]


async def test_days_may_close_together_up_to_and_including_the_first_that_calls_for_a_run(loop):
    before = await loop.loop()
    quiet = judged(*range(2, 9))
    assert await together(loop, quiet) == 7
    assert await together(loop, [*quiet, *judged(*range(9, 30))]) == 9, "the schedule's turn is day 10"
    loud = [*judged(2, 3, 4), *judged(5, alarms=[alarm(5)], standing=["performance"]), *judged(6, 7)]
    assert await together(loop, loud) == 4
    assert await loop.loop() == before, "nothing is decided by asking"
    assert len(await loop.runs()) == 1


async def test_while_a_run_is_in_flight_no_days_close_together(loop):
    await closed(loop, 5, alarms=[alarm(5)], standing=["performance"])
    assert (await loop.runs())[1]["state"] == "rolling-out"
    assert await together(loop, judged(6, 7)) == 0


@pytest.mark.parametrize("too_many", [0, 1, 20])
async def test_days_that_wait_are_taken_up_to_the_one_that_acts_and_not_one_more(loop, monkeypatch, too_many):
    """However many days were meant to close together, none behind the first that acts is decided on with it."""
    quiet = clock.quiet

    async def more(services, loop, known, pushed, days):
        return min(len(days), await quiet(services, loop, known, pushed, days) + too_many)

    monkeypatch.setattr(clock, "quiet", more)
    for number in range(2, 20):
        loop.world.close("sales", day(number))
    await loop.rest()
    run = (await loop.runs())[1]
    assert (run["cause"]["kind"], run["opened_at"]) == ("schedule", day(10))
    assert (await loop.loop())["settled_through"] == day(19)
