"""A replay's days, judged ahead as a block, are those that close one by one; what is only looked at changes nothing."""

import asyncio
from datetime import timedelta

import numpy as np
import pytest

from millrace_contracts.monitors import ArchivedVersion
from millrace_monitoring.closing import looking_ahead
from millrace_monitoring.closing.loading import load
from millrace_monitoring.graphs import running

from .sales import START, labels_of, monitor, rows_of, table_of_day

DAYS, CHANGE, EMPTY = 20, 11, 6
"""From the day CHANGE on the models answer wrongly; on the day EMPTY nobody asks."""


def day_of(number):
    return table_of_day(number, slope=2.0 if number < CHANGE else 4.0)


async def declared(service, endpoint):
    """A champion and an archived version that is better after the change."""
    registry = service.registry
    champion = registry.version(1, 2.0, trained_through=START - timedelta(days=1))
    archived = registry.version(2, 3.5, trained_through=START - timedelta(days=1))
    archived.pop("revision")
    await service.declare(
        monitor(champion, [archived], mode="backtest", loop=endpoint, slices=["shop_name"]), endpoint
    )


async def sent(service, endpoint, numbers):
    """Rows and labels of days, without saying that these are all."""
    for number in numbers:
        if number != EMPTY:
            features, sold = day_of(number)
            await service.rows(number, features, None, endpoint=endpoint)
            await service.labels(number, sold, complete=False, endpoint=endpoint)


async def complete(service, endpoint, number):
    """All days through *number* may close."""
    through = (START + timedelta(days=number + 1)).isoformat()
    await service.call(
        "POST", f"/v1/monitors/{endpoint}/labels", json={"labels": [], "complete_through": through}
    )
    return await service.closed(number + 1, endpoint)


async def ahead(service, endpoint, number):
    through = (START + timedelta(days=number + 1)).isoformat()
    return await service.call("POST", f"/v1/monitors/{endpoint}/days:ahead", json={"through": through})


def plain(days):
    """Closed days without what names the endpoint."""
    return [
        {key: value for key, value in one.items() if key not in ("seq", "endpoint", "alarms", "open")}
        | {kind: [(item["cause"], item["opened_day"], item["evidence"]) for item in one.get(kind, [])]
           for kind in ("alarms", "open")}
        for one in days
    ]  # fmt: skip


async def test_days_that_close_as_a_block_are_those_that_close_one_by_one_also_with_alarms_among_them(
    service,
):
    for endpoint in ("single", "block"):
        await declared(service, endpoint)
    for number in range(DAYS):
        await sent(service, "single", [number])
        single = await complete(service, "single", number)
    await sent(service, "block", [0])
    await complete(service, "block", 0)
    await sent(service, "block", range(1, DAYS))
    looked, blocks = [], []
    for end in (8, 13, DAYS - 1):
        seen = await ahead(service, "block", DAYS - 1)
        assert len(seen) == DAYS - 1 - len(looked)
        looked += seen[: end - len(looked)]
        assert service.app.state.services.ahead
        blocks = await complete(service, "block", end)
        assert len(blocks) == end + 1
    assert plain(single) == plain(blocks)
    assert any(one["alarms"] and one["day"] != single[-1]["day"] for one in single), "an alarm within a block"
    assert any(one["pairs"] for one in single)
    for told, closed in zip(looked, blocks[1:], strict=True):
        assert {name: closed.get(name, []) for name in told} == told
    of = {
        endpoint: [
            (one["cause"], one["state"], one["count"], one["last_day"], one["closed_day"])
            for one in (await service.call("GET", "/v1/alarms", params={"endpoint": endpoint}))["items"]
        ]
        for endpoint in ("single", "block")
    }
    assert of["single"] == of["block"] != []


async def test_looking_ahead_closes_nothing_and_decides_nothing(service):
    await declared(service, "block")
    await sent(service, "block", [0])
    before = await complete(service, "block", 0)
    assert await ahead(service, "block", 0) == []
    await sent(service, "block", range(1, DAYS))
    seen = await ahead(service, "block", DAYS - 1)
    assert [bool(one["alarms"]) for one in seen].count(True) >= 1
    assert await service.call("GET", "/v1/monitors/block/days") == before
    assert (await service.call("GET", "/v1/alarms", params={"endpoint": "block"}))["items"] == []
    assert service.registry.decisions == {}


async def test_looking_ahead_holds_nobody_elses_days(service, monkeypatch):
    for endpoint in ("looked", "other"):
        await declared(service, endpoint)
        await sent(service, endpoint, [0])
        await complete(service, endpoint, 0)
        await sent(service, endpoint, [1, 2])
    begun, goes_on, usual = asyncio.Event(), asyncio.Event(), looking_ahead.judged

    async def slowly(*given):
        begun.set()
        await goes_on.wait()
        return await usual(*given)

    monkeypatch.setattr(looking_ahead, "judged", slowly)
    looks = asyncio.create_task(ahead(service, "looked", 2))
    await begun.wait()
    through = {"labels": [], "complete_through": (START + timedelta(days=3)).isoformat()}
    await service.call("POST", "/v1/monitors/looked/labels", json=through)
    assert len(await complete(service, "other", 2)) == 3
    goes_on.set()
    assert len(await looks) == 2
    assert len(await service.closed(3, "looked")) == 3, "its turn comes when the look is over"


async def test_a_graph_that_is_judged_with_stays_ready_whatever_else_is_loaded(service, monkeypatch):
    monkeypatch.setattr(running, "SESSIONS", 1)
    versions = [
        await load(service.app.state.services, "default", ArchivedVersion.model_validate(one))
        for one in (service.registry.version(1, 2.0), service.registry.version(2, 3.5))
    ]
    columns = {"price": np.ones(2, np.float32), "shop_name": np.array(["north"] * 2, object)}
    graphs = service.app.state.services.graphs
    first = graphs.score(versions[0].digest("model"), columns, 2)
    assert first.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("meanwhile", [False, True])
async def test_of_a_monitor_that_is_removed_no_judged_day_stays_in_memory(service, monkeypatch, meanwhile):
    await declared(service, "block")
    await sent(service, "block", [0])
    await complete(service, "block", 0)
    await sent(service, "block", [1, 2])
    usual = looking_ahead.judged

    async def remove():
        await service.call("DELETE", "/v1/monitors/block", expect=204)

    async def removed(*given):
        shut = await usual(*given)
        await remove()
        return shut

    if meanwhile:
        monkeypatch.setattr(looking_ahead, "judged", removed)
        body = {"through": (START + timedelta(days=3)).isoformat()}
        await service.call("POST", "/v1/monitors/block/days:ahead", expect=404, json=body)
    else:
        assert len(await ahead(service, "block", 2)) == 2
        await remove()
    services = service.app.state.services
    assert (services.ahead, services.watched) == ({}, {})


async def test_what_is_sent_after_a_look_is_judged_as_well(service):
    """Labels, rows and another champion: days that were looked at before do not close as they were."""
    await declared(service, "block")
    await sent(service, "block", [0])
    await complete(service, "block", 0)
    await sent(service, "block", [1, 2, 3])
    await ahead(service, "block", 3)
    _, sold = day_of(1)
    late = [
        label | {"at": (START + timedelta(days=9)).isoformat(), "value": label["value"] + 5.0}
        for label in labels_of(1, sold)
    ]
    await service.call("POST", "/v1/monitors/block/labels", json={"labels": late})
    first = (await complete(service, "block", 1))[1]
    features, _ = day_of(1)
    assert np.isclose(first["loss"], np.mean((2 * features["price"] - sold - 5.0) ** 2), rtol=1e-4)
    await ahead(service, "block", 3)
    more = rows_of(2, *[{name: values[:20] for name, values in day_of(90)[0].items()}, None])
    for row in more:
        row["request_id"] = f"more-{row['request_id']}"
    await service.call("POST", "/v1/monitors/block/predictions", json={"rows": more})
    assert (await complete(service, "block", 2))[2]["rows"] == first["rows"] + 20
    await ahead(service, "block", 3)
    champion = service.registry.version(3, 1.0, trained_through=START - timedelta(days=1))
    await service.declare(monitor(champion, mode="backtest", loop="block"), "block")
    assert (await complete(service, "block", 3))[3]["champion"] == 3


async def test_days_of_a_live_endpoint_are_not_looked_at_before_they_close(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    refused = await service.call(
        "POST", "/v1/monitors/sales/days:ahead", 409, json={"through": START.isoformat()}
    )
    assert "no backtest" in refused.json()["detail"]
