"""Slices that a loop names are watched on their own: which, by whose error and data, and how often in vain."""

from datetime import date, timedelta

import numpy as np
import orjson
import pytest
from sqlalchemy import select

from millrace_contracts.monitors import MonitorPolicy, PerformancePolicy
from millrace_contracts.signature import Input
from millrace_core.names import shortened
from millrace_monitoring.alarms import opening
from millrace_monitoring.detectors import performance, slices
from millrace_monitoring.detectors.day import JudgedDay, SliceDay
from millrace_monitoring.detectors.slices import Normal
from millrace_monitoring.profiles import baseline as baselines
from millrace_monitoring.profiles.slices import LONGEST, MOST_SLICES, MOST_VALUES, plan
from millrace_monitoring.tables import Outbox
from millrace_stats.profiles import fit_spec, profile

from .sales import SHOPS, START, baseline, monitor, rows_of, table_of_day
from .test_findings import alarms

SHOP = Input(name="shop", datatype="BYTES", column="shop_name", kind="category")


def known(**columns):
    """A baseline of one day with these columns."""
    kinds = {name: "category" if values.dtype == object else "number" for name, values in columns.items()}
    spec = fit_spec(columns, kinds)
    day = profile(spec, columns)
    state = {"profile": spec.to_dict(), "days": [{"day": "2024-01-01", **day.to_dict()}]}
    return baselines.parse(orjson.dumps(state))


def number(name, kind="number"):
    return Input(name=name, datatype="FP32", column=name, kind=kind)


async def day_with(service, number, worse=None, without=None, rows=120):
    """A day on which one shop sells otherwise, or sends no price."""
    features, sold = table_of_day(number, rows=rows)
    answers = 2 * features["price"]
    if worse is not None:
        sold = np.where(features["shop"] == worse, sold + 4, sold)
    made = rows_of(number, features, answers)
    if without is not None:
        for row in made:
            if row["features"]["shop_name"] == without:
                row["features"].pop("price")
                row["prediction"] = None
    await service.call("POST", "/v1/monitors/sales/predictions", json={"rows": made})
    await service.labels(number, sold)


async def test_an_error_that_rises_in_one_slice_opens_an_alarm_that_names_it(service):
    await service.declare(monitor(service.registry.version(1, 2.0), slices=["shop_name"]))
    for number in range(28):
        await day_with(service, number)
    for number in range(28, 44):
        await day_with(service, number, worse="south")
    days = await service.closed(44)
    assert set(days[0]["slices"]["parts"]) == {f"shop_name={shop}" for shop in SHOPS}
    south = days[0]["slices"]["parts"]["shop_name=south"]
    assert south["rows"] == south["labelled"] > 20
    causes = {alarm["cause"] for alarm in await alarms(service) if alarm["kind"] == "performance"}
    assert "performance:slice:shop_name=south" in causes
    assert not causes & {"performance:slice:shop_name=north", "performance:slice:shop_name=west"}
    (found,) = [one for one in await alarms(service) if one["cause"] == "performance:slice:shop_name=south"]
    assert "where shop_name=south" in found["reason"]
    assert found["evidence"]["log_level"] == pytest.approx(np.log(3 * 36500), rel=1e-5)


async def test_a_feature_that_goes_missing_in_one_slice_is_named_though_all_rows_hide_it(service):
    policy = {"quality": {"null_points": 0.5, "minimum_rows": 20}}
    await service.declare(monitor(service.registry.version(1, 2.0), slices=["shop_name"], policy=policy))
    for number in range(7):
        await day_with(service, number)
    await day_with(service, 7, without="west")
    days = await service.closed(8)
    assert [cause for cause in days[7]["standing"] if "nulls" in cause] == [
        "quality:nulls:price:slice:shop_name=west"
    ]
    await day_with(service, 8)
    await service.closed(9)
    found = {alarm["cause"]: alarm["state"] for alarm in await alarms(service)}
    assert found["quality:nulls:price:slice:shop_name=west"] == "closed"


async def test_slices_with_long_names_have_alarms_and_decisions_of_their_own(service):
    """What the names of two slices share may be longer than a decision's subject."""
    place = opening.Place("default", "e" * 60, "e" * 60, date(2024, 3, 1), START)
    feature, north, south = "f" * 200, part("north"), part("south")
    day = JudgedDay(date(2024, 3, 1), MonitorPolicy())
    normal = Normal(days=7, rows=1000)
    found = [slices._alarm(one, ("nulls", feature), 90, normal, day) for one in (north, south)]
    assert {len(one.cause) for one in found} == {300}
    async with service.app.state.services.sessions.begin() as session:
        opened = (await opening.apply(session, place, found, ())).opened
        told = (await session.scalars(select(Outbox))).all()
    assert len({alarm.cause for alarm in opened}) == len({row.id for row in told}) == 2


def part(end):
    """A slice whose name is as long as names are."""
    name = shortened("shop=" + "s" * 200 + end, LONGEST)
    return SliceDay(name, 100, profile(fit_spec({}, {}), {}), None)


async def test_a_column_that_cannot_be_watched_is_said_and_not_left_out_in_silence(service):
    await service.declare(monitor(service.registry.version(1, 2.0), slices=["weather"]))
    await day_with(service, 0)
    (day,) = await service.closed(1)
    assert day["slices"]["left_out"] == [
        "weather: no input of the model, so its slices cannot be told from the log"
    ]


async def test_a_new_champion_watches_its_slices_from_the_first_day_by_days_it_had_not_seen(service):
    first = service.registry.version(1, 2.0)
    await service.declare(monitor(first, slices=["shop_name"]))
    for number in range(20):
        await day_with(service, number)
    await service.closed(20)
    base = baseline(days=40, first=START - timedelta(days=40))
    second = service.registry.version(2, 2.0, bias=0.01, trained_through=START, base=base)
    await service.declare(monitor(second, [first], slices=["shop_name"]))
    await day_with(service, 20)
    days = await service.closed(21)
    told = days[20]["slices"]["parts"]["shop_name=north"]["performance"]
    assert (told["reference"], told["reference_days"], told["days"]) == ("earlier days", 20, 1)


def test_of_many_values_the_most_frequent_are_watched_and_the_rest_is_told():
    draw = np.random.default_rng(1)
    words = np.array([f"shop-{n:02d}" for n in draw.geometric(0.1, 5000)], object)
    chosen = plan(["shop_name"], [SHOP], known(shop=words))
    assert len(chosen.slices) == MOST_VALUES
    assert chosen.slices[0].name == "shop_name=shop-01"
    assert chosen.left_out[0].startswith(f"shop_name: the {MOST_VALUES} most frequent of ")


def test_numbers_are_cut_into_quarters_and_few_values_or_flags_by_value():
    draw = np.random.default_rng(2)
    columns = {
        "price": draw.normal(10, 2, 4000),
        "rooms": draw.integers(1, 5, 4000),
        "open": draw.integers(0, 2, 4000),
    }
    inputs = [number("price"), number("rooms"), number("open", "boolean")]
    chosen = plan(["price", "rooms", "open"], inputs, known(**columns))
    shares = {part.name: part.of(columns).mean() for part in chosen.slices}
    quarters = [share for name, share in shares.items() if name.startswith("price=")]
    assert len(quarters) == 4
    assert max(quarters) < 0.32
    assert sum(quarters) == pytest.approx(1, abs=0.01)
    assert [name for name in shares if not name.startswith("price=")] == [
        "rooms=1", "rooms=2", "rooms=3", "rooms=4", "open=false", "open=true",
    ]  # fmt: skip


def test_an_endpoint_has_a_bounded_number_of_slices():
    words = {f"x{n}": np.array([f"w{m}" for m in range(10)] * 3, object) for n in range(8)}
    inputs = [Input(name=name, datatype="BYTES", column=name, kind="category") for name in words]
    chosen = plan(list(words), inputs, known(**words))
    assert len(chosen.slices) == MOST_SLICES
    assert chosen.left_out[0] == f"x5: 0 of 10 slices are watched; an endpoint has at most {MOST_SLICES}"


@pytest.mark.parametrize("slices", [1, 3, 50])
def test_the_slices_together_have_the_false_alarm_rate_of_one_detector(slices):
    policy = PerformancePolicy(false_alarms_per_year=0.01)
    assert performance.share_rate(policy, slices).false_alarms_per_year * slices == pytest.approx(0.01)


def test_on_the_day_on_which_the_reference_is_frozen_it_has_all_its_days():
    policy, watch = MonitorPolicy().performance, performance.Watch(source="first live days")
    told = []
    for day in range(performance.LIVE_REFERENCE_DAYS + 1):
        said, watch = performance.update(watch, 1 + day % 3, policy)
        told.append(said.reference_days)
    assert told == [*range(1, 29), 28]
