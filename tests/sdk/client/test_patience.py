"""How long a call is tried again, in fake time: longer where the service that went away had held the answer back."""

import time
from datetime import UTC, datetime

import httpx
import pytest

from millrace.client import Millrace
from millrace.transport.address import SERVICES
from millrace.transport.requests import HELD, PATIENCE, Call

from .. import examples

AT = datetime(2026, 5, 4, tzinfo=UTC)


class Clock:
    """Time that passes when somebody sleeps or holds an answer back."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(time, "sleep", self.pass_)

    def pass_(self, seconds):
        self.now += seconds


class Killed:
    """A service that is killed *kills* times, each time after it has held the answer back as long as it may."""

    def __init__(self, clock, kills, answer):
        self.clock, self.kills, self.answer, self.asked = clock, kills, answer, 0

    def __call__(self, request):
        self.asked += 1
        if self.asked > self.kills:
            return httpx.Response(200, json=self.answer)
        self.clock.pass_(float(request.url.params.get("wait", 0)))
        raise httpx.ReadError("killed", request=request)


@pytest.fixture
def killed(monkeypatch):
    """A client of services that are killed so often before they answer."""
    clock = Clock(monkeypatch)

    def start(kills, answer):
        client = Millrace(dict.fromkeys(SERVICES, "http://x"), "mlr_test")
        service = Killed(clock, kills, answer)
        for name in SERVICES:
            getattr(client, name).api._client = httpx.Client(
                base_url="http://x", transport=httpx.MockTransport(service)
            )
        client.service, client.clock = service, clock
        return client

    return start


WAYS = {
    "run": (lambda client: client.controller.run("sales", 1, 25), examples.run()),
    "settle": (
        lambda client: client.controller.settle("sales", AT),
        examples.loop(settled=True, settled_through=examples.NOW),
    ),
    "a backtest": (lambda client: client.controller.backtest_state("b", 25), examples.backtest()),
    "a job": (lambda client: client.training.job("j", 25), examples.job()),
}


@pytest.mark.parametrize("way", list(WAYS))
def test_a_held_answer_is_asked_for_again_although_each_kill_cost_all_of_its_wait(killed, way):
    ask, answer = WAYS[way]
    client = killed(HELD, answer)
    ask(client)
    assert client.service.asked == HELD + 1


def test_who_is_held_by_nobody_is_told_as_soon_as_anybody_else(killed):
    for wait in (None, 0):
        client = killed(10_000, examples.run())
        begun = client.clock.now
        with pytest.raises(httpx.ReadError):
            client.controller.run("sales", 1, wait)
        assert client.clock.now - begun < PATIENCE + 5


def test_a_held_answer_that_never_comes_is_given_up(killed):
    client = killed(10_000, examples.run())
    begun = client.clock.now
    with pytest.raises(httpx.ReadError):
        client.controller.run("sales", 1, 10)
    waited = client.clock.now - begun
    assert PATIENCE + HELD * 10 - 15 < waited < PATIENCE + HELD * 10 + 15


def test_a_patience_of_its_own_counts_beside_the_wait():
    held = Call("GET", "/", params={"wait": 10}, patience=600)
    assert held.retrying()["timeout"] == 600 + HELD * 10
