"""Records become tables column by column; no record, however odd, spoils the table of the others."""

import asyncio
import base64

import numpy as np
import pyarrow as pa
import pytest

from millrace.oip import HEADER_LENGTH, encode, pack
from millrace_monitoring.ingest import segments
from millrace_monitoring.ingest.counts import Tally
from millrace_monitoring.ingest.intake import Batch, Intake

from .gateway import export, log_record

KEY = ("default", "sales", "sales--r1", "inference")


async def nowhere(batch: Batch) -> None:
    """A write that keeps nothing."""


def prepared(records):
    return Intake(nowhere, 1.0, 1)._prepare([export(records)])


def features(*prices):
    return {"price": np.array(prices, np.float32), "shop": np.array([f"s{p}" for p in prices], object)}


def test_requests_of_one_row_and_of_many_become_lines_of_one_table():
    records = [
        log_record("one", features(1), [10.0]),
        log_record("many", features(2, 3), [20.0, 30.0], binary=False),
        log_record("none", features(4), [], status="503"),
        log_record("last", features(5), [50.0]),
    ]
    batch = prepared(records)
    (segment,) = batch.segments
    lines = segment.table.select(["request_id", "index", "prediction", "number:price", "text:shop", "fault"])
    assert sorted(tuple(line.values()) for line in lines.to_pylist()) == [
        ("last", 0, 50.0, 5.0, "s5", ""),
        ("many", 0, 20.0, 2.0, "s2", ""),
        ("many", 1, 30.0, 3.0, "s3", ""),
        ("none", -1, None, None, None, "http"),
        ("one", 0, 10.0, 1.0, "s1", ""),
    ]
    assert segment.table.schema == pa.schema(
        [*segments.COLUMNS, ("number:price", pa.float32()), ("text:shop", pa.string())]
    )
    assert dict(batch.tally.counts[KEY]) == {"offered": 4, "written": 4, "rows": 4, "faults": 1}


def test_columns_in_another_order_share_a_table_and_a_column_that_a_request_lacks_is_null():
    price, shop = ("FP32", features(1)["price"]), ("BYTES", features(1)["shop"])
    sent = [{"price": price, "shop": shop}, {"shop": shop, "price": price}, {"price": price}]
    records = []
    for place, columns in enumerate(sent):
        body, headers = encode(columns)
        more = {"request": base64.b64encode(body).decode(), "request_json_length": headers[HEADER_LENGTH]}
        records.append(log_record(str(place), features(1), [1.0], **more))
    (segment,) = prepared(records).segments
    table = segment.table.sort_by("request_id")
    assert table["number:price"].to_pylist() == [1.0, 1.0, 1.0]
    assert table["text:shop"].to_pylist() == ["s1", "s1", None]


def test_a_span_is_the_first_and_the_last_event_time():
    (segment,) = prepared([log_record(str(place), features(place), [1.0]) for place in range(3)]).segments
    times = segment.table["event_time"].to_pylist()
    assert segment.span == (min(times), max(times))


@pytest.mark.parametrize(("rows", "compressed"), [(1, False), (5000, True)])
def test_a_table_comes_back_as_it_was_stored_and_only_a_large_one_is_compressed(rows, compressed):
    (segment,) = prepared([log_record("a", features(*range(rows)), [1.0] * rows)]).segments
    data = segments.dump(segment.table)
    assert segments.load(data) == segment.table
    assert (len(data) < segment.table.nbytes) == compressed


def test_a_tally_counts_by_key():
    tally = Tally()
    tally.add(KEY, offered=1, rows=3)
    tally.add(KEY, offered=1, faults=0)
    other = Tally()
    other.merge(tally)
    other.merge(tally)
    assert dict(other.counts[KEY]) == {"offered": 4, "rows": 6, "faults": 0}
    assert other.as_dropped().counts == {KEY: {"offered": 4, "dropped": 4}}


async def test_records_are_collected_longer_while_many_come(monkeypatch):
    """What is around a micro-batch (a file, a transaction, a pass) is then shared by more of them."""
    waits, real = [], asyncio.sleep

    async def slept(seconds):
        if asyncio.current_task() is running:  # other loops of this process sleep as well
            waits.append(seconds)
        await real(0 if asyncio.current_task() is running else seconds)

    monkeypatch.setattr(asyncio, "sleep", slept)
    intake = Intake(nowhere, 0.05, 2**24)
    running = asyncio.create_task(intake.run())
    for count in (100, 1, 1000, 1):
        await intake.offer(export([log_record(f"{count}-{n}", features(1), [1.0]) for n in range(count)]))
    running.cancel()
    assert waits == pytest.approx([0.05, 0.1, 0.05, 0.2])


def numbers_record(name, form, values):
    body, headers = form({column: ("FP32", np.float32([value])) for column, value in values.items()})
    more = {"request": base64.b64encode(body).decode(), "request_json_length": headers[HEADER_LENGTH]}
    return log_record(name, features(1), [1.0], **more)


def test_rows_that_lie_side_by_side_are_told_by_their_names_in_whatever_order_they_come():
    orders = [{"a": 1.0, "b": 2.0, "c": 3.0}, {"c": 30.0, "a": 10.0, "b": 20.0}]
    packed = [numbers_record(f"{n}", pack, orders[n % 2]) for n in range(4)]
    for records in (packed, packed[::2], [*packed, numbers_record("4", encode, orders[0])]):
        (segment,) = prepared(records).segments
        lines = segment.table.select(["request_id", "number:a", "number:b", "number:c"]).to_pylist()
        for name, *values in (line.values() for line in lines):
            assert values == [orders[int(name) % 2][column] for column in "abc"]


@pytest.mark.parametrize("names", [500, 12, 3])
def test_each_row_comes_once_in_one_order_whether_ids_repeat_or_not(names):
    """The first one of a request's row, a listener and a revision; ids alone may repeat in many rows of a request."""
    draw = np.random.default_rng(names)
    ids = draw.permutation(500)[:40] if names == 500 else draw.integers(0, names, 40)
    lines = [
        {
            "request_id": f"r{id}",
            "index": int(draw.integers(-1, 2)),
            "event_time": int(draw.integers(0, 3)),
            "at": number,
            "listener": str(draw.choice(["inference", "mirror"])),
            "revision": draw.choice(["r1", None]),
        }
        for number, id in enumerate(ids)
    ]
    table = pa.Table.from_pylist(lines, schema=segments.COLUMNS)
    order = [line for line, _ in segments.IDENTITY]
    first = {}
    for line in sorted(lines, key=lambda line: [(line[name] is None, line[name] or 0) for name in order]):
        first.setdefault((line["request_id"], line["index"], line["listener"], line["revision"]), line["at"])
    told = segments.unique(table)
    assert [at.value for at in told["at"].combine_chunks()] == list(first.values())
    assert len(first) == 40 or names < 500
