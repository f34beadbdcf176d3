"""People are told once when something begins and once when it ends, gathered, held back, and tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from millrace_contracts.notices import NamedChannel
from millrace_monitoring.notices import queries

from .others import listening
from .telling import NOON, Desk, alarm, closed, made


def hook(listener, **more):
    return {"name": "ops", "webhook": {"url": listener.url}} | more


def said(body):
    return [(item["topic"], item["moment"], item["title"]) for item in body["items"]]


async def test_one_incident_is_one_message_and_one_update_at_its_end(desk):
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops))
        await told.tell(alarm("drift:price"))
        await told.tell(alarm("drift:price"))
        await told.tell(alarm("drift:price", opened=False))
        await told.tell()
    begun, ended = ops.bodies
    assert said(begun) == [("alarms", "begins", "drift alarm: the data has moved")]
    assert said(ended) == [("alarms", "ends", "the drift alarm is over")]
    assert begun["items"][0]["key"] == ended["items"][0]["key"]
    assert ended["items"][0]["answers"] == begun["id"]
    assert begun["title"] == "sales: drift alarm: the data has moved"
    assert "drift:price was found" in begun["text"]
    assert "millrace alarms list" in begun["text"]


async def test_what_was_before_the_first_look_is_not_told(running, settings, clock):
    async with (
        listening() as ops,
        running(settings.model_copy(update={"webhook_seconds": 3600.0})) as service,
    ):
        service.registry.record(alarm("drift:price"))
        told = Desk(service, clock)
        await told.subscribe(hook(ops))
        await told.tell()
        assert await told.messages() == []


async def test_many_alarms_of_one_window_are_one_message(desk, clock):
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops), group="5m")
        await told.tell(*(alarm(f"quality:nulls:{name}") for name in "abc"))
        clock.pass_by(minutes=4)
        await told.tell(alarm("drift:price"))
        assert ops.bodies == []
        clock.pass_by(minutes=1)
        await told.send()
        await told.tell(alarm("drift:shop"))
        clock.pass_by(minutes=5)
        await told.send()
    first, second = ops.bodies
    assert len(first["items"]) == 4
    assert first["title"] == "sales: 4 things: quality alarm: the data is not what it should be, …"
    assert len(second["items"]) == 1


async def test_a_message_holds_fifty_things_and_the_next_one_the_rest(desk, clock):
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops), group="1m")
        await told.happens(*(alarm(f"quality:nulls:c{number}") for number in range(60)))
        clock.pass_by(minutes=1)
        await told.send()
        await told.send()
    assert [len(body["items"]) for body in ops.bodies] == [50, 10]


async def test_what_is_over_before_it_was_told_is_told_in_one(desk, clock):
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops), group="5m")
        await told.tell(alarm("drift:price"), alarm("drift:price", opened=False))
        clock.pass_by(minutes=5)
        await told.send()
        await told.send()
    (body,) = ops.bodies
    assert body["items"][0]["over"] == "drift:price is over"
    assert body["title"].endswith("and is over already")


async def test_runs_that_fail_one_after_another_are_one_incident_until_one_does_not(desk):
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops))
        for run in (1, 2, 3):
            await told.tell(closed(run, "failed"))
        await told.tell(closed(4, "promoted"))
        await told.tell(closed(5, "failed"))
    assert [said(body) for body in ops.bodies] == [
        [("failed-runs", "begins", "run 1 failed")],
        [("failed-runs", "ends", "run 4 did not fail")],
        [("failed-runs", "begins", "run 5 failed")],
    ]


async def test_an_approval_is_asked_for_and_ends_with_who_said_what(desk):
    facts = {"version": 4}
    asked = made("approval.asked", "run 3", "waiting", "Version 4 waits for 1.", run=3, evidence=facts)
    given = made(
        "approval.given", "run 3 approved by anna", "approved", "anna has approved version 4.", run=3
    )
    begun = made("rollout.started", "sales rollout 3", "started", "Version 4 starts.", run=3, evidence=facts)
    again = made("approval.asked", "run 4", "waiting", "Version 5 waits.", run=4, evidence={"version": 5})
    over = made("approval.ended", "run 4", "expired", "Nobody approved.", run=4, evidence={"version": 5})
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops))
        for one in (asked, given, begun, again, over):
            await told.tell(one)
    assert [item["title"] for body in ops.bodies for item in body["items"]] == [
        "version 4 waits for approval",
        "it is approved, and its rollout begins",
        "version 5 waits for approval",
        "version 5 is not approved: expired",
    ]
    assert ops.bodies[1]["items"][0]["words"] == "anna has approved version 4. Version 4 starts."


TOPICS = {
    "promotions": [closed(1, "promoted")],
    "rejections": [closed(2, "rejected")],
    "refused-data": [alarm("quarantine:7")],
    "blocked": [alarm("blocked:loop")],
    "rollbacks": [made("switch-back", "sales/1", "done", evidence={"from": 2, "to": 1})],
    "alarms": [alarm("performance")],
    "failed-runs": [closed(3, "failed")],
    "approvals": [made("approval.asked", "run 1", "waiting", run=1, evidence={"version": 1})],
}


@pytest.mark.parametrize("topic", sorted(TOPICS))
async def test_a_channel_is_told_what_it_asks_for_and_nothing_else(desk, topic):
    everything = [item for items in TOPICS.values() for item in items]
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops, tell=[topic]))
        for one in everything:
            await told.tell(one)
    begun = [item["topic"] for body in ops.bodies for item in body["items"] if item["moment"] != "ends"]
    assert set(begun) == {topic}


async def test_unless_it_asks_a_channel_hears_of_what_went_wrong_and_what_waits_for_people(desk):
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops))
        for one in (item for items in TOPICS.values() for item in items):
            await told.tell(one)
    heard = {item["topic"] for body in ops.bodies for item in body["items"]}
    assert heard == {"alarms", "refused-data", "failed-runs", "blocked", "approvals", "rollbacks"}


async def test_nobody_is_told_of_a_loop_that_is_not_subscribed_or_of_another_project(desk):
    async with listening() as ops, desk() as told:
        await told.service.call("PUT", "/v1/channels/team", json={"webhook": {"url": ops.url}})
        await told.subscribe(loop="sales")
        await told.tell(
            alarm("drift:a", loop="backtest-of-sales"), alarm("drift:b", project="other"), alarm("drift:c")
        )
        await told.service.call("DELETE", "/v1/subscriptions/sales", expect=204)
        await told.tell(alarm("drift:d"))
    assert [said(body)[0][1:] for body in ops.bodies] == [
        ("begins", "drift alarm: the data has moved"),
        ("ends", "it is over: the loop is deleted"),
    ]
    assert ops.bodies[0]["items"][0]["words"] == "drift:c was found"


async def test_the_nearest_channel_of_a_name_tells_and_a_loop_can_leave_the_others_out(desk):
    operators = [{"name": "ops", "webhook": {"url": "http://localhost:1/"}, "tell": ["alarms"]}]
    async with listening() as ops, listening() as own, desk(notify_channels=_channels(operators)) as told:
        await told.service.call("PUT", "/v1/channels/ops", json={"webhook": {"url": ops.url}})
        await told.subscribe()
        await told.tell(alarm("drift:a"))
        await told.subscribe(hook(own))
        await told.tell(alarm("drift:b"))
        await told.subscribe(inherit=False)
        await told.tell(alarm("drift:c"))
        await told.subscribe(hook(own, tell=[]))
        await told.tell(alarm("drift:d"))
    left = "By the channel ops nothing more is told of sales; the incident itself goes on."
    assert [body["items"][0]["words"] for body in ops.bodies] == ["drift:a was found", left]
    assert [body["items"][0]["words"] for body in own.bodies] == ["drift:b was found", left]


def _channels(documents):
    return [NamedChannel.model_validate(item) for item in documents]


async def test_in_quiet_hours_only_what_is_urgent_is_told_and_the_rest_comes_together(desk, clock):
    quiet = {"from": "22:00", "to": "07:00", "timezone": "Europe/Berlin"}
    clock.now = NOON.replace(hour=22)
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops, quietHours=quiet))
        await told.tell(alarm("drift:a"))
        clock.pass_by(hours=1)
        await told.tell(alarm("drift:b"))
        (held,) = await told.messages()
        assert held["held"] == "quiet hours until 07:00 (Europe/Berlin)"
        assert held["next_at"] == "2026-01-06T06:00:00Z"
        assert ops.bodies == []
        await told.tell(closed(1, "failed"))
        assert [item["topic"] for item in ops.bodies[0]["items"]] == ["alarms", "alarms", "failed-runs"]
        await told.tell(alarm("drift:c"))
        clock.now = NOON.replace(day=6, hour=6)
        await told.send()
    assert [item["words"] for item in ops.bodies[1]["items"]] == ["drift:c was found"]


async def test_a_channel_bears_so_many_messages_and_the_rest_waits_and_comes_together(desk, clock):
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops, atMost={"messages": 2, "per": "1h"}))
        for name in "abcde":
            await told.tell(alarm(f"drift:{name}"))
            clock.pass_by(minutes=1)
        assert len(ops.bodies) == 2
        assert (await told.messages(state="waiting"))[0]["held"] == "2 messages were sent in 1h, its rate"
        clock.now = NOON + timedelta(hours=1)
        await told.send()
    assert [len(body["items"]) for body in ops.bodies] == [1, 1, 3]


async def test_the_other_side_says_when_to_come_again_and_is_left_alone_until_then(desk, clock):
    answers = [(429, "slow down", {"Retry-After": "120"}), (503, "", {}), (204, "", {})]
    async with listening(*answers) as ops, desk() as told:
        await told.subscribe(hook(ops))
        await told.tell(alarm("drift:a"))
        (message,) = await told.messages()
        assert (message["state"], message["answer"]) == ("waiting", "429 slow down")
        assert message["next_at"] == "2026-01-05T12:02:00Z"
        clock.pass_by(seconds=119)
        await told.send()
        assert len(ops.seen) == 1
        clock.pass_by(seconds=1)
        await told.send()
        clock.pass_by(seconds=2)
        await told.send()
        (message,) = await told.messages()
    assert (message["state"], message["attempts"]) == ("sent", 3)
    keys = {headers["idempotency-key"] for _, headers, _ in ops.seen}
    assert keys == {message["id"]}, "each try is the same message"
    assert ops.bodies[0] == ops.bodies[2]


async def test_what_happens_while_a_message_is_tried_again_goes_into_the_next_and_does_not_overtake(
    desk, clock
):
    async with listening((500, "", {}), (204, "", {})) as ops, desk() as told:
        await told.subscribe(hook(ops))
        await told.tell(alarm("drift:a"))
        await told.tell(alarm("drift:a", opened=False))
        assert len(ops.seen) == 1
        clock.pass_by(seconds=2)
        await told.send()
        await told.send()
    assert [said(body)[0][1] for body in ops.bodies] == ["begins", "begins", "ends"]


async def test_what_never_will_arrive_is_given_up_shown_and_can_be_sent_again(desk):
    async with listening((410, "gone", {}), (204, "", {})) as ops, desk() as told:
        await told.subscribe(hook(ops))
        await told.tell(alarm("drift:a"))
        (message,) = await told.messages(state="given-up")
        assert message["answer"] == "410 gone"
        (standing,) = await told.service.call("GET", "/v1/subscriptions:standing")
        assert (standing["undelivered"], standing["loop"]) == (1, "sales")
        assert standing["words"] == "ops (webhook): 1 could not be delivered, the last because: 410 gone"
        (channel,) = await told.service.call("GET", "/v1/channels", params={"loop": "sales"})
        assert (channel["undelivered"], channel["scope"]) == (1, "loop")
        await told.service.call("POST", f"/v1/messages/{message['id']}:resend")
        await told.send()
        (message,) = await told.messages()
        assert message["state"] == "sent"
        await told.service.call("POST", f"/v1/messages/{message['id']}:resend", expect=409)
    assert len(ops.seen) == 2


async def test_the_end_of_what_nobody_was_told_of_is_not_told(desk):
    async with listening((410, "gone", {}), (204, "", {})) as ops, desk() as told:
        await told.subscribe(hook(ops))
        await told.tell(alarm("drift:a"))
        await told.tell(alarm("drift:a", opened=False))
        await told.send()
    assert len(ops.seen) == 1


async def test_a_channel_that_is_gone_gives_its_messages_up(desk):
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops))
        await told.happens(alarm("drift:a"))
        await told.subscribe()
        await told.send()
        (message,) = await told.messages()
    assert (message["state"], message["answer"]) == ("given-up", "there is no such channel any more")


async def test_a_test_says_that_it_is_one_and_what_the_other_side_answered(desk):
    async with listening((400, "invalid_payload", {}), (204, "", {})) as ops, desk() as told:
        await told.subscribe(hook(ops), hook(ops) | {"name": "second"})
        answers = await told.service.call("POST", "/v1/channels:test", params={"loop": "sales"})
        await told.service.call("POST", "/v1/channels:test", params={"loop": "nowhere"}, expect=404)
        wrong = await told.service.call("POST", "/v1/channels:test", params={"channel": "x"}, expect=404)
        assert "there are: none" in wrong.text
        assert await told.messages() == []
    assert [(item["channel"], item["delivered"], item["answer"]) for item in answers] == [
        ("ops", False, "400 invalid_payload"),
        ("second", True, "204"),
    ]
    assert all(body["test"] and body["title"].startswith("TEST") for body in ops.bodies)


async def test_who_may_only_look_cannot_change_or_send_anything(desk):
    seen = {"authorization": "Bearer viewer-token"}
    routes = [
        ("PUT", "/v1/channels/ops", {"webhook": {"url": "http://hooks.example/"}}),
        ("DELETE", "/v1/channels/ops", None),
        ("POST", "/v1/channels:test", None),
        ("POST", "/v1/messages/0a0a0a0a-0000-4000-8000-000000000000:resend", None),
        ("PUT", "/v1/subscriptions/sales", {"notify": {}}),
        ("DELETE", "/v1/subscriptions/sales", None),
    ]
    async with desk() as told:
        for method, path, body in routes:
            await told.service.call(method, path, expect=403, json=body, headers=seen)
        for path in ("/v1/channels", "/v1/messages"):
            await told.service.call("GET", path, headers=seen)


async def test_a_silenced_alarm_is_told_when_somebody_ends_the_silence_and_not_before(desk, clock):
    cause = {"cause": "quarantine:3", "reason": "may.csv lies in quarantine."}
    standing = {"loop": "sales", "kind": "quarantine", "at": "2026-01-05T10:00:00Z", "findings": [cause]}
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops))
        (found,) = await told.service.call("PUT", "/v1/alarms/standing/sales", json=standing)
        until = (datetime.now(UTC) + timedelta(days=3)).isoformat()
        path = f"/v1/alarms/{found['id']}"
        await told.service.call("POST", f"{path}:silence", json={"until": until, "reason": "we know"})
        opened = alarm("quarantine:3", name=found["id"])
        await told.tell(opened)
        assert ops.bodies == []
        await told.service.call("POST", f"{path}:unsilence")
        again = made("alarm.silenced", "sales/quarantine:3", "ended", measured={"alarm": found["id"]})
        await told.tell(again)
        await told.tell(alarm("quarantine:3", opened=False, name=found["id"]))
    assert [said(body)[0][:2] for body in ops.bodies] == [
        ("refused-data", "begins"),
        ("refused-data", "ends"),
    ]


async def test_messages_of_long_ago_are_forgotten_and_what_goes_on_still_ends(desk, clock):
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops))
        await told.tell(alarm("drift:a"), closed(1, "failed"))
        await told.tell(alarm("drift:a", opened=False))
        clock.pass_by(days=31)
        async with told.services.sessions.begin() as session:
            await queries.forget(session, clock())
        assert await told.messages() == []
        await told.tell(closed(2, "promoted"), alarm("drift:a", opened=False, name="id-of-drift:a"))
    assert said(ops.bodies[-1]) == [("failed-runs", "ends", "run 2 did not fail")]
    assert len(ops.bodies) == 3


async def test_decisions_that_are_read_again_are_told_once(desk):
    """As after a database that was taken back to a copy of yesterday, of which the registry knows nothing."""
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops))
        await told.tell(alarm("drift:a"), closed(1, "failed"))
        async with told.services.sessions.begin() as session:
            assert await queries.move_on(session, 2, 0)
        await told.tell()
        await told.send()
    assert len(ops.bodies) == 1
