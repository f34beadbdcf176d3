"""The flights are read with elapsed block times, also across the change to daylight-saving time."""

import pandas as pd
import pytest

from millrace.demo import flights
from millrace.demo.broken import damage
from millrace.demo.replay import requests_of


@pytest.fixture(scope="module")
def table():
    return flights.load()


def test_every_flight_of_the_year_is_there_once(table):
    assert len(table) == 336_776
    assert table["flight_id"].is_unique
    assert table[flights.TARGET].notna().sum() == 327_346
    assert table[flights.EVENT_TIME].is_monotonic_increasing


def test_honolulu_keeps_its_block_time_across_10_march(table):
    """New York changes its clocks on 10 March 2013, Honolulu never; the clock difference jumps by an hour."""
    honolulu = table[(table["dest"] == "HNL") & (table["carrier"] == "UA")]
    day = honolulu[flights.EVENT_TIME].dt.tz_convert(flights.HOME_ZONE).dt.date.astype(str)
    week = honolulu[(day >= "2013-03-06") & (day <= "2013-03-14")]
    assert set(week["block_minutes"]) == {661.0}
    clock = week["arrival_minute"] - week["departure_minute"]
    assert clock.nunique() == 2, "the trap is in the data"
    assert honolulu["block_minutes"].between(560, 720).all()


def test_block_times_agree_with_the_time_in_the_air(table):
    labelled = table.dropna(subset=[flights.TARGET])
    slack = labelled["block_minutes"] - labelled[flights.TARGET]
    assert slack.between(-60, 180).mean() > 0.999
    assert table["block_minutes"].notna().all()


def test_a_days_requests_carry_every_row_once_and_are_the_same_for_the_same_seed(table):
    day = table.iloc[:1000].assign(day="2013-01-01", at=table[flights.EVENT_TIME].iloc[:1000])
    requests = list(requests_of(day, 7))
    assert [row for item in requests for row in range(item.rows.start, item.rows.stop)] == list(range(1000))
    assert requests == list(requests_of(day, 7))
    assert len({item.id for item in requests}) == len(requests)


def test_at_least_a_tenth_of_the_rows_travel_alone(table):
    singles = rows = 0
    for number in range(60):
        day = table.iloc[number * 900 : (number + 1) * 900].assign(day=f"2013-01-{number + 1:02d}")
        sizes = [item.rows.stop - item.rows.start for item in requests_of(day.assign(at=pd.Timestamp(0)), 7)]
        singles, rows = singles + sizes.count(1), rows + sum(sizes)
    assert singles / rows >= 0.1


def test_the_damaged_copy_is_damaged_in_all_four_ways(table):
    bad = damage(table.iloc[:10_000])
    assert (bad["distance"] == "far away").any()
    assert (bad["distance"] == -100).any()
    assert 0.4 < bad["origin"].isna().mean() < 0.6
    assert bad.duplicated().mean() > 0.05
