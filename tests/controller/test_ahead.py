"""Closed days that call for nothing are dealt with together, and none behind the first that calls for something."""

import pytest

from millrace_controller.clock import day as clock
from millrace_controller.tables import Loop

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


@pytest.fixture
async def replayed(platform):
    """A replay's loop whose second run is rolled out from day 5 on, in a step of 4 days."""
    platform.world.add_data("sales", 1000)
    mirror = {"mirror": {"percent": 100, "for": "4d"}}
    await platform.apply(document(cooldown="3d", rollout=mirror, triggers={"alarms": ["performance"]}))
    await platform.rest()
    async with platform.services.sessions.begin() as session:
        (await session.get(Loop, 1)).mode = "backtest"
    await closed(platform, 5, alarms=[alarm(5)], standing=["performance"])
    assert (await platform.runs())[1]["state"] == "rolling-out"
    return platform


async def test_days_of_a_replays_rollout_close_together_up_to_the_one_on_which_it_moves(replayed):
    assert await together(replayed, judged(6, 7)) == 2
    assert await together(replayed, judged(*range(6, 12))) == 4, "on day 9 its step is over"
    await closed(replayed, 6, 7)
    assert await together(replayed, judged(8, 9, 10)) == 2
    await closed(replayed, 8)
    assert await together(replayed, judged(9, 10)) == 0, "that day stands alone"


@pytest.mark.parametrize(
    ("days", "calls"), [([[6, 7, 8, 9]], 2), ([[6], [7], [8], [9]], 4), ([[6, 7], [8, 9]], 3)]
)
async def test_a_replays_rollout_moves_on_its_day_however_many_days_close_together(
    replayed, monkeypatch, days, calls
):
    """Serving is told of the days before it at once, and of that day by itself."""
    advanced, advance = [], replayed.services.clients.serving.advance

    async def counted(name, through, *, project):
        advanced.append(through)
        return await advance(name, through, project=project)

    monkeypatch.setattr(replayed.services.clients.serving, "advance", counted)
    for block in days:
        await closed(replayed, *block, alarms=[alarm(5)], standing=["performance"])
    loop, run = await replayed.loop(), (await replayed.runs())[1]
    assert (run["state"], run["cause"]["kind"], loop["champion"]) == ("promoted", "alarm", 2)
    assert loop["settled_through"] == day(9)
    assert replayed.world.monitors["sales"]["champion"]["effective_from"] == day(9)
    assert len(advanced) == calls


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
