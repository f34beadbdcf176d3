"""Quiet hours end when their zone's clocks say so, whatever the clocks do; a rate counts a moving span. Pure."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace_contracts.notices import AtMost, QuietHours
from millrace_monitoring.notices import quiet

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
CLOCKS = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59))


def hours(begin, end, zone="Europe/Berlin"):
    return QuietHours.model_validate({"from": begin, "to": end, "timezone": zone})


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-05T20:59:00Z", None),
        ("2026-01-05T21:00:00Z", "2026-01-06T06:00:00Z"),
        ("2026-01-06T05:59:59Z", "2026-01-06T06:00:00Z"),
        ("2026-01-06T06:00:00Z", None),
        ("2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z"),
        ("2026-10-24T22:00:00Z", "2026-10-25T06:00:00Z"),
    ],
)
def test_a_night_in_berlin_also_when_the_clocks_change(now, until):
    found = quiet.hours(hours("22:00", "07:00"), datetime.fromisoformat(now))
    assert found == (None if until is None else datetime.fromisoformat(until))


@given(
    now=st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
    begin=CLOCKS,
    end=CLOCKS,
    zone=st.sampled_from(ZONES),
)
def test_they_end_later_than_now_within_a_day_and_at_the_declared_time(now, begin, end, zone):
    if begin == end:
        return
    until = quiet.hours(hours(begin, end, zone), now)
    if until is None:
        return
    assert now < until <= now + timedelta(hours=26)
    shown = until.astimezone(ZoneInfo(zone))
    there = shown.replace(tzinfo=None) == datetime.combine(shown.date(), hours(begin, end).bounds()[1])
    skipped = shown.utcoffset() != (shown - timedelta(hours=3)).utcoffset()
    assert there or skipped


@given(sent=st.lists(st.integers(0, 7200), max_size=60), most=st.integers(1, 20))
def test_no_span_of_the_period_ever_holds_more_than_the_rate(sent, most):
    now = datetime(2026, 1, 5, 12, tzinfo=UTC)
    before = sorted(now - timedelta(seconds=seconds) for seconds in sent)
    declared = AtMost.model_validate({"messages": most, "per": "1h"})
    at = quiet.rate(declared, before, now) or now
    assert len([one for one in before if one > at - timedelta(hours=1)]) < most
