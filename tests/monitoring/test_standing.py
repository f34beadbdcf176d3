"""Alarms that no closed day finds: data in quarantine, told by who knows of it, and over when it is not told again."""

from sqlalchemy import select

from millrace_monitoring.tables import Outbox

from .sales import monitor
from .test_closing import play
from .test_findings import alarms

MAY = {
    "cause": "quarantine:3",
    "reason": "may.csv lies in quarantine: 9 rows.",
    "evidence": {"quarantine": 3},
}
JUNE = MAY | {"cause": "quarantine:4", "reason": "june.csv lies in quarantine."}


async def hold(service, *findings, at="2024-05-01T10:00:00Z", expect=200, **more):
    body = {"loop": "sales", "kind": "quarantine", "at": at, "findings": list(findings)} | more
    return await service.call("PUT", "/v1/alarms/standing/sales", expect=expect, json=body)


async def kept(service, table):
    async with service.app.state.services.sessions.begin() as session:
        return list((await session.scalars(select(table))).all())


async def test_refused_data_is_an_alarm_with_decision_before_there_is_any_monitor(service):
    opened = await hold(service, MAY)
    assert [(one["kind"], one["cause"], one["state"]) for one in opened] == [
        ("quarantine", "quarantine:3", "open")
    ]
    assert await hold(service, MAY, at="2024-05-02T10:00:00Z") == opened, "told again, nothing changes"
    await hold(service, JUNE, at="2024-05-03T10:00:00Z")
    states = {one["cause"]: (one["state"], one["closed_day"]) for one in await alarms(service)}
    assert states == {"quarantine:3": ("closed", "2024-05-03"), "quarantine:4": ("open", None)}
    kinds = [item.body["kind"] for item in await kept(service, Outbox)]
    assert kinds == ["alarm.opened", "alarm.closed", "alarm.opened"]


async def test_a_decision_about_refused_data_is_the_same_whenever_it_was_seen(service):
    for at in ("2024-05-01T10:00:00Z", "2024-06-01T11:00:00Z"):
        await hold(service, MAY, at=at)
        await hold(service, at=at)
    told = [item.body for item in await kept(service, Outbox) if "kind" in item.body]
    assert [item["kind"] for item in told] == ["alarm.opened", "alarm.closed"] * 2
    assert len({item["id"] for item in told}) == 4
    assert [(item["event_time"], item["evidence"]) for item in told] == [(None, {"quarantine": 3})] * 4
    assert {item["measured"]["day"] for item in told} == {"2024-05-01", "2024-06-01"}


async def test_closed_days_leave_the_alarm_alone_and_the_report_shows_it(service):
    await hold(service, MAY)
    await service.declare(monitor(service.registry.version(1, 2.0)))
    days = await play(service, range(1))
    assert all(day["standing"] == [] for day in days)
    (found,) = await alarms(service)
    assert (found["state"], found["count"]) == ("open", 1)
    assert "may.csv lies in quarantine" in (await service.call("GET", "/v1/monitors/sales/report")).text


async def test_only_kinds_that_no_closed_day_finds_can_be_told(service):
    await hold(service, MAY, kind="performance", expect=422)
    await hold(service, MAY, at="yesterday", expect=422)
    assert await kept(service, Outbox) == []


async def test_a_cause_is_told_once_and_is_of_its_kind(service):
    twice = await hold(service, MAY, JUNE, MAY, expect=422)
    assert "'quarantine:3' is found twice; say each cause once" in twice.text
    foreign = await hold(service, MAY | {"cause": "drift:price"}, expect=422)
    assert "begins with 'quarantine:'" in foreign.text
    assert await alarms(service) == []


async def test_what_is_told_late_opens_nothing_again(service):
    """A message that was sent again comes behind the next one."""
    (opened,) = await hold(service, MAY)
    await hold(service, at="2024-05-02T10:00:00Z")
    assert await hold(service, MAY) == []
    assert [(one["id"], one["state"]) for one in await alarms(service)] == [(opened["id"], "closed")]
    assert len(await kept(service, Outbox)) == 2
