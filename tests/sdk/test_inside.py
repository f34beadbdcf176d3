"""Services of this very process are called without a socket: from their loop, and from threads beside it."""

import asyncio

import pytest
from fastapi import FastAPI

from millrace.aio.api import AsyncApi
from millrace.client.api import Api
from millrace.transport import inside
from millrace.transport.errors import ApiError
from millrace.transport.requests import Call

URL = "http://localhost:9"


@pytest.fixture
def app(monkeypatch):
    monkeypatch.setattr(inside, "_KNOWN", {})
    app = FastAPI()

    @app.post("/v1/echo")
    async def echo(body: dict[str, int]) -> dict[str, int]:
        return {"twice": 2 * body["value"]}

    return app


async def test_the_loop_and_a_thread_get_the_same_answer(app):
    inside.offer(URL, app, asyncio.get_running_loop())
    call = Call("POST", "/v1/echo", json={"value": 21})
    assert (await AsyncApi(URL, "t").send(call)).json() == {"twice": 42}
    answer = await asyncio.to_thread(Api(URL, "t").send, call)
    assert answer.json() == {"twice": 42}


async def test_a_refusal_is_the_same_error_as_over_a_socket(app):
    inside.offer(URL, app, asyncio.get_running_loop())
    with pytest.raises(ApiError) as refused:
        await asyncio.to_thread(Api(URL, "t").send, Call("GET", "/v1/nothing"))
    assert refused.value.status == 404


def test_another_url_has_a_server(app):
    assert inside.known("http://localhost:8") is None
