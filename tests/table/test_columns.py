"""Types are found in good data, demanded from later data, and times are instants."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from millrace_table import columns
from millrace_table.refusals import Unreadable


def texts(*values: str | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, pa.string())])


@pytest.mark.parametrize(
    ("values", "type"),
    [
        (["1", "-2", None], "integer"),
        (["1", "2.5", "1e3", ".5", "5."], "number"),
        (["true", "FALSE"], "boolean"),
        (["2024-01-01", "2024-12-31"], "timestamp"),
        (["2024-01-01T10:00:00Z"], "timestamp"),
        (["00123", "456"], "string"),
        (["2024-02-30"], "string"),
        (["1", "x"], "string"),
        ([None, " "], "number"),
        (["12345678901234567890"], "string"),
    ],
)
def test_the_narrowest_type_that_fits_every_value(values, type):
    assert columns.infer(texts(*values)) == type


def converted(column: pa.ChunkedArray, type: str, timezone: str = "UTC") -> tuple[list, list]:
    typed = columns.convert(column, type, timezone, "c")
    assert typed.values.type == columns.ARROW[type]
    return typed.values.to_pylist(), typed.bad.tolist()


@pytest.mark.parametrize(
    ("values", "type", "result"),
    [
        (texts("1.5", "x", None, " ", "+2"), "number", [1.5, None, None, None, 2.0]),
        (texts("1", "2.0", "2.5"), "integer", [1, 2, None]),
        (texts("True", "0", "maybe"), "boolean", [True, False, None]),
        (pa.chunked_array([[1.0, 2.5, float("nan")]]), "integer", [1, None, None]),
        (pa.chunked_array([[1.0, 0.0, 3.0]]), "boolean", [True, False, None]),
        (pa.chunked_array([[1, 2]]), "string", ["1", "2"]),
        (pa.chunked_array([[True, False]]), "number", [1.0, 0.0]),
    ],
)
def test_what_does_not_fit_is_missing_and_marked(values, type, result):
    got, bad = converted(values, type)
    assert got == result
    present = [value is not None and value != " " and value == value for value in values.to_pylist()]
    assert bad == [was and now is None for was, now in zip(present, got, strict=True)]


def utc(values: list) -> list[str]:
    return [value.strftime("%Y-%m-%dT%H:%M:%S") for value in values]


def test_clock_times_are_cut_in_the_loops_time_zone_over_a_change_of_the_clocks():
    column = texts("2024-03-31 01:30", "2024-03-31 03:30", "2024-10-27 02:30", "2024-07-01")
    values, _ = converted(column, "timestamp", "Europe/Berlin")
    assert utc(values) == [
        "2024-03-31T00:30:00",
        "2024-03-31T01:30:00",
        "2024-10-27T00:30:00",
        "2024-06-30T22:00:00",
    ]


def test_offsets_of_the_loops_own_zone_are_instants():
    column = texts("2024-01-01T00:00:00-05:00", "2024-07-01T00:00:00-04:00")
    values, _ = converted(column, "timestamp", "America/New_York")
    assert utc(values) == ["2024-01-01T05:00:00", "2024-07-01T04:00:00"]


def test_times_with_and_without_an_offset_in_one_column_are_refused():
    with pytest.raises(Unreadable) as caught:
        converted(texts("2024-01-01T00:00:00Z", "2024-01-02T00:00:00"), "timestamp")
    assert caught.value.check.check == "time zones"
    assert len(caught.value.check.examples) == 2


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_a_time_beyond_the_calendar_is_no_time(zone: str | None):
    """PostgreSQL's infinity, as programs write it into Parquet."""
    told = [1_000_000, 9222318015999999999, 316516032000000000, -62145596800000000, None]
    values, bad = converted(pa.chunked_array([pa.array(told, pa.timestamp("us", zone))]), "timestamp", "UTC")
    assert values == [datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), None, None, None, None]
    assert list(bad) == [False, True, True, True, False]


def test_seconds_to_nanoseconds_since_1970_and_naive_arrow_times_are_instants_too():
    values, bad = converted(
        pa.chunked_array([[0, 1_000_000_000, 10**12, 10**15, 10**18, 10**10]]), "timestamp"
    )
    assert utc(values[:1]) == ["1970-01-01T00:00:00"]
    assert set(utc(values[1:5])) == {"2001-09-09T01:46:40"}
    assert (values[5], bad) == (None, [False] * 5 + [True])
    naive = pa.chunked_array([pa.array([0, None], pa.timestamp("us"))])
    values, _ = converted(naive, "timestamp", "Asia/Tokyo")
    assert (utc(values[:1]), values[1]) == (["1969-12-31T15:00:00"], None)
