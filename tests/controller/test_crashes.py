"""The controller dies at any call to another service, before or after its effect, and ends where it would have."""

import pytest

from .conftest import alarm, day, document, made_home, running
from .fakes import Crash, World

SPEC = {"cooldown": "2d", "triggers": {"schedule": "30d", "alarms": ["performance"]}}


async def story(home, world):
    """Data, a champion, an alarm, a second champion, the way back; the controller is started again after a crash."""
    world.add_data("sales", 1000)
    told = {
        3: {"alarms": [alarm(3)], "standing": ["performance"]},
        4: {},
        9: {"switch_back": {"version": 1, "evidence": {"gain": 0.1, "days": 9}}},
        10: {},
    }
    days = iter(told.items())
    while True:
        try:
            async with running(home, world) as platform:
                await platform.apply(document(**SPEC))
                await platform.rest()
                for number, found in days:
                    world.close("sales", day(number), **found)
                    await platform.rest()
                return await state(platform)
        except Crash:
            continue


async def state(platform):
    """All that must be the same; alias moves in order, so a champion that came twice would show."""
    world, loop = platform.world, await platform.loop()
    return {
        "loop": {
            name: loop[name] for name in ("champion", "archive", "settled_through", "rest_until", "message")
        },
        "runs": [(run["number"], run["state"], run["version"]) for run in await platform.runs()],
        "moves": world.alias_moves,
        "stable": world.endpoints["sales"]["stable_version"],
        "monitor": world.monitors["sales"]["champion"],
        "decisions": {key: {**item, "measured": None} for key, item in world.decisions.items()},
        "versions": len(world.models["sales"]),
    }


CALM = {}


async def expected(tmp_path, migrated):
    """The end of a story without a crash, and the calls in it."""
    if not CALM:
        world = World()
        CALM["found"] = await story(made_home(tmp_path / "calm", migrated), world)
        CALM["calls"] = world.calls
    return CALM["found"], CALM["calls"]


async def test_the_calm_story_goes_there_and_back(tmp_path, migrated, still):
    found, _ = await expected(tmp_path, migrated)
    assert [move[2] for move in found["moves"]] == [1, 2, 1]
    assert found["runs"] == [(1, "promoted", 1), (2, "promoted", 2)]
    assert found["loop"]["champion"] == found["stable"] == found["monitor"]["version"] == 1


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in (1, 2, 3))])
async def test_a_crash_at_any_call_ends_in_the_same_state(tmp_path, migrated, still, part):
    found, calls = await expected(tmp_path, migrated)
    kinds = list(dict.fromkeys(calls))[part::4]
    for place, call in enumerate(kinds):
        where = [number for number, other in enumerate(calls) if other == call]
        points = [(where[0], False), (where[-1], True)]
        for number, after in points[:1] if call.startswith("GET") else points:
            world = World()
            world.crash_at, world.crash_after = number, after
            home = made_home(tmp_path / f"{place}-{number}-{after}", migrated)
            assert await story(home, world) == found, f"{call}, call {number}, {after=}"
            assert world.crash_at is None, "the crash did not happen"
