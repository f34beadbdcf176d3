"""A silenced alarm is told to nobody and acts all the same: who said so, why, until when, and what comes back in it."""

from datetime import UTC, datetime, timedelta

import pytest

from millrace_contracts.alarms import SilenceWrite
from millrace_core.rights import Actor
from millrace_monitoring.alarms import opening, silencing
from millrace_monitoring.tables import Alarm, Outbox

from .sales import monitor
from .test_closing import play
from .test_findings import alarms
from .test_standing import JUNE, MAY, hold, kept

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
UNTIL = (NOW + timedelta(days=3)).isoformat()


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Now, for both places that ask for it; a test moves it."""
    shown = {"now": NOW}
    for place in (silencing, opening):
        monkeypatch.setattr(place, "utcnow", lambda: shown["now"])
    return shown


async def silence(service, alarm, until=UNTIL, reason="the plant is rebuilt", expect=200):
    body = {"until": until, "reason": reason}
    return await service.call("POST", f"/v1/alarms/{alarm['id']}:silence", expect=expect, json=body)


async def test_a_silence_has_an_end_a_reason_and_an_author_in_the_log(service):
    (alarm,) = await hold(service, MAY)
    assert alarm["silenced_until"] is None
    silent = await silence(service, alarm)
    assert silent["state"] == "open", "it stands as before"
    assert datetime.fromisoformat(silent["silenced_until"]) == NOW + timedelta(days=3)
    assert (silent["silenced_by"], silent["silence_reason"]) == ("admin", "the plant is rebuilt")
    told = [item.body for item in await kept(service, Outbox) if item.body["kind"] == "alarm.silenced"]
    assert [(item["loop"], item["author"], item["outcome"]) for item in told] == [
        ("sales", "user:admin", "silenced")
    ]
    assert "the plant is rebuilt" in told[0]["reason"]
    over = await service.call("POST", f"/v1/alarms/{alarm['id']}:unsilence")
    assert (over["silenced_until"], over["silenced_by"], over["silence_reason"]) == (None, None, None)


@pytest.mark.parametrize("off", [timedelta(0), timedelta(seconds=-1), timedelta(days=90, seconds=1)])
async def test_a_silence_ends_soon_and_not_in_the_past(service, off):
    (alarm,) = await hold(service, MAY)
    refused = await silence(service, alarm, (NOW + off).isoformat(), expect=422)
    assert "within the next 90 days" in refused.text


async def test_a_silence_says_why(service):
    (alarm,) = await hold(service, MAY)
    await silence(service, alarm, reason="", expect=422)
    await silence(service, alarm, until="tomorrow", expect=422)


async def test_what_is_over_is_not_silenced_and_what_comes_back_within_it_is(service, clock):
    (alarm,) = await hold(service, MAY)
    await silence(service, alarm)
    await hold(service, JUNE, at="2024-05-02T10:00:00Z")
    await silence(service, alarm, expect=409)
    again, other = sorted(
        await hold(service, MAY, JUNE, at="2024-05-03T10:00:00Z"), key=lambda item: item["cause"]
    )
    assert again["id"] != alarm["id"]
    assert (again["silenced_until"], again["silenced_by"]) == (UNTIL.replace("+00:00", "Z"), "admin")
    assert other["silenced_until"] is None, "of another cause"
    await hold(service, JUNE, at="2024-05-04T10:00:00Z")
    clock["now"] = NOW + timedelta(days=4)
    (later, _) = sorted(
        await hold(service, MAY, JUNE, at="2024-05-05T10:00:00Z"), key=lambda item: item["cause"]
    )
    assert later["silenced_until"] is None, "the silence is over"


async def test_a_silenced_alarm_stands_in_the_feed_that_loops_act_upon(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    await play(service, range(1), model=2.1)
    (alarm,) = await alarms(service, state="open")
    await silence(service, alarm)
    feed = await service.call("GET", "/v1/closings")
    assert any(item["id"] == alarm["id"] for day in feed["items"] for item in day["alarms"])
    assert (await alarms(service, state="open"))[0]["id"] == alarm["id"]


async def test_a_person_of_a_long_name_fits_where_an_alarm_keeps_it(service):
    """SQLite would take any; PostgreSQL refuses what is longer than its column."""
    (alarm,) = await hold(service, MAY)
    who = Actor("a" * 200, "operator")
    async with service.app.state.services.sessions.begin() as session:
        found = await session.get(Alarm, alarm["id"])
        await silencing.silence(session, found, SilenceWrite(until=UNTIL, reason="why"), who)
        await silencing.acknowledge(session, found, who)
        assert len(found.silenced_by) == len(found.acknowledged_by) == 100
