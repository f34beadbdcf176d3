"""The same promises on PostgreSQL: migrations, the partial index of runs in flight, and the whole calm story."""

from millrace_controller.main import ControllerSettings

from .conftest import document, made_home, running
from .fakes import World
from .test_crashes import story


async def test_the_story_is_the_same_on_postgresql(tmp_path, migrated, still, url):
    home, world = made_home(tmp_path / "home", migrated), World()
    found = await story(home, world)
    assert ControllerSettings(home=home).database_url == url
    assert [move[2] for move in found["moves"]] == [1, 2, 1]
    assert found["runs"] == [(1, "promoted", 1), (2, "promoted", 2)]
    async with running(home, world) as platform:
        await platform.call("DELETE", "/v1/loops/sales", 202)
        await platform.rest()
        assert (await platform.apply(document()))["generation"] == 2
