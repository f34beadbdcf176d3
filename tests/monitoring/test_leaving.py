"""Who leaves is told so: a channel that is removed leaves no pager ringing, and a row that is broken hides no other."""

import pytest
from sqlalchemy import text

from .others import listening
from .telling import alarm
from .test_notices import hook, said

PAGER_KEY = "k" * 32
OVER = ("alarms", "ends", "it is over here: the channel was removed")


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("PAGER_KEY", PAGER_KEY)


def pager(listener, **more):
    return {"pagerduty": {"routingKey": {"env": "PAGER_KEY"}, "url": listener.url}} | more


def events(listener):
    return [(body["event_action"], body["dedup_key"]) for body in listener.bodies]


async def put(told, name, channel):
    return await told.service.call("PUT", f"/v1/channels/{name}", json=channel)


@pytest.mark.parametrize("whose", ["loop", "project"])
async def test_what_a_removed_channel_opened_at_a_pager_is_resolved_there(desk, whose):
    async with listening((202, "{}", {})) as duty, listening() as ops, desk() as told:
        mine = [hook(ops)] + ([pager(duty, name="duty")] if whose == "loop" else [])
        await told.subscribe(*mine)
        if whose == "project":
            await put(told, "duty", pager(duty))
        await told.tell(alarm("drift:price"))
        if whose == "loop":
            await told.subscribe(hook(ops))
        else:
            await told.service.call("DELETE", "/v1/channels/duty", 204)
        await told.send()
        (begun, ended) = events(duty)
        assert (begun[0], ended[0]) == ("trigger", "resolve")
        assert begun[1] == ended[1]
        assert len(ops.bodies) == 1, "the incident itself goes on"
        await told.tell(alarm("drift:price", opened=False))
        assert len(duty.bodies) == 2
        assert said(ops.bodies[1])[0][1] == "ends"


async def test_a_pager_that_leads_elsewhere_is_resolved_where_it_rang_and_rings_for_what_comes(desk):
    async with listening((202, "{}", {})) as old, listening((202, "{}", {})) as new, desk() as told:
        await told.subscribe(pager(old, name="duty"))
        await told.tell(alarm("drift:price"))
        await told.subscribe(pager(new, name="duty"))
        await told.tell(alarm("drift:shop"))
        await told.tell(alarm("drift:price", opened=False))
    assert [event for event, _ in events(old)] == ["trigger", "resolve"]
    assert [event for event, _ in events(new)] == ["trigger"]


async def test_a_channel_that_tells_of_other_things_or_at_other_hours_leads_to_the_same(desk):
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops))
        await told.tell(alarm("drift:price"))
        await told.subscribe(hook(ops, tell=["alarms"]))
        await told.send()
        assert len(ops.bodies) == 1


async def broken(told, table, name):
    services = told.services
    async with services.sessions.begin() as session:
        column = {"subscriptions": "loop", "channels": "name"}[table]
        wrong = '{"channels": [{"name": "x", "pigeon": {}}]}'
        await session.execute(text(f"UPDATE {table} SET spec = '{wrong}' WHERE {column} = '{name}'"))


async def test_a_loop_whose_word_on_who_is_told_is_broken_is_named_and_the_others_are_shown(desk):
    async with listening() as ops, desk() as told:
        for loop in ("sales", "depot"):
            await told.subscribe(hook(ops), loop=loop)
        await broken(told, "subscriptions", "depot")
        first, second = await told.service.call("GET", "/v1/subscriptions:standing")
        assert (first["loop"], first["channels"], first["words"]) == ("sales", 1, "")
        assert (second["loop"], second["channels"]) == ("depot", 0)
        assert "apply the loop's document again" in second["words"]
        assert [item["loop"] for item in await told.service.call("GET", "/v1/channels")] == ["sales"]
        refused = await told.service.call("GET", "/v1/channels?loop=depot", 409)
        assert "Apply the loop's document again" in refused.text
        await told.tell(alarm("drift:price"))
        assert len(ops.bodies) == 1
        await told.subscribe(hook(ops), loop="depot")
        assert len(await told.service.call("GET", "/v1/channels")) == 2, "applied again, it is whole again"


async def test_a_channel_that_is_broken_is_named_and_stops_no_other(desk):
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops))
        await put(told, "chat", {"webhook": {"url": ops.url}})
        await broken(told, "channels", "chat")
        (one,) = await told.service.call("GET", "/v1/subscriptions:standing")
        assert "chat cannot be read as it is stored" in one["words"]
        await told.tell(alarm("drift:price"))
        assert len(ops.bodies) == 1
        await put(told, "chat", {"webhook": {"url": ops.url}})
        (one,) = await told.service.call("GET", "/v1/subscriptions:standing")
        assert (one["channels"], one["words"]) == (2, "")
