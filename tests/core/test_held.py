"""A stream that stays open ends when whoever reads it may not any more, whatever was taken away."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from fastapi import Request

from millrace_core import held
from millrace_core.errors import Forbidden, NotFound, Unauthorized, Unavailable

SERVICES = Path(__file__).parents[2] / "services"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(held, "EVERY", 0.05)


class Source:
    """Events as the test sends them; knows whether it was closed."""

    def __init__(self):
        self.queue, self.closed = asyncio.Queue(), False

    async def events(self):
        try:
            while (item := await self.queue.get()) is not None:
                yield {"event": "loop", "data": item}
        finally:
            self.closed = True


def asked(*answers):
    """A request whose right was looked at; *answers* is what further looks find, the last of them for ever."""
    left = list(answers)

    async def permit(_):
        now = left.pop(0) if len(left) > 1 else left[0]
        if now is not None:
            raise now

    request = Request({"type": "http"})
    request.state.permit = permit
    return request


async def heard(request, source):
    return [(item["event"], item["data"]) async for item in held.held(request, source.events())]


async def test_who_may_read_hears_everything_to_the_end(quick):
    source = Source()
    listening = asyncio.create_task(heard(asked(None), source))
    for item in ("a", "b", None):
        await asyncio.sleep(0.12)
        source.queue.put_nowait(item)
    assert await listening == [("loop", "a"), ("loop", "b")]
    assert source.closed


@pytest.mark.parametrize(
    ("taken", "status"),
    [
        (Unauthorized("the token has ended"), 401),
        (Forbidden("no role"), 403),
        (NotFound("no project"), 404),
        (Unavailable("nobody can say"), 503),
    ],
)
async def test_who_lost_the_right_hears_why_and_nothing_more(quick, taken, status):
    source = Source()
    source.queue.put_nowait("a")
    first, (name, told) = await asyncio.wait_for(heard(asked(None, taken), source), 2)
    assert first == ("loop", "a")
    assert name == "error"
    assert json.loads(told) == {"title": taken.title, "status": status, "detail": taken.detail}
    assert source.closed


async def test_a_stream_that_never_rests_is_looked_at_too(quick):
    async def flood():
        while True:
            await asyncio.sleep(0)
            yield {"event": "log", "data": "x"}

    events = [item["event"] async for item in held.held(asked(None, Forbidden("no role")), flood())]
    assert set(events[:-1]) == {"log"}
    assert events[-1] == "error"


async def test_what_fails_in_the_stream_is_not_hidden(quick):
    async def broken():
        yield {"event": "log", "data": "x"}
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        [item async for item in held.held(asked(None), broken())]


async def test_an_answer_that_is_held_back_comes_when_it_is_there(quick):
    async def slow():
        await asyncio.sleep(0.15)
        return "there"

    assert await held.answered(asked(None), slow()) == "there"


async def test_who_lost_the_right_while_an_answer_is_held_back_hears_what_a_new_request_would(quick):
    left = asyncio.Event()

    async def never():
        try:
            await asyncio.Event().wait()
        finally:
            left.set()

    with pytest.raises(Forbidden, match="no role"):
        await asyncio.wait_for(held.answered(asked(None, Forbidden("no role")), never()), 2)
    assert left.is_set(), "nothing goes on waiting for nobody"


async def test_what_fails_in_an_answer_that_is_held_back_is_told(quick):
    async def broken():
        raise NotFound("no such run")

    with pytest.raises(NotFound, match="no such run"):
        await held.answered(asked(None), broken())


def test_no_route_holds_an_answer_back_for_who_lost_the_right():
    made = {}
    for path in SERVICES.rglob("routes.py"):
        for function in re.split(r"\n(?=@router)", path.read_text()):
            if re.search(r"\bwait: (Wait|Annotated|float)\b", function):
                made[f"{path}: {function[:60]}"] = re.search(r"await answered\(\s*request,", function)
    assert len(made) >= 7
    assert [place for place, fine in made.items() if not fine] == []


def test_no_service_streams_events_that_are_not_held():
    """The console has no rights to look at: its streams ask the services, with the token of whoever is signed in."""
    made = {}
    for path in (path for path in SERVICES.rglob("*.py") if "millrace_console" not in path.parts):
        for line in path.read_text().splitlines():
            if re.search(r"return EventSourceResponse\(", line):
                made[f"{path.name}: {line.strip()}"] = "EventSourceResponse(held(" in line
    assert made
    assert [place for place, fine in made.items() if not fine] == []
