"""Slack, Teams and PagerDuty get what their documentation says they take; the real ones were never asked."""

import json

import pytest

from .others import listening
from .strictly import PagerDutyEvent, SlackMessage, TeamsMessage
from .telling import alarm, closed, made

KEY = "0123456789abcdef0123456789abcdef"
LONG = "x" * 150
SHAPES = {"slack": SlackMessage, "teams": TeamsMessage}


@pytest.fixture
def secrets(monkeypatch):
    """Lets a channel find its address, and PagerDuty's key, in the environment."""

    def keep(listener):
        monkeypatch.setenv("CHAT_URL", listener.url)
        monkeypatch.setenv("PAGER_KEY", KEY)

    return keep


def chat(kind, **more):
    return {"name": kind, kind: {"webhook": {"env": "CHAT_URL"}}} | more


def pager(listener, **more):
    return {"name": "pager", "pagerduty": {"routingKey": {"env": "PAGER_KEY"}, "url": listener.url}} | more


@pytest.mark.parametrize("console", ["", "https://models.shop.example"])
@pytest.mark.parametrize("kind", ["slack", "teams"])
async def test_every_message_is_one_that_the_other_side_takes(desk, secrets, kind, console):
    evil = made("run.closed", "run 9", "failed", "<!channel> & [click](http://evil.example) *now* " * 40)
    many = [alarm(f"quality:nulls:{LONG}{number}", words="[*" * 900) for number in range(60)]
    async with listening((200, "ok", {})) as there, desk(console_url=console) as told:
        secrets(there)
        await told.subscribe(chat(kind))
        await told.tell(alarm("drift:price"))
        await told.tell(evil, *many)
        await told.send()
        await told.service.call("POST", "/v1/channels:test", params={"loop": "sales"})
        assert {message["state"] for message in await told.messages()} == {"sent"}
    assert len(there.bodies) == 4
    for body in there.bodies:
        SHAPES[kind].model_validate(body)
        assert len(json.dumps(body).encode()) <= 28_000
        assert sum(len(block["text"]["text"]) for block in body.get("blocks", [])) <= 13_000
        assert "<!channel>" not in json.dumps(body) or kind == "teams", "only Slack calls people so"
        assert "[click](" not in json.dumps(body) or kind == "slack"
        assert ("models.shop.example" in json.dumps(body)) == bool(console)
        assert "millrace" in json.dumps(body), "the command is there too"
    assert "more" in json.dumps(there.bodies[1]), "what has no place is counted"


async def test_an_incident_is_opened_and_resolved_under_one_key_and_tried_again_under_the_same(
    desk, secrets, clock
):
    busy = (429, "", {"Retry-After": "5"})
    async with listening(busy, (202, '{"status":"success"}', {})) as there, desk() as told:
        secrets(there)
        await told.subscribe(pager(there), group="1m")
        await told.tell(alarm("drift:a"), alarm("drift:b"))
        clock.pass_by(minutes=1)
        for _ in range(3):
            await told.send()
            clock.pass_by(seconds=5)
        await told.tell(alarm("drift:a", opened=False))
        clock.pass_by(minutes=1)
        await told.send()
    events = [PagerDutyEvent.model_validate(body) for body in there.bodies]
    assert [event.event_action for event in events] == ["trigger", "trigger", "trigger", "resolve"]
    first, again, other, over = (event.dedup_key for event in events)
    assert first == again == over != other
    assert events[0].payload.summary == "sales: drift alarm: the data has moved"
    assert events[0].payload.severity == "warning"


async def test_nobody_is_called_for_what_is_over_before_the_call(desk, secrets, clock):
    async with listening((202, "", {})) as there, desk() as told:
        secrets(there)
        await told.subscribe(pager(there), group="1m")
        await told.tell(closed(1, "failed"), closed(2, "promoted"))
        clock.pass_by(minutes=1)
        await told.send()
        (message,) = await told.messages()
    assert there.bodies == []
    assert message["answer"] == "was over before it was told, so nobody was called"


async def test_on_call_hears_what_is_wrong_unless_asked_and_never_what_has_no_end(desk, secrets):
    async with listening((202, "", {})) as there, desk() as told:
        secrets(there)
        await told.subscribe(pager(there))
        await told.tell(closed(1, "promoted"))
        await told.tell(made("approval.asked", "run 2", "waiting", run=2, evidence={"version": 2}))
        await told.tell(closed(3, "failed"))
        body = {"notify": {"channels": [pager(there, tell=["promotions"])]}}
        refused = await told.service.call("PUT", "/v1/subscriptions/sales", expect=422, json=body)
        assert "pagerduty opens incidents" in refused.text
    (event,) = there.bodies
    assert event["payload"]["class"] == "failed-runs"


@pytest.mark.parametrize("kind", ["slack", "teams"])
async def test_the_address_of_a_chat_is_said_nowhere(desk, secrets, kind, capfd):
    async with listening((403, "no_team", {})) as there, desk() as told:
        secrets(there)
        await told.subscribe(chat(kind))
        await told.tell(alarm("drift:a"))
        shown = [await told.service.call("GET", path) for path in ("/v1/channels", "/v1/messages")]
        answers = await told.service.call("POST", "/v1/channels:test", params={"loop": "sales"})
    assert answers[0]["answer"] == "403 no_team"
    assert shown[0][0]["to"] == "env CHAT_URL"
    everything = str(shown) + str(answers) + "".join(capfd.readouterr())
    assert there.url not in everything
