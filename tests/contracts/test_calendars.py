"""Days are days of a zone: 23 or 25 hours long now and then, and months have 28 to 31 of them."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from millrace_contracts import durations
from millrace_contracts.batches import BatchSpec
from millrace_contracts.calendars import Calendar
from millrace_contracts.loop import Triggers

NEW_YORK = "America/New_York"


def at(text):
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("zone", ["UTC", NEW_YORK, "America/Sao_Paulo", "Africa/Cairo", "Pacific/Apia"])
@pytest.mark.parametrize("year", [2011, 2017, 2024])
def test_a_week_of_midnights_is_seven_days_whatever_the_clocks_do(zone, year):
    first = datetime(year, 1, 1).date()
    for number in range(350):
        since = durations.begin(first + timedelta(days=number), zone)
        until = durations.begin(first + timedelta(days=number + 7), zone)
        day_before = durations.begin(first + timedelta(days=number + 6), zone)
        assert durations.lasted(timedelta(days=7), since, until, zone)
        assert not durations.lasted(timedelta(days=7), since, day_before, zone)
        assert durations.after(since, timedelta(days=7), zone) == until


def test_hours_are_hours():
    since = at("2024-03-10T05:00Z")
    assert durations.after(since, timedelta(hours=36), NEW_YORK) == at("2024-03-11T17:00Z")
    assert not durations.lasted(timedelta(hours=36), since, at("2024-03-11T16:59Z"), NEW_YORK)


@pytest.mark.parametrize(
    ("day", "through", "begins"),
    [
        (31, "2024-02-28T00:00Z", "2024-01-31T00:00Z"),
        (31, "2024-02-29T00:00Z", "2024-02-29T00:00Z"),
        (31, "2023-02-28T00:00Z", "2023-02-28T00:00Z"),
        (30, "2024-03-01T00:00Z", "2024-02-29T00:00Z"),
        (31, "2024-12-31T00:00Z", "2024-12-31T00:00Z"),
        (1, "2025-01-01T00:00Z", "2025-01-01T00:00Z"),
        (15, "2025-01-14T23:00Z", "2024-12-15T00:00Z"),
    ],
)
def test_the_day_of_a_month_is_the_last_one_where_the_month_is_shorter(day, through, begins):
    assert Calendar(every="month", day=day).latest(at(through), "UTC") == at(begins)


def test_a_weekday_begins_at_midnight_of_the_zone():
    monday = Calendar(every="week", weekday="Monday")
    assert monday.latest(at("2024-03-11T03:59Z"), NEW_YORK) == at("2024-03-04T05:00Z")
    assert monday.latest(at("2024-03-11T04:00Z"), NEW_YORK) == at("2024-03-11T04:00Z")
    assert monday.latest(at("2024-03-17T12:00Z"), NEW_YORK) == at("2024-03-11T04:00Z")


@pytest.mark.parametrize("key", ["on", True, "true"])
@pytest.mark.parametrize("field", ["schedule", "calendar"])
def test_on_is_refused_also_as_yaml_reads_it_with_what_to_write(key, field):
    """`kubectl` has no other choice, so nobody else has one."""
    with pytest.raises(ValidationError, match="weekday: Monday"):
        Triggers.model_validate({field: {"every": "week", key: "Monday"}})


@pytest.mark.parametrize("model", [Triggers, BatchSpec])
def test_what_says_a_schedule_and_a_calendar_is_refused_alike(model):
    rows = {"source": {"path": "new/"}, "sink": {"path": "out/"}} if model is BatchSpec else {}
    monday = {"every": "week", "weekday": "Monday"}
    for schedule in ("7d", "each Monday"):
        with pytest.raises(ValidationError, match="schedule and calendar both say when"):
            model.model_validate(rows | {"schedule": schedule, "calendar": monday})
    with pytest.raises(ValidationError, match="must be of type string"):
        model.model_validate(rows | {"schedule": monday})
    assert model.model_validate(rows | {"schedule": None, "calendar": monday}).calendar == Calendar(**monday)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("each Monday", {"every": "week", "weekday": "Monday"}),
        ("Each friday", {"every": "week", "weekday": "Friday"}),
        ("day 31 of each month", {"every": "month", "day": 31}),
    ],
)
def test_a_schedule_may_say_the_calendar_in_one_text_which_is_what_it_is_told_as(text, said):
    read = Triggers.model_validate({"schedule": text})
    assert (read.schedule, read.calendar) == (None, Calendar(**said))
    assert read.calendar.words().lower() == text.lower()


@pytest.mark.parametrize("text", ["each Mon", "Monday", "day 0 of each month", "day 31", "12h", "999999w"])
def test_a_text_that_is_no_schedule_is_refused(text):
    with pytest.raises(ValidationError):
        Triggers.model_validate({"schedule": text})


@pytest.mark.parametrize(
    "wrong",
    [
        {"every": "week"}, {"every": "month", "weekday": "Monday"}, {"every": "week", "weekday": "Mon"},
        {"every": "day"}, {"every": "month", "day": 0}, {"every": "month", "day": 1, "weekday": "Friday"},
        {"weekday": "Monday"},
    ],
)  # fmt: skip
def test_a_calendar_that_says_no_day_is_refused(wrong):
    with pytest.raises(ValidationError):
        Triggers.model_validate({"calendar": wrong})


def test_moments_are_in_utc():
    assert durations.begin(datetime(2024, 7, 1).date(), NEW_YORK).tzinfo is UTC
