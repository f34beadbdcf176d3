"""Days on which nothing came cost nothing, and a row stamped years off is a fault and no day."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from millrace_monitoring.monitors import stream

from .sales import START, monitor, rows_of, table_of_day
from .test_closing import play


async def push(service, rows):
    await service.call("POST", "/v1/monitors/sales/predictions", json={"rows": rows})


async def test_a_row_stamped_years_before_all_others_is_a_counted_fault_and_no_day(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    features, _ = table_of_day(0, rows=1)
    await push(service, rows_of(-4699, features, 2 * features["price"]))
    days = await play(service, range(2))
    assert [day["day"] for day in days] == ["2024-03-01", "2024-03-02"]
    assert (await service.call("GET", "/v1/monitors/sales"))["counts"]["faults"] == 1


async def test_a_row_stamped_years_after_all_others_is_a_counted_fault_and_closes_no_day(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    features, _ = table_of_day(0, rows=1)
    days = await play(service, range(2))
    await push(service, rows_of(4699, features, 2 * features["price"]))
    read = await service.call("GET", "/v1/monitors/sales")
    assert read["counts"]["faults"] == 1
    assert read["event_time_max"].startswith("2024-03-02")
    days = await play(service, range(2, 4))
    assert [day["rows"] for day in days] == [60, 60, 60, 60]


async def test_a_few_trial_requests_stamped_now_do_not_close_the_days_of_a_stream_of_the_past(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    features, _ = table_of_day(0, rows=3)
    await push(service, rows_of(4699, features, 2 * features["price"], size=1))
    for number in range(3):
        features, _ = table_of_day(number)
        await service.rows(number, features, 2 * features["price"])
    read = await service.call("GET", "/v1/monitors/sales")
    assert read["event_time_max"].startswith("2024-03-03")
    assert await service.call("GET", "/v1/monitors/sales/days") == []


async def test_a_long_stretch_without_rows_closes_by_months_and_the_feed_goes_on_behind_it(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    for number in (0, 131):
        features, sold = table_of_day(number)
        await service.rows(number, features, 2 * features["price"])
        await service.labels(number, sold)
    days = await service.closed(37)
    assert {(day["days"], day["rows"]) for day in days[1:32]} == {(1, 0)}
    assert [(day["day"], day["days"], day["rows"]) for day in days[32:]] == [
        ("2024-04-30", 29, 0),
        ("2024-05-31", 31, 0),
        ("2024-06-30", 30, 0),
        ("2024-07-09", 9, 0),
        ("2024-07-10", 1, 60),
    ]
    assert [day["seq"] for day in days] == list(range(1, 38))
    assert (days[33]["from"], days[33]["through"]) == ("2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z")
    assert days[36]["performance"]["days"] == 2


async def test_where_a_stretch_is_cut_does_not_depend_on_when_it_closes(service):
    """The same rows with their end told day by day: the same closings."""
    await service.declare(monitor(service.registry.version(1, 2.0)))
    features, sold = table_of_day(0)
    await service.rows(0, features, 2 * features["price"])
    await service.labels(0, sold)
    for number in (40, 60, 80, 131):
        through = (START + timedelta(days=number)).isoformat()
        await service.call("POST", "/v1/monitors/sales/labels", json={"complete_through": through})
        await service.closed(32)
    features, sold = table_of_day(131)
    await service.rows(131, features, 2 * features["price"])
    await service.labels(131, sold)
    days = await service.closed(37)
    assert [(day["day"], day["days"]) for day in days[32:]] == [
        ("2024-04-30", 29), ("2024-05-31", 31), ("2024-06-30", 30), ("2024-07-09", 9), ("2024-07-10", 1),
    ]  # fmt: skip


async def test_a_stretch_shorter_than_a_month_closes_day_by_day(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    for number in (0, 9):
        features, sold = table_of_day(number)
        await service.rows(number, features, 2 * features["price"])
        await service.labels(number, sold)
    days = await service.closed(10)
    assert [day["rows"] for day in days] == [60, *[0] * 8, 60]
    assert {day["days"] for day in days} == {1}


def at(*days):
    return np.array([np.datetime64("2024-03-01") + np.timedelta64(day, "D") for day in days])


def day(number):
    return datetime(2024, 3, 1, tzinfo=UTC) + timedelta(days=number)


@pytest.mark.parametrize(
    ("times", "before", "behind", "wanted"),
    [
        (at(), None, 0, None),
        (at(0, 1), None, 0, day(1)),
        (at(5000), None, 0, day(5000)),
        (at(*range(25), 5000), None, 0, day(24)),
        (at(3), day(2), 0, day(3)),
        (at(1), day(2), 0, day(2)),
        (at(5000), day(2), 0, day(2)),
        (at(3, 5000), day(2), 0, day(3)),
        (at(5000), day(2), 19, day(5000)),
        (at(*range(5000, 5020)), day(2), 0, day(5019)),
        (at(300, 600, 900), day(2), 0, day(900)),
        (at(300, 600, 5000), day(2), 0, day(600)),
    ],
)
def test_few_rows_far_from_all_others_do_not_say_how_far_the_stream_has_come(times, before, behind, wanted):
    assert stream.newest(times, before, behind) == wanted
