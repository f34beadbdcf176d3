"""A request that is held back ends when its caller's token is taken away: what follows is for those who may see it."""

import asyncio
import json

import pytest

from millrace_core import held

from .conftest import document, running
from .people import introduce, token

WAYS = ["/v1/loops/sales?settled_through=2030-01-01T00:00:00Z&wait=30", "/v1/loops/sales/runs/1?wait=30"]


@pytest.fixture
async def platform(home, world, monkeypatch):
    monkeypatch.setattr(held, "EVERY", 0.1)
    introduce(home)
    async with running(home, world) as made:
        world.add_data("sales", 1000)
        await made.apply(document())
        await made.call("POST", "/v1/loops/sales:retrain", 201, json={})
        yield made


@pytest.mark.parametrize("path", WAYS)
async def test_a_long_poll_ends_with_its_callers_token(platform, home, path):
    asking = asyncio.create_task(platform.call("GET", path, 401, headers=token("vic")))
    await asyncio.sleep(0.3)
    assert not asking.done()
    file = home / "run" / "tokens.json"
    known = json.loads(file.read_text())["tokens"]
    file.write_text(json.dumps({"tokens": [item for item in known if item["name"] != "vic"]}))
    assert "Authorization" in (await asyncio.wait_for(asking, 3))["detail"]
