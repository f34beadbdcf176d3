"""What cannot be told keeps nothing else back, is seen, and is told when it can be; what nobody told is told."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, select

from millrace.transport.errors import ApiError
from millrace_monitoring.alarms import silencing
from millrace_monitoring.notices import choosing, events, reading, rereading
from millrace_monitoring.tables import Outbox

from .others import listening
from .telling import alarm, closed, made
from .test_notices import hook, said


def poison(monkeypatch, cause):
    """Whoever looks at this decision fails; returns how to mend that."""
    usual = events.of

    def of(decision):
        if cause in decision.subject:
            raise KeyError("from")
        return usual(decision)

    monkeypatch.setattr(reading.events, "of", of)
    return lambda: monkeypatch.setattr(reading.events, "of", usual)


async def standing(told):
    return (await told.service.call("GET", "/v1/subscriptions:standing"))[0]


async def aside(told):
    return await told.service.call("GET", "/v1/set-aside")


async def test_a_decision_that_cannot_be_told_is_set_aside_and_what_follows_is_told(desk, monkeypatch):
    mend = poison(monkeypatch, "drift:bad")
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops))
        await told.tell(alarm("drift:a"), alarm("drift:bad"), alarm("drift:b"))
        assert [item["words"] for item in ops.bodies[0]["items"]] == [
            "drift:a was found",
            "drift:b was found",
        ]
        (kept,) = await aside(told)
        assert (kept["number"], kept["loop"]) == (2, "sales")
        assert "KeyError" in kept["why"]
        seen = await standing(told)
        assert seen["set_aside"] == 1
        assert "could be told to nobody" in seen["words"]
        assert len(await told.service.call("POST", "/v1/set-aside:again")) == 1
        mend()
        assert await told.service.call("POST", "/v1/set-aside:again") == []
        await told.send()
        assert (await standing(told))["set_aside"] == 0
    assert [item["words"] for item in ops.bodies[1]["items"]] == ["drift:bad was found"]


async def test_what_is_told_late_and_is_over_meanwhile_is_told_as_over(desk, monkeypatch):
    mend = poison(monkeypatch, "run 1")
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops, tell=["failed-runs", "promotions"]))
        await told.tell(closed(1, "failed"))
        await told.tell(closed(2, "promoted"))
        mend()
        assert await rereading.read_again(told.services) == 0
        await told.send()
        await told.tell(closed(3, "failed"))
    late = [(item["title"], bool(item["over"])) for item in ops.bodies[1]["items"]]
    assert late == [("run 1 failed", True)]
    assert said(ops.bodies[2]) == [("failed-runs", "begins", "run 3 failed")]


async def test_a_decision_that_nobody_can_read_is_passed_over_by_its_number(desk):
    """As the registry tells it that is newer than monitoring: of a kind that is not known here yet."""
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops))
        strange = alarm("drift:b") | {"kind": "alarm.dreamt"}
        await told.happens(alarm("drift:a"), strange, alarm("drift:c"))
        while await reading.read(told.services):
            pass
        await told.send()
        assert [(item["number"], item["loop"]) for item in await aside(told)] == [(2, "")]
        told.service.registry.decisions[strange["id"]] = alarm("drift:b")
        assert await rereading.read_again(told.services) == 0
        await told.send()
    words = [item["words"] for body in ops.bodies for item in body["items"]]
    assert words == ["drift:a was found", "drift:c was found", "drift:b was found"]


async def test_the_last_decision_is_passed_over_too_and_a_registry_that_fails_altogether_is_not(desk):
    async with desk() as told:
        registry = told.service.registry
        registry.record(alarm("drift:b") | {"kind": "alarm.dreamt"})
        assert await reading.read(told.services) == 1
        assert [item["number"] for item in await aside(told)] == [1]
        registry.fails = True
        registry.record(alarm("drift:c"))
        for _ in range(2):
            with pytest.raises(ApiError, match="500"):
                await reading.read(told.services)
        registry.fails = False
        assert await reading.read(told.services) == 1
        assert len(await aside(told)) == 1


async def test_the_incidents_of_a_deleted_loop_end_by_the_channels_that_told_of_them(desk):
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops))
        await told.tell(alarm("drift:a"), closed(1, "failed"))
        await told.service.call("DELETE", "/v1/subscriptions/sales", expect=204)
        await told.service.call("DELETE", "/v1/subscriptions/sales", expect=204)
        await told.send()
        begun, ended = ops.bodies
        assert [item["moment"] for item in ended["items"]] == ["ends", "ends"]
        assert {item["key"] for item in ended["items"]} == {item["key"] for item in begun["items"]}
        assert "was deleted" in ended["items"][0]["words"]
        assert await told.service.call("GET", "/v1/subscriptions:standing") == []
        await told.subscribe(hook(ops))
        await told.tell(closed(1, "failed", at=datetime(2024, 6, 1, tzinfo=UTC)))
    assert said(ops.bodies[-1]) == [("failed-runs", "begins", "run 1 failed")]


async def test_an_incident_of_pagerduty_is_resolved_when_its_loop_is_deleted(desk, monkeypatch):
    monkeypatch.setenv("DUTY_KEY", "k" * 32)
    async with listening() as duty, desk() as told:
        pager = {"routingKey": {"env": "DUTY_KEY"}, "url": duty.url}
        await told.subscribe({"name": "duty", "pagerduty": pager})
        await told.tell(closed(1, "failed"))
        await told.service.call("DELETE", "/v1/subscriptions/sales", expect=204)
        await told.send()
    assert [body["event_action"] for body in duty.bodies] == ["trigger", "resolve"]
    assert duty.bodies[0]["dedup_key"] == duty.bodies[1]["dedup_key"]


async def test_a_silence_that_runs_out_tells_of_what_still_stands(desk, clock, monkeypatch):
    cause = {"cause": "quarantine:3", "reason": "may.csv lies in quarantine."}
    held = {"loop": "sales", "kind": "quarantine", "at": "2026-01-05T10:00:00Z", "findings": [cause]}
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops))
        (found,) = await told.service.call("PUT", "/v1/alarms/standing/sales", json=held)
        until = datetime.now(UTC) + timedelta(days=3)
        silenced = {"until": until.isoformat(), "reason": "we know"}
        await told.service.call("POST", f"/v1/alarms/{found['id']}:silence", json=silenced)
        clock.now = until - timedelta(hours=1)
        monkeypatch.setattr(silencing, "utcnow", clock)
        await told.tell(alarm("quarantine:3", name=found["id"]))
        await silencing.run_out(told.services)
        assert ops.bodies == []
        clock.pass_by(hours=2)
        await silencing.run_out(told.services)
        await silencing.run_out(told.services)
        await told.tell(*await _outbox(told))
    (body,) = ops.bodies
    assert said(body)[0][:2] == ("refused-data", "begins")
    assert "has run out" in body["text"]
    assert "may.csv lies in quarantine." in body["text"]


async def _outbox(told):
    """What monitoring has decided about the end of a silence, as it goes to the registry."""
    async with told.services.readers() as session:
        bodies = (await session.scalars(select(Outbox.body).order_by(Outbox.number))).all()
    return [body for body in bodies if (body["kind"], body["outcome"]) == ("alarm.silenced", "ended")]


async def test_a_rollback_at_the_endpoint_is_told_as_its_loops_and_one_that_the_loop_ordered_only_once(desk):
    facts = {"version": 1, "left": 2}
    direct = made("rollback", "sales to version 1 (k1)", "version 1", evidence=facts, loop="", at=None)
    ordered = made("switch-back", "sales/1", "switched", evidence={"from": 3, "to": 1})
    carried = made(
        "rollback", "sales to version 1 (k2)", "version 1", evidence={"version": 1, "left": 3},
        cause=ordered["id"],
    )  # fmt: skip
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops))
        await told.tell(direct, ordered, carried)
    titles = [item["title"] for body in ops.bodies for item in body["items"]]
    assert titles == ["it went back from version 2 to version 1", "it went back from version 3 to version 1"]


@asynccontextmanager
async def statements(services):
    """The SQL that is sent meanwhile."""
    seen = []

    def note(connection, cursor, statement, *_):
        seen.append(statement)

    async with services.readers() as session:
        engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


async def test_how_channels_do_is_counted_by_the_database(desk):
    async with listening() as ops, desk() as told:
        await told.subscribe(hook(ops, tell=["alarms"]), group="1m")
        await told.happens(*(alarm(f"drift:{number}") for number in range(120)))
        async with statements(told.services) as seen:
            (shown,) = await told.service.call("GET", "/v1/channels", params={"loop": "sales"})
    assert shown["waiting"] == 3
    told_of = [text for text in seen if "FROM messages" in text]
    assert told_of
    assert all("count(" in text or "messages.number, messages.answer" in text for text in told_of)


async def test_a_message_that_cannot_be_sent_keeps_no_other_of_its_channel_back(desk, clock, monkeypatch):
    """As where what is kept of one loop is not what this version reads."""
    usual = choosing.of_loop

    async def of_loop(session, settings, project, loop):
        if loop == "bad":
            raise ValueError("not what we wrote")
        return await usual(session, settings, project, loop)

    async with listening() as ops, desk() as told:
        await told.service.call("PUT", "/v1/channels/team", json={"webhook": {"url": ops.url}})
        await told.subscribe(loop="bad")
        await told.subscribe(loop="sales")
        monkeypatch.setattr(choosing, "of_loop", of_loop)
        await told.tell(alarm("drift:a", loop="bad"), alarm("drift:b"))
        (kept,) = [item for item in await told.messages() if item["loop"] == "bad"]
        assert (kept["state"], kept["attempts"]) == ("waiting", 1)
        assert "not sent: ValueError" in kept["answer"]
        monkeypatch.setattr(choosing, "of_loop", usual)
        clock.pass_by(minutes=1)
        await told.send()
    assert [body["items"][0]["words"] for body in ops.bodies] == ["drift:b was found", "drift:a was found"]
