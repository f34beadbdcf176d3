"""The page of alarms says since when, by which time, who is told, and what is wrong with a channel."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from millrace_console.loops import told
from millrace_contracts.alarms import AlarmRead
from millrace_contracts.messages import ChannelRead

CHANNEL = ChannelRead.model_validate(
    {
        "name": "chat", "scope": "loop", "loop": "shop", "kind": "slack", "to": "env <b>URL</b>", "tell": ["alarms"],
        "problem": "there is nothing in env URL", "waiting": 1, "undelivered": 7,
        "channel": {"slack": {"webhook": {"env": "URL"}}},
    }
)  # fmt: skip
CLOCK = datetime(2026, 11, 30, 16, 45, tzinfo=UTC)


def alarm(kind, day):
    return AlarmRead(
        id=kind, endpoint="shop", kind=kind, cause=f"{kind}:7", state="open", opened_day=day, last_day=day,
        closed_day=None, count=1, reason="so it is", evidence={}, acknowledged_by=None, opened_at=CLOCK,
    )  # fmt: skip


DRIFT, HELD = alarm("drift", "2013-04-02"), alarm("quarantine", "2026-11-30")


@pytest.fixture
def standing(person, monkeypatch):
    """Monitoring knows two alarms: one that a closed day found, and one that somebody holds to stand."""

    async def nothing(self, *args, **more):
        return []

    async def alarms(self, endpoint=None, state=None, *, project=None):
        return [DRIFT, HELD] if state == "open" else []

    monitoring = type(person.clients.monitoring)
    monkeypatch.setattr(monitoring, "channels", nothing)
    monkeypatch.setattr(monitoring, "alarms", alarms)
    monkeypatch.setattr(type(person.clients.registry), "projects", nothing)


async def test_an_alarm_that_no_day_found_has_no_event_day_but_the_clocks(signed, standing):
    page = (await signed.get("/p/default/alarms")).text
    lines = {
        kind: re.search(rf'<tr id="{kind}">.*?</tr>', page, re.DOTALL)[0] for kind in ("drift", "quarantine")
    }
    assert lines["drift"].count('datetime="2013-04-02"') == 2, "since, and last found"
    assert "2026-11-30 16:45 UTC" in lines["quarantine"]
    assert 'datetime="2026-11-30"' not in lines["quarantine"], "the clock's day is no event day"


def test_an_alarm_that_no_day_found_is_no_mark_among_event_days():
    marks = told.marks([], [DRIFT, HELD], ZoneInfo("UTC"), "/p/default")
    assert [mark.day for mark in marks] == [DRIFT.opened_day]


@pytest.mark.parametrize("found", [[CHANNEL], []])
async def test_channels_stand_below_the_alarms(signed, person, monkeypatch, found):
    async def channels(self, loop=None, *, project=None):
        return found

    async def nothing(self, *args, **more):
        return []

    monitoring = type(person.clients.monitoring)
    monkeypatch.setattr(monitoring, "channels", channels)
    monkeypatch.setattr(monitoring, "alarms", nothing)
    monkeypatch.setattr(type(person.clients.registry), "projects", nothing)
    answer = await signed.get("/p/default/alarms")
    assert answer.status_code == 200, answer.text
    assert ("Who is told" in answer.text) == bool(found)
    assert ("there is nothing in env URL" in answer.text) == bool(found)
    assert "<b>URL" not in answer.text
