"""Revisions side by side: mirrored rows in pairs, and keys that failed or were slow."""

from datetime import timedelta

import numpy as np
import pytest

from .gateway import counts, day_of_records, log_record, parts, send
from .sales import START, monitor, table_of_day


async def test_a_mirrored_row_is_paired_with_its_answer_and_no_sample_of_its_own(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    records, sold = await day_of_records(0)
    mirrored = [
        log_record(record["request_id"], part, 2.5 * part["price"], listener="shadow", revision="sales--r2")
        for record, part in zip(records, parts(table_of_day(0)[0]), strict=True)
    ]
    await send(service.otlp_port, records + mirrored)
    found = await counts(service)
    assert (found["logged"], found["mirrored"]) == (60, 60)
    span = {"since": START.isoformat(), "until": (START + timedelta(days=1)).isoformat()}
    arms = await service.call("GET", "/v1/monitors/sales/arms", params=span)
    assert arms["mirrored"]["pairs"] == 60
    await service.labels(0, sold)
    (day,) = await service.closed(1)
    assert (day["rows"], day["labelled"]) == (60, 60)
    arms = await service.call("GET", "/v1/monitors/sales/arms", params=span)
    (paired,) = arms["mirrored"]["days"]
    assert (paired["first"], paired["second"], paired["labelled"]) == ("sales--r1", "sales--r2", 60)
    assert arms["mirrored"]["loss_difference"] == pytest.approx(
        paired["second_loss"] - paired["first_loss"], rel=1e-4
    )
    assert arms["mirrored"]["labelled_days"] == 1


async def test_arms_count_distinct_keys_that_failed_or_were_slow(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    features, _ = table_of_day(0, rows=60)
    records = []
    for number, part in enumerate(parts(features)):
        records.append(log_record(f"a{number}", part, 2 * part["price"], key="one"))
        constant = np.full(20, 7.0)
        records.append(log_record(f"b{number}", part, constant, revision="sales--r2", key=f"k{number}"))
    records.append(log_record("c", part, [], status="503", key="bad", revision="sales--r2"))
    records.append(log_record("d", part, [], status="503", key="bad", revision="sales--r2"))
    records.append(log_record("e", part, [], status="400", key="nulls", revision="sales--r2"))
    records[1]["duration_ms"] = "900"
    await send(service.otlp_port, records)
    span = {"since": START.isoformat(), "until": (START + timedelta(days=1)).isoformat()}
    first, second = (await service.call("GET", "/v1/monitors/sales/arms", params=span))["revisions"]
    assert (first["requests"], first["keys"], first["failed_keys"], first["constant"]) == (3, 1, 0, False)
    assert (second["requests"], second["keys"], second["failed_keys"], second["slow_keys"]) == (6, 5, 1, 1)
    assert (first["refused"], second["refused"]) == (0, 1), "a client's fault is not the revision's"
    assert (second["rows"], second["nan"], second["constant"]) == (60, 0, True)


async def test_an_error_over_grpc_counts_as_what_it_is_though_it_is_http_200(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    part = parts(table_of_day(0, rows=20)[0])[0]
    statuses = {
        "unavailable": "14",
        "internal": "13",
        "late": "4",
        "unheard-of": "99",
        "misfit": "3",
        "gone": "1",
    }
    records = [
        log_record(name, part, [], key=name, revision="sales--r2", grpc_status=status)
        for name, status in statuses.items()
    ]
    await send(service.otlp_port, records)
    span = {"since": START.isoformat(), "until": (START + timedelta(days=1)).isoformat()}
    (arm,) = (await service.call("GET", "/v1/monitors/sales/arms", params=span))["revisions"]
    assert (arm["requests"], arm["failed_keys"], arm["refused"], arm["rows"]) == (6, 4, 2, 0)
