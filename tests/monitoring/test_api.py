"""The API under hostile and generated requests: a clear 4xx, nothing stored, never a 5xx."""

import threading
from datetime import timedelta

import httpx
import pyarrow as pa
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from schemathesis import GenerationMode
from tests.generated import counted

from millrace_core.auth import PUBLIC, permission_of, routes
from millrace_monitoring.graphs import explainers
from millrace_monitoring.main import build
from millrace_monitoring.reports import scored

from .conftest import ADMIN, HANGS
from .sales import START, labels_of, monitor, rows_of, table_of_day

NAN = float("nan")


async def test_every_route_but_health_and_the_document_needs_a_permission(service):
    found = {path: permission_of(route) for path, route in routes(service.app)}
    assert {path for path, name in found.items() if name == PUBLIC} == {
        "/healthz",
        "/readyz",
        "/openapi.json",
    }
    for path in found:
        if path.startswith("/v1"):
            answer = await service.http.get(
                path.replace("{endpoint}", "sales"), headers={"authorization": ""}
            )
            assert answer.status_code in (401, 405), path


SENSELESS = [
    {"timezone": "Mars/Olympus"},
    {"timezone": "../../etc/passwd"},
    {"task": "ranking"},
    {"label_delay_seconds": -1},
    {"policy": {"performance": {"false_alarms": 1}}},
    {"policy": {"drift": {"minimum_rows": 5}}},
    {"champion": {"version": 0, "files": {"model.onnx": "sha256:" + "0" * 64}}},
    {"champion": {"version": 1, "files": {"model.onnx": "../model"}}},
    {"champion": {"version": 1, "files": {}}},
    {"signature": {"inputs": [], "outputs": []}},
    {"surprise": 1},
]


async def test_a_monitor_that_makes_no_sense_is_422_and_not_stored(service):
    body = monitor(service.registry.version(1, 2.0))
    for change in SENSELESS:
        await service.call("PUT", "/v1/monitors/sales", expect=422, json=body | change)
    await service.call("GET", "/v1/monitors/sales", expect=404)


BAD_LABELS = [
    {"value": None},
    {"value": [1]},
    {"value": ""},
    {"index": -1},
    {"request_id": ""},
    {"request_id": "a b"},
    {"at": "2024-03-01T00:00:00"},
    {"at": "yesterday"},
    {"extra": 1},
]


async def test_a_bad_label_is_422_and_none_of_its_batch_is_stored(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    good = labels_of(0, [1.0, 2.0])
    for bad in BAD_LABELS:
        body = {"labels": [*good, good[0] | {"request_id": "other"} | bad]}
        await service.call("POST", "/v1/monitors/sales/labels", expect=422, json=body)
    assert (await service.call("GET", "/v1/monitors/sales"))["counts"]["labelled"] == 0


BAD_ROWS = [
    {"features": {"price": "cheap"}},
    {"features": {"price": 1e300}},
    {"features": {"shop_name": 3.5}},
    {"features": {"shop_name": True}},
    {"features": {"unknown": 3}},
    {"index": -1},
    {"event_time": "2024-03-01T00:00:00"},
    {"event_time": "9999-12-31T23:59:59Z"},
    {"request_id": "x" * 129},
    {"prediction": "high"},
]


async def test_a_bad_row_is_422_names_its_place_and_nothing_is_stored(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    features, _ = table_of_day(0, rows=3)
    for bad in BAD_ROWS:
        rows = rows_of(0, features, None)
        rows[2] |= bad
        answer = await service.call("POST", "/v1/monitors/sales/predictions", expect=422, json={"rows": rows})
        assert "2" in answer.json()["errors"][0]["where"], bad
    assert (await service.call("GET", "/v1/monitors/sales"))["counts"]["offered"] == 0


async def test_rows_come_as_an_arrow_stream_too_and_a_broken_one_is_422(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    features, sold = table_of_day(0)
    rows = rows_of(0, features, 2 * features["price"])
    table = pa.table(
        {
            "request_id": [row["request_id"] for row in rows],
            "index": pa.array([row["index"] for row in rows], pa.int64()),
            "event_time": pa.array(
                [START + timedelta(minutes=n) for n in range(60)], pa.timestamp("ms", tz="UTC")
            ),
            "price": features["price"].tolist(),
            "shop_name": features["shop"].tolist(),
        }
    )
    headers = {"content-type": "application/vnd.apache.arrow.stream"}
    path = "/v1/monitors/sales/predictions"
    assert (await service.call("POST", path, content=stream(table), headers=headers))["rows"] == 60
    wrongs = (wrong(table), far(table, 2**62), far(table, -(2**62)), table.drop(["index"]))
    for broken in (b"", b"ARROW1", stream(table)[:200], *map(stream, wrongs)):
        await service.call("POST", path, expect=422, content=broken, headers=headers)
    await service.labels(0, sold)
    (day,) = await service.closed(1)
    assert (day["rows"], day["labelled"]) == (60, 60)


def wrong(table):
    return table.set_column(2, "event_time", pa.array(["soon"] * len(table)))


def far(table, micros):
    """With a moment that no calendar has, as databases write "infinity"."""
    times = pa.array([micros] * len(table), pa.int64()).cast(pa.timestamp("us", "UTC"))
    return table.set_column(2, "event_time", times)


def stream(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


async def test_labels_may_come_before_their_rows_and_twice_and_be_corrected(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    label = labels_of(0, [5.0])[0]
    path = "/v1/monitors/sales/labels"
    first = await service.call("POST", path, json={"labels": [label]})
    again = await service.call("POST", path, json={"labels": [label]})
    later = label | {"value": 6.0, "at": (START + timedelta(days=2)).isoformat()}
    corrected = await service.call("POST", path, json={"labels": [later, label]})
    assert [first["new"], again["new"], again["unchanged"]] == [1, 0, 1]
    assert (corrected["corrected"], corrected["labelled"]) == (1, 1)


async def test_feedback_is_the_labelled_rows_of_closed_days_under_their_data_names(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    for number in range(3):
        features, sold = table_of_day(number)
        features["price"][0], features["shop"][0] = NAN, ""
        rows = rows_of(number, features, 2 * features["price"])
        rows[0] |= {"features": {}, "prediction": None}
        await service.call("POST", "/v1/monitors/sales/predictions", json={"rows": rows})
        await service.labels(number, sold[:40], complete=number < 2)
    await service.closed(2)
    data = (await service.call("GET", "/v1/monitors/sales/feedback")).content
    table = pa.parquet.read_table(pa.BufferReader(data))
    assert table.column_names == ["sold_at", "price", "shop_name", "sold"]
    assert len(table) == 80
    assert table["sold_at"].to_pylist() == sorted(table["sold_at"].to_pylist())
    assert (table["price"].null_count, table["shop_name"].null_count) == (2, 2)
    assert data == (await service.call("GET", "/v1/monitors/sales/feedback")).content
    span = {
        "since": (START + timedelta(days=1)).isoformat(),
        "until": (START + timedelta(days=9)).isoformat(),
    }
    part = (await service.call("GET", "/v1/monitors/sales/feedback", params=span)).content
    assert len(pa.parquet.read_table(pa.BufferReader(part))) == 40


async def test_a_monitor_that_is_deleted_leaves_nothing_behind(service, settings):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    features, sold = table_of_day(0)
    await service.rows(0, features, 2 * features["price"])
    await service.labels(0, sold)
    await service.closed(1)
    await service.call("DELETE", "/v1/monitors/sales", expect=204)
    await service.call("GET", "/v1/monitors/sales", expect=404)
    await service.call("DELETE", "/v1/monitors/sales", expect=404)
    blobs = [path for path in (settings.home / "monitoring" / "blobs").rglob("*") if path.is_file()]
    assert blobs == []


async def test_old_rows_go_by_policy_and_what_was_found_stays(service, settings):
    from millrace_monitoring.retention.controller import apply

    policy = {"retention": {"logs_days": 2}}
    await service.declare(monitor(service.registry.version(1, 2.0), policy=policy))
    for number in range(5):
        features, sold = table_of_day(number)
        await service.rows(number, features, 2 * features["price"])
        await service.labels(number, sold)
    before = await service.closed(5)
    assert await apply(service.app.state.services) == 3
    assert await service.call("GET", "/v1/monitors/sales/days") == before
    data = (await service.call("GET", "/v1/monitors/sales/feedback")).content
    assert len(pa.parquet.read_table(pa.BufferReader(data))) == 120


@pytest.fixture
def served(settings, registry, monkeypatch):
    """The service on a real port, in a thread, without a registry; a generated request may not make it wait."""
    monkeypatch.setattr(scored, "SECONDS", 0.01)
    monkeypatch.setattr(explainers, "READING_SECONDS", 0.2)
    app = build(settings)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        threading.Event().wait(0.02)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    body = monitor(registry.version(1, 2.0))
    httpx.put(f"{url}/v1/monitors/sales", json=body, headers=ADMIN).raise_for_status()
    yield url
    server.should_exit = True
    thread.join()


def test_a_report_does_without_a_registry_that_is_away(served):
    page = httpx.get(f"{served}/v1/monitors/sales/report", headers=ADMIN)
    assert page.status_code == 200
    assert "The registry does not say now" in page.text


@counted
def test_no_generated_request_is_answered_with_a_5xx(served, count):
    api = schemathesis.openapi.from_url(f"{served}/openapi.json")
    for result in api.get_all_operations():
        attack(result.ok(), count)


def attack(operation, count):
    needs_registry = "explanation" in operation.path

    @examples(max_examples=count, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE) | operation.as_strategy())
    def once(case):
        for name in ("wait", "project"):
            (case.query or {}).pop(name, None)
        if "endpoint" in (case.path_parameters or {}) and operation.method.upper() != "DELETE":
            case.path_parameters["endpoint"] = "sales"
        response = case.call(headers=ADMIN, timeout=HANGS)
        if needs_registry and response.status_code == 503:
            assert response.headers["retry-after"], "it is away here: another try may do better"
            return
        assert response.status_code < 500, f"{operation.label}: {response.text}"

    once()
