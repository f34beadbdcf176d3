"""The access log over real gRPC: durable when answered, each record counted once, nothing makes it stop."""

import asyncio
import base64
import os
import signal
import socket
import subprocess
import sys
from datetime import timedelta

import grpc
import numpy as np
import pytest
from pydantic import ValidationError

from millrace_contracts import access
from millrace_monitoring.settings import LONGER, MonitoringSettings

from .gateway import GATEWAY, counts, day_of_records, export, exported_before, log_record, parts, send
from .sales import START, monitor, table_of_day

EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


async def test_rows_from_the_gateway_are_logged_joined_and_judged(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    records, sold = await day_of_records(0)
    await send(service.otlp_port, records)
    assert (await counts(service))["logged"] == 60
    await service.labels(0, sold)
    (day,) = await service.closed(1)
    features, _ = table_of_day(0)
    assert (day["rows"], day["labelled"], day["standing"]) == (60, 60, [])
    assert day["loss"] == pytest.approx(np.mean((2 * features["price"] - sold) ** 2), rel=1e-4)


async def test_a_closed_day_tells_how_many_rows_its_requests_had(service):
    """Mirrored copies, refused requests, and rows that were logged over REST are no requests of that size."""
    await service.declare(monitor(service.registry.version(1, 2.0)))
    features, _ = table_of_day(0)
    some = lambda rows: {name: values[:rows] for name, values in features.items()}  # noqa: E731
    answers = lambda rows: 2 * features["price"][:rows]  # noqa: E731
    records = [log_record(f"one-{place}", some(1), answers(1)) for place in range(3)]
    records += [log_record("many", some(7), answers(7)), log_record("many", some(7), answers(7))]
    records += [
        log_record("copy", some(9), answers(9), listener="shadow", revision="sales--r2"),
        log_record("broken", some(5), answers(5), status="503"),
    ]
    await send(service.otlp_port, records)
    await service.rows(0, features, None)
    await service.labels(0, np.zeros(60))
    (day,) = await service.closed(1)
    assert day["requests"] == {"1": 3, "7": 1}


async def test_a_day_on_which_nothing_was_answered_holds_up_neither_its_own_nor_a_later_closing(service):
    old = service.registry.version(1, 2.0, trained_through=START - timedelta(days=40))
    await service.declare(monitor(old))
    for number in range(3):
        more = {"status": "503"} if number == 1 else {}
        records, sold = await day_of_records(number, **more)
        await send(service.otlp_port, records)
        await service.labels(number, sold)
        days = await service.closed(number + 1)
    assert [day["rows"] for day in days] == [60, 0, 60]
    new = service.registry.version(2, 2.0, bias=0.1, trained_through=START - timedelta(days=40))
    await service.declare(monitor(new, [old]))
    records, sold = await day_of_records(3, revision="sales--r2")
    await send(service.otlp_port, records)
    await service.labels(3, sold)
    assert (await service.closed(4))[3]["rows"] == 60


async def test_a_client_whose_header_is_no_utf_8_spoils_no_record_of_others(service):
    """Envoy takes such bytes; protobuf would refuse the whole export for them, and nobody would hear of it."""
    await service.declare(monitor(service.registry.version(1, 2.0)))
    records, sold = await day_of_records(0)
    records[1]["key"] = "spoilt"

    data = export(records).SerializeToString().replace(b"spoilt", b"sp\xff\xfelt")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.otlp_port}") as channel:
        await channel.unary_unary(EXPORT)(data, metadata=GATEWAY, timeout=300)
    told = await counts(service)
    assert (told["offered"], told["faults"], told["logged"]) == (3, 0, 60)
    await service.labels(0, sold)
    (day,) = await service.closed(1)
    assert (day["rows"], day["labelled"]) == (60, 60)


async def test_a_gateway_of_the_version_before_is_still_understood(service):
    """Its records have an attribute for each field: in a cluster gateways are renewed one by one."""
    await service.declare(monitor(service.registry.version(1, 2.0)))
    records, sold = await day_of_records(0)
    await send(service.otlp_port, records[:1], made=exported_before)
    await send(service.otlp_port, records)
    told = await counts(service)
    assert (told["offered"], told["duplicates"], told["logged"]) == (4, 1, 60)
    await service.labels(0, sold)
    (day,) = await service.closed(1)
    assert (day["rows"], day["labelled"]) == (60, 60)


async def test_a_text_that_is_no_record_takes_no_other_record_with_it(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    records, _ = await day_of_records(0)
    sent = export(records)
    sent.resource_logs[0].scope_logs[0].log_records.add().body.string_value = "no record"
    await send(service.otlp_port, records, made=lambda _: sent)
    told = await counts(service)
    assert (told["offered"], told["logged"], told["faults"]) == (3, 60, 0)


STRANGERS = [(), (("authorization", "Bearer nobody"),), (("authorization", "Bearer viewer-token"),)]


async def test_a_log_without_the_gateways_token_is_refused(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    for metadata in STRANGERS:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await send(service.otlp_port, (await day_of_records(0))[0], metadata)
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert (await counts(service))["offered"] == 0


async def test_a_repeated_record_is_counted_and_not_stored_again(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    records, _ = await day_of_records(0)
    await send(service.otlp_port, [*records, records[0]])
    await send(service.otlp_port, records)
    found = await counts(service)
    assert (found["offered"], found["written"], found["duplicates"], found["logged"]) == (7, 3, 4, 60)


BAD = {
    "not base64": {"request": "%%%"},
    "no json": {"request": base64.b64encode(b"\x00\xff").decode(), "request_json_length": "-"},
    "a list": {"request": base64.b64encode(b"[]").decode(), "request_json_length": "-"},
    "deep": {"request": base64.b64encode(b"[" * 5000).decode(), "request_json_length": "-"},
    "length": {"request_json_length": "99999999"},
    "answer": {"response": base64.b64encode(b'{"outputs":[]}').decode()},
    "rows": {
        "response": base64.b64encode(
            b'{"outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[1]}]}'
        ).decode()
    },
    "shape": {
        "response": base64.b64encode(
            b'{"outputs":[{"name":"y","datatype":"FP32","shape":[-1],"data":[1]}]}'
        ).decode()
    },
    "kind": {
        "response": base64.b64encode(
            b'{"outputs":[{"name":"y","datatype":"X","shape":[1],"data":[1]}]}'
        ).decode()
    },
    "length of many digits": {"request_json_length": "9" * 5000},
    "half a character": {
        "request": base64.b64encode(
            rb'{"inputs":[{"name":"\ud800","datatype":"BYTES","shape":[20],"data":["\ud800"]}]}'
        ).decode(),
        "request_json_length": "-",
    },
    "number": {"status": "two hundred", "duration_ms": "nan"},
    "error": {"status": "503"},
    "skipped": {"request_skipped": "size", "request": ""},
    "id": {"request_id": "-"},
    "endpoint": {"endpoint": "../../etc", "revision": "-"},
    "future": {"event_time": "2199-01-01T00:00:00Z"},
}


async def test_a_record_that_cannot_be_read_is_counted_and_harms_nobody(service):
    records, _ = await day_of_records(0)
    for number, (name, bad) in enumerate(BAD.items()):
        endpoint = f"case-{number}"
        await service.declare(monitor(service.registry.version(1, 2.0)), endpoint=endpoint)
        await send(
            service.otlp_port,
            [one | {"endpoint": endpoint} | more for one, more in zip(records, (bad, {}), strict=False)],
        )
        read = await service.call("GET", f"/v1/monitors/{endpoint}")
        found = read["counts"]
        assert found["logged"] == 20, name
        if name != "endpoint":
            assert (found["offered"], found["written"], found["faults"]) == (2, 2, 1), name
        assert read["event_time_max"].startswith("2024-03-01"), name


async def test_a_request_of_no_rows_is_counted_and_harms_nobody(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    empty = {name: values[:0] for name, values in table_of_day(0)[0].items()}
    records = [log_record("none", empty, [], binary=binary) for binary in (True, False)]
    records[1]["request_id"] = "none-either"
    await send(service.otlp_port, [*records, (await day_of_records(0))[0][0]])
    found = await counts(service)
    assert (found["offered"], found["written"], found["logged"]) == (3, 3, 20)


async def test_an_answer_of_nan_is_logged_and_named(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    features, sold = table_of_day(0)
    answers = 2 * features["price"]
    answers[3] = np.nan
    record = log_record("d0-0", features, answers)
    record["response"] = base64.b64encode(
        base64.b64decode(record["response"]).replace(b"null", b"NaN")
    ).decode()
    await send(service.otlp_port, [record])
    await service.labels(0, sold, size=60)
    (day,) = await service.closed(1)
    assert "quality:answers" in day["standing"]
    assert day["rows"] == 60


def test_records_are_never_collected_for_longer_than_a_gateway_waits(tmp_path):
    longest = max(
        item.le for item in MonitoringSettings.model_fields["flush_seconds"].metadata if hasattr(item, "le")
    )
    assert longest * LONGER < access.EXPORT_SECONDS
    assert MonitoringSettings(home=tmp_path, flush_seconds=longest).flush_seconds == longest
    with pytest.raises(ValidationError, match="less than or equal to"):
        MonitoringSettings(home=tmp_path, flush_seconds=longest + 0.1)


async def test_a_full_queue_drops_and_counts(running, settings):
    async with running(settings.model_copy(update={"queue_bytes": 9000, "flush_seconds": 0.3})) as service:
        await service.declare(monitor(service.registry.version(1, 2.0)))
        records = [record for number in range(6) for record in (await day_of_records(number))[0]]
        outcomes = await asyncio.gather(
            *(send(service.otlp_port, [one]) for one in records), return_exceptions=True
        )
        refused = [one for one in outcomes if isinstance(one, grpc.aio.AioRpcError)]
        assert {one.code() for one in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        await send(service.otlp_port, (await day_of_records(7))[0][:1])
        found = await counts(service)
        assert found["offered"] == len(records) + 1 == found["written"] + found["dropped"]
        assert found["dropped"] == len(refused) > 0


async def test_a_failed_write_is_told_counted_and_may_be_sent_again(service, monkeypatch):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    records, _ = await day_of_records(0)
    real = service.app.state.services.store.put

    async def full(data, expected=None):
        raise OSError("no space left on device")

    monkeypatch.setattr(service.app.state.services.store, "put", full)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await send(service.otlp_port, records)
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    monkeypatch.setattr(service.app.state.services.store, "put", real)
    await send(service.otlp_port, records)
    found = await counts(service)
    assert (found["offered"], found["written"], found["dropped"], found["logged"]) == (6, 3, 3, 60)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_when_the_process_is_killed_again_and_again(settings, running):
    port, http = free_port(), free_port()
    environment = os.environ | {
        "MILLRACE_HOME": str(settings.home),
        "MILLRACE_SERVICE": "monitoring",
        "MILLRACE_PORT": str(http),
        "MILLRACE_OTLP_PORT": str(port),
        "MILLRACE_FLUSH_SECONDS": "0.01",
    }
    command = [sys.executable, "-m", "millrace_core.serve", "millrace_monitoring.main"]
    async with running() as service:
        await service.declare(monitor(service.registry.version(1, 2.0)))
    acked, sent = set(), 0
    part = parts(table_of_day(0)[0])[0]
    for cycle in range(2):
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        try:
            await listening(port, process)
            for number in range(12):
                names = [f"c{cycle}-{number}-{place}" for place in range(3)]
                sending = asyncio.create_task(
                    send(port, [log_record(name, part, 2 * part["price"]) for name in names])
                )
                if number == 11:
                    await asyncio.sleep(0.008 * cycle)
                    process.send_signal(signal.SIGKILL)
                try:
                    await sending
                    acked.update(names)
                except grpc.aio.AioRpcError:
                    assert number == 11
                sent += 3
        finally:
            process.kill()
            process.wait()
    async with running() as service:
        found = await counts(service)
        assert found["offered"] == found["written"] + found["dropped"] + found["duplicates"]
        assert len(acked) <= found["requests"] <= sent
        await send(service.otlp_port, [log_record(name, part, 2 * part["price"]) for name in sorted(acked)])
        again = await counts(service)
        assert again["duplicates"] == len(acked)
        assert again["logged"] == found["logged"] == 20 * found["requests"]


async def listening(port, process):
    """Returns once *process* answers at its port, however slow the machine is; it must not have ended."""
    while True:
        assert process.poll() is None
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return


def test_the_service_starts_without_the_heavy_libraries():
    heavy = "pandas", "matplotlib", "onnxruntime", "sklearn", "ray", "kfp", "torch"
    code = f"import sys, millrace_monitoring.main as m; print([x for x in {heavy!r} if x in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


async def test_the_metrics_tell_what_was_logged_and_found(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    records, sold = await day_of_records(0)
    await send(service.otlp_port, records)
    await service.labels(0, sold)
    await service.closed(1)
    text = (await service.call("GET", "/metrics")).text
    for name in (
        "predictions_total",
        "labels_joined_ratio",
        "feature_drift_psi",
        "performance",
        "edetector_log_value",
    ):
        assert f"millrace_{name}{{" in text
