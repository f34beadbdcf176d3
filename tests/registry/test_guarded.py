"""The champion of a model whose loop asks people is moved by the controller alone."""

import pytest
import pytest_asyncio

from millrace_registry.models import guard

from .conftest import token

MODEL = "/v1/models/sales"
CHAMPION = f"{MODEL}/aliases/champion"


def move(client, version, expected, alias="champion", who="admin"):
    body = {"version": version, "expected": expected}
    return client.put(f"{MODEL}/aliases/{alias}", json=body, headers=token(who))


@pytest_asyncio.fixture(loop_scope="session")
async def guarded(client, model):
    """A guarded model with three versions, of which the first is champion."""
    assert (await client.put(MODEL, json={"guarded": True}, headers=token("controller"))).status_code == 200
    assert (await move(client, 1, None, who="controller")).status_code == 200
    return client


@pytest.mark.parametrize("who", ["admin", "training"])
@pytest.mark.parametrize("version", [2, None])
async def test_nobody_else_moves_the_champion(guarded, who, version):
    refused = await move(guarded, version, 1, who=who)
    assert refused.status_code == 403
    assert "gates.approval" in refused.json()["detail"] or who == "training"
    assert (await guarded.get(CHAMPION)).json()["version"] == 1
    assert (await move(guarded, 2, 1, who="controller")).status_code == 200


async def test_nobody_else_lifts_the_guard(guarded):
    refused = await guarded.put(MODEL, json={"guarded": False})
    assert refused.status_code == 403
    assert (await guarded.put(MODEL, json={"description": "ours"})).status_code == 200
    assert (await move(guarded, 2, 1)).status_code == 403
    lifted = await guarded.put(MODEL, json={"guarded": False}, headers=token("controller"))
    assert lifted.status_code == 200
    assert (await move(guarded, 2, 1)).status_code == 200


async def test_aliases_of_ones_own_are_free(guarded):
    assert (await move(guarded, 2, None, alias="ours")).status_code == 200


async def test_and_without_the_guard_the_champion_moves(guarded, monkeypatch):
    monkeypatch.setattr(guard, "check", lambda *_: None)
    assert (await move(guarded, 2, 1)).status_code == 200
