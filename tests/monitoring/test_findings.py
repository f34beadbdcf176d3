"""What closed days find: risen errors, better archived versions, drift and broken data, each said once."""

from datetime import timedelta

import numpy as np
import pytest

from millrace_contracts.monitors import ArchivedVersion
from millrace_monitoring.graphs import running

from .conftest import until
from .sales import START, baseline, monitor, table_of_day
from .test_closing import play


async def alarms(service, **params):
    return (await service.call("GET", "/v1/alarms", params={"endpoint": "sales"} | params))["items"]


async def test_a_risen_error_opens_one_alarm_with_evidence_and_one_decision(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    await play(service, range(3))
    days = await play(service, range(3, 30), slope=2.4)
    opened = [
        (day["day"], alarm) for day in days for alarm in day["alarms"] if alarm["kind"] == "performance"
    ]
    assert len(opened) == 1
    day, alarm = opened[0]
    assert "2024-03-04" < day < "2024-03-20"
    assert (
        alarm["evidence"]["log_value"]
        >= alarm["evidence"]["log_level"]
        == pytest.approx(np.log(36500), rel=1e-5)
    )
    (listed,) = await alarms(service)
    assert (listed["state"], listed["cause"], listed["id"]) == ("open", "performance", alarm["id"])
    assert listed["count"] > 1
    assert listed["last_day"] > listed["opened_day"] == day
    quiet = [later for later in days if later["day"] > day and "performance" not in later["standing"]]
    assert quiet, "the detector has started afresh"
    assert all([told["id"] for told in later["open"]] == [alarm["id"]] for later in quiet)
    await until(lambda: service.registry.decisions)
    told = [item for item in service.registry.decisions.values() if item["kind"] == "alarm.opened"]
    assert [item["evidence"]["alarm"] for item in told] == [alarm["id"]]


async def test_the_detector_starts_afresh_when_the_champion_changes_and_its_alarm_closes(service):
    first, second = service.registry.version(1, 2.0), service.registry.version(2, 2.4)
    await service.declare(monitor(first))
    await play(service, range(14), slope=2.4)
    assert [alarm["state"] for alarm in await alarms(service)] == ["open"]
    await service.declare(monitor(second, [first]))
    days = await play(service, range(14, 16), slope=2.4, revision="sales--r2", model=2.4)
    assert days[14]["performance"]["days"] == 1
    assert [alarm["state"] for alarm in await alarms(service)] == ["closed"]
    assert days[13]["open"]
    assert "open" not in days[14], "its predecessor's alarm is over"
    await until(lambda: len(service.registry.decisions) >= 2)
    kinds = [item["kind"] for item in service.registry.decisions.values()]
    assert sorted(kinds) == ["alarm.closed", "alarm.opened"]


async def test_a_thousand_identical_findings_are_one_alarm(service):
    """Each day's price is missing in every row: one alarm, counted by day."""
    await service.declare(monitor(service.registry.version(1, 2.0)))
    for number in range(12):
        features, sold = table_of_day(number, rows=100)
        features["price"][:] = np.nan
        await service.call(
            "POST", "/v1/monitors/sales/predictions", json={"rows": without_price(number, features)}
        )
        await service.labels(number, sold)
    days = await service.closed(12)
    nulls = [alarm for alarm in await alarms(service) if alarm["cause"] == "quality:nulls:price"]
    assert [(alarm["count"], alarm["state"]) for alarm in nulls] == [(12, "open")]
    assert sum(alarm["cause"] == "quality:nulls:price" for day in days for alarm in day["alarms"]) == 1
    assert all("quality:nulls:price" in day["standing"] for day in days)


def without_price(number, features):
    begin = START + timedelta(days=number)
    return [
        {
            "request_id": f"d{number}-{line // 20}",
            "index": line % 20,
            "event_time": (begin + timedelta(minutes=line)).isoformat(),
            "features": {"shop_name": shop},
            "prediction": None,
            "revision": "sales--r1",
        }
        for line, shop in enumerate(features["shop"])
    ]


async def test_a_quality_alarm_closes_when_the_fault_is_gone(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    await play(service, range(1))
    for number in (1, 2):
        features, sold = table_of_day(number)
        features["shop"][:] = "unheard of" if number == 1 else features["shop"]
        await service.rows(number, features, 2 * features["price"])
        await service.labels(number, sold)
    await service.closed(3)
    found = {alarm["cause"]: (alarm["state"], alarm["closed_day"]) for alarm in await alarms(service)}
    assert found["quality:strange:shop"] == ("closed", "2024-03-03")


async def test_a_served_answer_that_is_not_the_graphs_own_is_named(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    days = await play(service, range(1), model=2.1)
    assert "quality:served" in days[0]["standing"]
    assert days[0]["loss"] == pytest.approx(days[0]["served"]["loss"], rel=1e-5)


async def test_an_archived_version_that_became_the_better_one_is_proposed_after_the_minimum_of_days(service):
    champion = service.registry.version(2, 2.4, trained_through=START - timedelta(days=40))
    archived = service.registry.version(1, 2.0, trained_through=START - timedelta(days=40))
    await service.declare(monitor(archived))
    await play(service, range(20))
    await service.declare(monitor(champion, [archived]))
    days = await play(service, range(20, 34), model=2.4, revision="sales--r2")
    proposed = [day for day in days if day["switch_back"]]
    assert proposed
    assert proposed[0]["switch_back"]["version"] == 1
    assert "2024-03-27" <= proposed[0]["day"] <= "2024-04-02"
    evidence = proposed[0]["switch_back"]["evidence"]
    assert evidence["days"] >= 7
    assert evidence["gain"] > evidence["margin"] == 0.02
    assert evidence["log_value"] >= evidence["log_level"]
    pairs = await service.call("GET", "/v1/monitors/sales/comparisons", params={"kind": "archived"})
    assert pairs[0]["item"]["difference"] > 0


async def test_equal_versions_are_never_proposed(service):
    champion, archived = service.registry.version(2, 2.0), service.registry.version(1, 2.0, bias=0.001)
    await service.declare(monitor(champion, [archived]))
    days = await play(service, range(36), revision="sales--r2")
    assert not any(day["switch_back"] for day in days)
    assert days[-1]["pairs"]["1"]["log_value"] is not None


async def test_the_scale_is_frozen_from_days_that_neither_version_had_seen(service):
    """The new champion has seen the live days: its graph from before the holdout is scored on them."""
    through = START + timedelta(days=30)
    archived = service.registry.version(1, 2.0)
    first = START + timedelta(days=2)
    base = baseline(model=2.1, days=28, holdout=28, first=first)
    champion = service.registry.version(2, 2.1, trained_through=through, base=base, holdout=2.2)
    await service.declare(monitor(archived))
    await play(service, range(30))
    await service.declare(monitor(champion, [archived]))
    await play(service, range(30, 31), model=2.1, revision="sales--r2")
    losses = await service.call("GET", "/v1/monitors/sales/losses", params={"version": 2})
    assert {item["graph"] for item in losses} == {"holdout.onnx", "model.onnx"}
    earlier = [item for item in losses if item["graph"] == "holdout.onnx"]
    assert [item["day"] for item in earlier] == [
        (first + timedelta(days=n)).date().isoformat() for n in range(28)
    ]
    features, sold = table_of_day(2)
    assert earlier[0]["loss"] == pytest.approx(np.mean((2.2 * features["price"] - sold) ** 2), rel=1e-4)
    days = await service.closed(31)
    assert days[-1]["pairs"]["1"]["log_value"] is not None


async def test_a_graph_from_before_the_holdout_stays_ready_while_others_are_loaded(service, monkeypatch):
    """Of the graphs that this process may keep there is room for one, and somebody else's comes between."""
    through, first = START + timedelta(days=4), START + timedelta(days=1)
    base = baseline(model=2.1, days=3, holdout=3, first=first)
    archived, other = service.registry.version(1, 2.0), service.registry.version(3, 9.0)
    champion = service.registry.version(2, 2.1, trained_through=through, base=base, holdout=2.2)
    await service.declare(monitor(archived))
    await play(service, range(4))
    services = service.app.state.services
    usual, elses = type(services.store).read, ArchivedVersion.model_validate(other).files.digest("model")

    async def read(self, digest):
        data = await usual(self, digest)
        if digest != elses:
            await services.graphs.load("default", elses)
        return data

    monkeypatch.setattr(running, "SESSIONS", 1)
    monkeypatch.setattr(type(services.store), "read", read)
    await service.declare(monitor(champion, [archived]))
    await play(service, range(4, 5), model=2.1, revision="sales--r2")
    losses = await service.call("GET", "/v1/monitors/sales/losses", params={"version": 2})
    assert [item["graph"] for item in losses] == ["holdout.onnx"] * 3 + ["model.onnx"]


async def test_drift_is_an_alarm_after_two_windows_in_a_row_and_not_before(service):
    policy = {"drift": {"window_days": 7}}
    base = baseline(days=60, holdout=28)
    await service.declare(monitor(service.registry.version(1, 2.0, base=base), policy=policy))
    await moved(service, range(7), 10.0)
    days = await moved(service, range(7, 28), 13.0)
    windows = [day["drift"]["window"] for day in days if day["drift"].get("window")]
    assert ["price" in window["firing"] for window in windows] == [False, True, True, True]
    opened = [day["day"] for day in days for alarm in day["alarms"] if alarm["kind"] == "drift"]
    assert opened == ["2024-03-21"]
    assert "__prediction__" not in {score["feature"] for score in windows[0]["scores"]}
    listed = await service.call("GET", "/v1/monitors/sales/drift")
    assert listed[6]["psi"]["__prediction__"] < 0.1 < listed[13]["psi"]["__prediction__"]
    assert listed[13]["psi"]["price"] > 0.1
    assert listed[13]["window"]["from"] == "2024-03-08"


async def moved(service, days, price):
    for number in days:
        features, sold = table_of_day(number, price=price, rows=80)
        await service.rows(number, features, 2 * features["price"])
        await service.labels(number, sold)
    return await service.closed(max(days) + 1)


async def test_an_alarm_is_acknowledged_once_and_not_when_it_is_closed(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    await play(service, range(1), model=2.1)
    (alarm,) = await alarms(service, state="open")
    clocks = set()
    for _ in range(2):
        seen = await service.call("POST", f"/v1/alarms/{alarm['id']}:acknowledge")
        assert (seen["state"], seen["acknowledged_by"]) == ("acknowledged", "admin")
        clocks.add((seen["opened_at"], seen["acknowledged_at"], seen["closed_at"]))
    ((opened, acknowledged, over),) = clocks
    assert opened <= acknowledged
    assert over is None, "the first who saw it stays, and so does when"
    features, sold = table_of_day(1)
    await service.rows(1, features, 2 * features["price"])
    await service.labels(1, sold)
    await service.closed(2)
    await service.call("POST", f"/v1/alarms/{alarm['id']}:acknowledge", expect=409)
    ended = await service.call("GET", f"/v1/alarms/{alarm['id']}")
    assert ended["state"] == "closed"
    assert acknowledged <= ended["closed_at"]
