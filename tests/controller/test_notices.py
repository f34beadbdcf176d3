"""Who is told of a loop, what stands still for minutes, and how the telling goes: said to monitoring, and shown."""

import copy

import httpx
import pytest

from millrace_controller.clock import worker
from millrace_controller.notices import blocked
from millrace_controller.notices import controller as notices

from .conftest import document

TEAM = {"channels": [{"name": "team", "email": {"to": ["anna@shop.example"]}}]}


def notified(**notify):
    body = copy.deepcopy(document())
    body["spec"]["notify"] = TEAM | notify
    return body


def names(platform):
    return [channel["name"] for channel in platform.world.subscriptions["sales"]["channels"]]


async def test_monitoring_learns_who_is_told_before_anything_can_happen_and_forgets_with_the_loop(platform):
    await platform.apply(notified())
    await worker.one_pass(platform.services, 1)
    assert names(platform) == ["team"]
    of_others = ("GET", "POST /v1/audit/")
    calls = [call for call in platform.world.calls if not call.startswith(of_others)]
    assert calls[0] == "PUT /v1/subscriptions/sales"
    await platform.apply(notified(inherit=False))
    await worker.one_pass(platform.services, 1)
    assert platform.world.subscriptions["sales"]["inherit"] is False
    await platform.call("DELETE", "/v1/loops/sales", 202)
    await worker.one_pass(platform.services, 1)
    assert platform.world.subscriptions == {}


async def test_telling_other_people_is_no_reason_for_a_run(loop):
    runs = len(await loop.runs())
    await loop.apply(notified())
    await loop.rest()
    assert len(await loop.runs()) == runs
    assert names(loop) == ["team"]


async def test_a_loop_goes_on_while_nobody_can_be_told_and_says_it_later(platform, monkeypatch):
    monitoring = platform.services.clients.monitoring

    async def away(*args, **more):
        raise httpx.ConnectError("away")

    with monkeypatch.context() as patched:
        patched.setattr(type(monitoring), "subscribe", away)
        platform.world.add_data("sales", 1000)
        await platform.apply(notified())
        await platform.rest()
    assert (await platform.loop())["champion"] == 1
    assert platform.world.subscriptions == {}
    await worker.one_pass(platform.services, 1)
    assert names(platform) == ["team"]


@pytest.fixture
def trouble(monkeypatch):
    """Lets passes fail, and time pass."""

    class Trouble:
        now, words = 0.0, "the disk is full"

    async def step(services, loop_id):
        if Trouble.words:
            raise RuntimeError(Trouble.words)
        return False

    monkeypatch.setattr(worker, "step", step)
    monkeypatch.setattr(blocked.time, "monotonic", lambda: Trouble.now)
    return Trouble


async def test_what_stands_still_for_five_minutes_is_an_alarm_until_it_goes_on(platform, trouble):
    await platform.apply(document())
    await worker.one_pass(platform.services, 1)
    trouble.now = 299.0
    await worker.one_pass(platform.services, 1)
    assert platform.world.blocked == {}, "what restarts is back sooner"
    trouble.now = 300.0
    await worker.one_pass(platform.services, 1)
    (reason,) = platform.world.blocked["sales"].values()
    assert "sales cannot go on: RuntimeError" in reason
    assert "millrace watch sales --once" in reason
    trouble.words = ""
    await worker.one_pass(platform.services, 1)
    assert platform.world.blocked["sales"] == {}


async def test_a_new_process_ends_the_alarm_of_the_one_before(platform, trouble):
    await platform.apply(document())
    await worker.one_pass(platform.services, 1)
    platform.services.memory.blocked.clear()
    platform.world.blocked["sales"] = {"blocked:loop": "raised by a process that is gone"}
    trouble.words = ""
    await worker.one_pass(platform.services, 1)
    assert platform.world.blocked["sales"] == {}


async def test_what_cannot_be_delivered_is_a_condition_of_the_loop(platform):
    await platform.apply(notified())
    stands = {
        "project": "default",
        "loop": "sales",
        "channels": 1,
        "waiting": 0,
        "undelivered": 0,
        "words": "",
    }

    async def told():
        await notices.look(platform.services)
        found = (await platform.loop())["conditions"]
        return {item["type"]: item for item in found}.get("Notified")

    assert await told() is None
    platform.world.telling = [stands]
    assert ((await told())["status"], (await told())["message"]) == ("True", "1 channel tells of it.")
    platform.world.telling = [stands | {"undelivered": 2, "words": "team (email): 2 could not be delivered"}]
    found = await told()
    assert (found["status"], found["reason"]) == ("False", "Undelivered")
    assert found["message"].endswith("could not be delivered. See 'millrace notify list sales'.")
    platform.world.telling = []
    assert await told() is None
