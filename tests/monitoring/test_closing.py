"""A day closes once, in order, from its data alone."""

import asyncio
from datetime import timedelta

import httpx
import numpy as np
import pytest

from millrace_monitoring.closing import controller, routes
from millrace_monitoring.closing.files import parquet

from .conftest import HANGS, graph
from .sales import START, labels_of, monitor, rows_of, table_of_day


async def play(service, days, slope=2.0, model=2.0, scored=True, **more):
    """Send days of traffic and their labels; returns the closed days."""
    for number in days:
        features, sold = table_of_day(number, slope=slope)
        answers = (np.float32(model) * features["price"]) if scored else None
        await service.rows(number, features, answers, **more)
        await service.labels(number, sold)
    return await service.closed(max(days) + 1)


async def test_a_day_closes_with_the_champions_loss_over_its_labelled_rows(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    days = await play(service, range(2))
    features, sold = table_of_day(0)
    assert days[0]["day"] == "2024-03-01"
    assert days[0]["rows"] == days[0]["labelled"] == 60
    assert days[0]["loss"] == pytest.approx(np.mean((2 * features["price"] - sold) ** 2), rel=1e-5)
    assert days[0]["served"]["loss"] == pytest.approx(days[0]["loss"], rel=1e-5)
    assert [day["seq"] for day in days] == [1, 2]
    assert days[1]["alarms"] == []


def in_form(registry, variant, slope):
    """A version that serves the form *variant*, whose graph answers a little otherwise than the base form."""
    told = registry.version(1, 2.0)
    files = [{"role": "model", "variant": variant, "name": "form.onnx", "digest": registry.put(graph(slope))}]
    files += [
        {"role": role, "variant": "base", "name": name, "digest": told["files"][name]}
        for role, name in (("model", "model.onnx"), ("baseline", "baseline.json"))
    ]
    return told | {"files": files, "variant": variant}


@pytest.mark.parametrize(("variant", "slope", "differs"), [
    ("ort-cpu-int8", 2.01, 0), ("ort-cpu-int8", 2.0, 60), ("ort-cpu-distilled", 2.0, 60), ("tensorrt-int8", 2.0, 0),
])  # fmt: skip
async def test_a_champion_is_scored_in_the_form_that_serves(service, variant, slope, differs):
    """What onnxruntime does not run on a CPU is not held against its graph number by number."""
    await service.declare(monitor(in_form(service.registry, variant, slope)))
    (day,) = await play(service, range(1), model=2.01)
    assert day["quality"]["served_differs"] == differs
    assert ("quality:served" in day["standing"]) == (differs > 0)
    assert day["loss"] == pytest.approx(day["served"]["loss"], rel=1e-5)


async def test_a_project_of_its_own_is_scored_with_its_own_files(service):
    service.registry.project = "team"
    service.http.params = {"project": "team"}
    await service.declare(monitor(service.registry.version(1, 2.0)))
    (day,) = await play(service, range(1), scored=False)
    assert (day["project"], day["unscored"]) == ("team", {})
    assert day["loss"] > 0


async def test_days_close_in_order_and_days_without_rows_are_no_sample(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    for number in (0, 4):
        features, sold = table_of_day(number)
        await service.rows(number, features, 2 * features["price"])
        await service.labels(number, sold, complete=number == 4)
    days = await service.closed(5)
    assert [day["rows"] for day in days] == [60, 0, 0, 0, 60]
    assert [day["loss"] is None for day in days] == [False, True, True, True, False]
    assert days[4]["performance"]["days"] == 2
    assert (await service.call("GET", "/v1/monitors/sales"))["closed_through"].startswith("2024-03-06")


async def test_a_day_waits_for_its_labels_and_closes_without_word_once_they_are_there(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    tables = [table_of_day(number) for number in range(3)]
    for number, (features, _) in enumerate(tables):
        await service.rows(number, features, 2 * features["price"])
    assert await service.call("GET", "/v1/monitors/sales/days") == []
    await service.labels(0, tables[0][1], complete=False)
    days = await service.closed(1)
    assert (days[0]["day"], days[0]["labelled"]) == ("2024-03-01", 60)


async def test_a_day_whose_labels_never_come_closes_after_three_label_delays(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    for number in (0, 4):
        features, _ = table_of_day(number)
        await service.rows(number, features, 2 * features["price"])
    days = await service.closed(1)
    assert (days[0]["rows"], days[0]["labelled"], days[0]["loss"]) == (60, 0, None)


async def test_days_are_cut_in_the_loops_time_zone_also_when_the_clocks_change(service):
    version = service.registry.version(1, 2.0)
    await service.declare(monitor(version, timezone="America/New_York"))
    features, sold = table_of_day(9)
    await service.rows(9, features, 2 * features["price"])
    await service.labels(9, sold, complete=False)
    await service.call(
        "POST",
        "/v1/monitors/sales/labels",
        json={"complete_through": (START + timedelta(days=12)).isoformat()},
    )
    days = await service.closed(3)
    assert [day["day"] for day in days] == ["2024-03-09", "2024-03-10", "2024-03-11"]
    assert [day["from"] for day in days] == [
        "2024-03-09T05:00:00Z",
        "2024-03-10T05:00:00Z",
        "2024-03-11T04:00:00Z",
    ]
    assert sum(day["rows"] for day in days) == 60


async def test_rows_of_a_closed_day_are_counted_as_late_and_change_nothing(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    before = await play(service, range(1))
    features, _ = table_of_day(0, seed=9, rows=20)
    late = [row | {"request_id": "late"} for row in rows_of(0, features, 9 * features["price"])]
    await service.call("POST", "/v1/monitors/sales/predictions", json={"rows": late})
    read = await service.call("GET", "/v1/monitors/sales")
    assert read["counts"]["late"] == 20
    assert await service.call("GET", "/v1/monitors/sales/days") == before


async def test_late_duplicated_shuffled_and_corrected_labels_give_the_same_days(
    running, settings, tmp_path, registry
):
    draw = np.random.default_rng(3)
    version = registry.version(1, 2.0)
    found = []
    for shuffled in (False, True):
        own = settings.model_copy(
            update={"home": tmp_path / str(shuffled), "database_url": "", "storage_url": ""}
        )
        async with running(type(settings).model_validate(own.model_dump())) as service:
            await service.declare(monitor(version, label_delay_seconds=10 * 86400))
            labels = []
            for number in range(3):
                features, sold = table_of_day(number)
                await service.rows(number, features, 2 * features["price"])
                labels += labels_of(number, sold)
            if shuffled:
                wrong = [label | {"value": 99.0, "at": START.isoformat()} for label in labels]
                labels = labels + wrong + labels[:50]
                draw.shuffle(labels)
            for begin in range(0, len(labels), 40):
                body = {"labels": labels[begin : begin + 40]}
                await service.call("POST", "/v1/monitors/sales/labels", json=body)
            through = (START + timedelta(days=3)).isoformat()
            await service.call("POST", "/v1/monitors/sales/labels", json={"complete_through": through})
            found.append(await service.closed(3))
            assert (await service.call("GET", "/v1/monitors/sales"))["counts"]["labelled"] == 180
    assert found[0] == found[1]


async def test_a_backtest_finds_what_live_traffic_found(running, settings, tmp_path, registry):
    champion, archived = registry.version(2, 2.5), registry.version(1, 2.0)
    found = []
    for mode in ("live", "backtest"):
        own = settings.model_copy(update={"home": tmp_path / mode, "database_url": "", "storage_url": ""})
        async with running(type(settings).model_validate(own.model_dump())) as service:
            await service.declare(monitor(champion, [archived], mode=mode))
            days = await play(service, range(4), model=2.5, scored=mode == "live", revision="sales--r2")
            found.append(
                [
                    {key: value for key, value in day.items() if key not in ("served", "quality")}
                    for day in days
                ]
            )
    assert found[0] == found[1]


async def test_a_crash_before_the_commit_is_redone_to_the_same_result(service, monkeypatch):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    real, seen = controller.write, []

    async def crashing(services, stretch, shut):
        (one,) = shut
        seen.append((one.judged.losses, one.judged.states, parquet(one.given.rows.table)))
        if len(seen) == 1:
            raise RuntimeError("the power is gone")
        await real(services, stretch, shut)

    monkeypatch.setattr(controller, "write", crashing)
    days = await play(service, range(1))
    assert len(days) == 1
    assert len(seen) == 2
    assert seen[0] == seen[1]


async def test_a_lineup_counts_from_the_next_day_and_from_its_event_time(service):
    first, second = service.registry.version(1, 2.0), service.registry.version(2, 2.5)
    await service.declare(monitor(first))
    await play(service, range(1))
    effective = second | {"effective_from": (START + timedelta(days=2)).isoformat()}
    await service.declare(monitor(effective, [first]))
    days = await play(service, range(1, 4))
    assert [day["champion"] for day in days] == [1, 1, 2, 2]
    assert days[3]["performance"]["days"] == 2


async def test_a_version_that_cannot_be_had_is_named_and_the_day_closes(service):
    lost = service.registry.version(1, 9.0)
    del service.registry.files[lost["files"]["model.onnx"]]
    swapped, garbage = service.registry.version(2, 8.0), service.registry.version(3, 7.0)
    service.registry.files[swapped["files"]["model.onnx"]] = service.registry.files[
        garbage["files"]["model.onnx"]
    ]
    garbage["files"]["model.onnx"] = service.registry.put(b"no graph")
    champion, archived = service.registry.version(4, 2.0), service.registry.version(5, 3.0)
    await service.declare(monitor(champion, [lost, swapped, garbage, archived]))
    days = await play(service, range(1), revision="sales--r4")
    assert set(days[0]["unscored"]) == {"1", "2", "3"}
    assert list(days[0]["versions"]) == ["4", "5"]


async def test_while_the_registry_is_away_no_day_closes_and_then_it_does(service):
    version = service.registry.version(1, 2.0)
    there = service.app.state.services.clients.registry.api._client
    gone = httpx.MockTransport(lambda request: httpx.Response(500, json={"detail": "down"}))
    service.app.state.services.clients.registry.api._client = httpx.AsyncClient(
        transport=gone, base_url="http://registry"
    )
    await service.declare(monitor(version))
    features, sold = table_of_day(0)
    await service.rows(0, features, 2 * features["price"])
    await service.labels(0, sold)
    with pytest.raises(TimeoutError):
        await service.closed(1, seconds=0.5)
    service.app.state.services.clients.registry.api._client = there
    assert len(await service.closed(1)) == 1


async def test_who_waits_for_a_closed_day_is_woken_by_it(service, monkeypatch):
    async def woken(event, seconds):
        await event.wait()

    monkeypatch.setattr(routes, "wait_for", woken)
    await service.declare(monitor(service.registry.version(1, 2.0)))
    waiting = asyncio.create_task(service.call("GET", "/v1/closings", params={"after": 0, "wait": 60}))
    await asyncio.sleep(0)
    await play(service, range(1))
    feed = await asyncio.wait_for(waiting, HANGS)
    assert [item["day"] for item in feed["items"]] == ["2024-03-01"]
    assert (await service.call("GET", "/v1/closings", params={"after": feed["last"]}))["items"] == []
