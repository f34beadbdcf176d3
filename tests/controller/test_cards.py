"""The card of a version over HTTP: in three forms, with what is gone named, for whoever may read the loop."""

import httpx
import pytest
from fastapi import FastAPI

from .conftest import document


@pytest.fixture
async def promoted(platform):
    """A loop whose first version is in production, in a registry that knows lineage and moves."""
    world: FastAPI = platform.world.app

    @world.get("/v1/lineage")
    def lineage(model: str, version: int):
        about = {"model": model, "version": version, "digest": "d", "lineage": {}, "run": None}
        return about | {"data": [], "decisions": [], "champion": []}

    @world.get("/v1/models/{name}/aliases/{alias}/history")
    def history(name: str, alias: str):
        move = {"name": alias, "previous": None, "event_time": None, "decision": None, "reason": "first"}
        move |= {"actor": "controller", "recorded_at": "2024-02-01T00:00:00Z"}
        return [move | {"number": number, "version": number} for number in (1, 2)]

    platform.world.add_data("sales", 1000)
    await platform.apply(document())
    await platform.rest()
    return platform


async def test_a_card_has_the_run_the_evaluation_and_its_own_moves(promoted):
    told = await promoted.call("GET", "/v1/loops/sales/versions/1/card", 200)
    assert told["format"] == "millrace-model-card/1"
    assert told["run"]["number"] == 1
    assert told["evaluation"]["metrics"]["candidate"]["r2"] == 0.5
    assert told["declared"]["metadata"]["name"] == "sales"
    assert [move["version"] for move in told["moves"]] == [1]
    assert told["release"]["golden"] == {}
    assert told["unknown"] == []


@pytest.mark.parametrize(
    ("form", "kind", "words"),
    [("markdown", "text/markdown", "# sales, version 1"), ("html", "text/html", "<h1>sales")],
)
async def test_a_card_is_a_document_too(promoted, form, kind, words):
    answer: httpx.Response = await promoted.client.get(f"/v1/loops/sales/versions/1/card?format={form}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    assert words in answer.text


async def test_a_version_that_is_not_there_is_404_and_a_strange_form_422(promoted):
    await promoted.call("GET", "/v1/loops/sales/versions/7/card", 404)
    await promoted.call("GET", "/v1/loops/nobody/versions/1/card", 404)
    await promoted.call("GET", "/v1/loops/sales/versions/0/card", 422)
    await promoted.call("GET", "/v1/loops/sales/versions/1/card?format=pdf", 422)


async def test_the_card_of_a_deleted_loop_says_what_is_gone(promoted):
    await promoted.call("DELETE", "/v1/loops/sales", 202)
    await promoted.rest()
    told = await promoted.call("GET", "/v1/loops/sales/versions/1/card", 200)
    assert told["declared"] is None
    assert any("no loop of this name" in words for words in told["unknown"])
