"""Performance before labels come: days that wait are estimated, those that settle judge it, and an alarm needs both."""

from datetime import timedelta
from functools import lru_cache

import numpy as np
import orjson
import pytest

from millrace_contracts.estimates import Estimates
from millrace_contracts.monitors import MonitorWrite
from millrace_monitoring.estimates import day as days
from millrace_monitoring.estimates import words
from millrace_monitoring.estimates.controller import estimate_due
from millrace_monitoring.profiles.baseline import parse
from millrace_stats.estimates import learning, slots
from millrace_stats.estimates.estimator import Chunk
from millrace_stats.profiles import PREDICTION, ProfileSpec

from .sales import SHOPS, START, baseline, labels_of, monitor, rows_of, table_of_day
from .test_findings import alarms

ALARM = {"policy": {"estimate": {"enabled": True, "alarm": True}}}
NOISE = {"north": 0.5, "south": 0.5, "west": 4.0}
"""Sales in the west are hard to foresee."""


def sales(number, rows=100, west=0.2):
    """Features, truth and answers of one day; more rows of the west are harder rows."""
    draw = np.random.default_rng([7, abs(number)])
    prices = draw.normal(10, 2, rows).astype(np.float32)
    shops = draw.choice(SHOPS, rows, p=[(1 - west) / 2, (1 - west) / 2, west]).astype(object)
    noise = np.array([NOISE[shop] for shop in shops])
    return {"price": prices, "shop": shops}, 2 * prices + draw.normal(size=rows) * noise, 2 * prices


@lru_cache
def learnt(days=28):
    """baseline.json with an estimator, as training learns it from the holdout."""
    state = orjson.loads(baseline())
    spec = ProfileSpec.from_dict(state["profile"])
    parts = [sales(1000 + number) for number in range(days)]
    columns = {name: np.concatenate([part[0][name] for part in parts]) for name in ("price", "shop")}
    truth, answers = (np.concatenate([part[place] for part in parts]) for place in (1, 2))
    placed = slots.place(spec, {**columns, PREDICTION: answers})
    about = (np.repeat(np.arange(days), 100), slots.sizes(spec), slots.unordered(spec))
    found = learning.learn("regression", learning.Reference(Chunk(answers, placed), truth, *about))
    return orjson.dumps(state | {"estimate": found.to_dict()})


async def sold(service, number, labelled=True, **more):
    features, truth, answers = sales(number, **more)
    await service.rows(number, features, answers)
    if labelled:
        await service.labels(number, truth)


async def told(service, **asked):
    await estimate_due(service.app.state.services)
    return await service.call("GET", "/v1/monitors/sales/estimates", params=asked)


@pytest.fixture
def settings(settings):
    """Estimates are made when a test asks for them."""
    return settings.model_copy(update={"estimate_seconds": 3600.0})


async def test_a_day_without_labels_is_estimated_with_bounds_and_one_with_labels_shows_both(service):
    await service.declare(
        monitor(service.registry.version(1, 2.0, base=learnt()), label_delay_seconds=30 * 86400)
    )
    for number in range(4):
        await sold(service, number)
    for number in range(4, 8):
        await sold(service, number, labelled=False, west=0.8)
    await service.closed(4)
    found = await told(service, window=4)
    settled, waiting = found["days"][:4], found["days"][4:]
    assert len(waiting) == 3, "the last day is not over: nothing newer has come"
    assert all(day["settled"] and day["metrics"]["loss"]["measured"] > 0 for day in settled)
    assert all(not day["settled"] and "measured" not in day["metrics"]["loss"] for day in waiting)
    easy, hard = (np.mean([day["metrics"]["loss"]["value"] for day in part]) for part in (settled, waiting))
    assert hard > 2 * easy, "rows of the west are harder, which needs no label to be seen"
    truth = np.mean([np.mean((sales(n, west=0.8)[1] - sales(n, west=0.8)[2]) ** 2) for n in range(4, 7)])
    assert hard == pytest.approx(truth, rel=0.3)
    for day in found["days"] + found["windows"]:
        loss = day["metrics"]["loss"]
        assert loss["lower"] < loss["value"] < loss["upper"]
    first = found["windows"][0]["metrics"]["loss"]
    assert (
        first["upper"] - first["lower"]
        < settled[0]["metrics"]["loss"]["upper"] - settled[0]["metrics"]["loss"]["lower"]
    )
    assert found["method"] == "loss model"
    assert "cannot see" in found["words"][-1]


async def test_labels_that_come_settle_the_day_and_judge_the_estimate(service):
    await service.declare(
        monitor(service.registry.version(1, 2.0, base=learnt()), label_delay_seconds=30 * 86400)
    )
    for number in range(3):
        await sold(service, number, labelled=False)
    assert [day["settled"] for day in (await told(service))["days"]] == [False, False]
    for number in range(3):
        await service.labels(number, sales(number)[1])
    await service.closed(3)
    found = await told(service)
    assert [day["settled"] for day in found["days"]] == [True] * 3
    assert found["estimator"]["days"] == 3
    assert found["words"][0].startswith("On 3 days with labels")
    one = Estimates.model_validate(found)
    one.estimator.days, one.labels.days, one.labels.random = 1, 1, None
    assert words.of(one)[0].startswith("On 1 day with labels")
    assert "; 1 day of comparison cannot say" in words.of(one)[1]
    assert not found["estimator"]["known"]
    assert found["estimator"]["held"] >= 2 / 3


async def test_a_risen_estimate_is_no_alarm_before_its_error_is_known(service):
    body = monitor(service.registry.version(1, 2.0, base=learnt()), label_delay_seconds=60 * 86400, **ALARM)
    await service.declare(body)
    for number in range(6):
        await sold(service, number)
    for number in range(6, 16):
        await sold(service, number, labelled=False, west=0.9)
    await service.closed(6)
    found = await told(service)
    assert found["alarm"]
    assert "not known" in found["words"][2]
    assert [alarm for alarm in await alarms(service) if alarm["kind"] == "estimate"] == []


async def test_an_estimate_that_rises_beyond_its_known_error_opens_one_alarm_and_no_second(service):
    body = monitor(service.registry.version(1, 2.0, base=learnt()), label_delay_seconds=60 * 86400, **ALARM)
    await service.declare(body)
    for number in range(30):
        await sold(service, number)
    await service.closed(30)
    found = await told(service)
    assert found["estimator"]["trusted"]
    assert [alarm for alarm in await alarms(service) if alarm["kind"] == "estimate"] == []
    for number in range(30, 42):
        await sold(service, number, labelled=False, west=0.9)
    for _ in range(2):
        await told(service)
    (alarm,) = [alarm for alarm in await alarms(service) if alarm["kind"] == "estimate"]
    assert alarm["state"] == "open"
    assert "estimated without labels" in alarm["reason"]
    assert alarm["evidence"]["expected"] > 2 * alarm["evidence"]["reference"]
    for policy in ({"alarm": False}, {"enabled": False, "alarm": True}):
        await service.declare(body | {"policy": {"estimate": policy}})
        await told(service)
        (alarm,) = [alarm for alarm in await alarms(service) if alarm["kind"] == "estimate"]
        assert alarm["state"] == "closed", "who asks for no alarm has none that stands"


async def test_a_version_without_an_estimator_says_so(service):
    await service.declare(monitor(service.registry.version(1, 2.0)))
    features, truth = table_of_day(0)
    await service.rows(0, features, 2 * features["price"])
    await service.labels(0, truth)
    await service.closed(1)
    found = await told(service)
    assert found["days"] == []
    assert "the next one has it" in found["why_not"]
    assert found["words"] == [f"Nothing is estimated: {found['why_not']}."]


async def test_an_estimator_of_another_form_costs_the_estimates_and_nothing_else(service):
    state = orjson.loads(learnt())
    other = orjson.dumps(state | {"estimate": state["estimate"] | {"form": 2}})
    await service.declare(monitor(service.registry.version(1, 2.0, base=other)))
    await sold(service, 0)
    await sold(service, 1)
    closed = (await service.closed(1))[0]
    assert closed["versions"]["1"]["n"] == 100
    assert closed["unscored"] == {}
    found = await told(service)
    assert "has the form 2, and only 1 can be read" in found["why_not"]
    assert found["words"][0].endswith("the next version has one that can be read.")


async def test_of_a_stray_day_that_was_passed_over_no_estimate_goes_on_waiting(service):
    await service.declare(
        monitor(service.registry.version(1, 2.0, base=learnt()), label_delay_seconds=30 * 86400)
    )
    await sold(service, -900, rows=2, labelled=False)
    for number in range(2):
        await sold(service, number, labelled=False)
    stray = str((START - timedelta(days=900)).date())
    waiting = {day["since"] for day in (await told(service))["days"]}
    assert waiting in ({stray}, {str(START.date())}), (
        "it waits as any other, unless it is passed over already"
    )
    await service.labels(0, sales(0)[1])
    await service.closed(1)
    found = (await told(service))["days"]
    assert [(day["since"], day["settled"]) for day in found] == [(str(START.date()), True)]


async def test_estimates_that_are_turned_off_are_not_made(service):
    policy = {"estimate": {"enabled": False}}
    await service.declare(monitor(service.registry.version(1, 2.0, base=learnt()), policy=policy))
    await sold(service, 0)
    await service.closed(1)
    found = await told(service)
    assert found["days"] == []
    assert "turned off" in found["why_not"]


async def test_labels_that_come_for_easy_rows_are_called_chosen_and_judge_nothing(service):
    await service.declare(monitor(service.registry.version(1, 2.0, base=learnt())))
    for number in range(12):
        features, truth, answers = sales(number, rows=200, west=0.5)
        made = rows_of(number, features, answers)
        await service.call("POST", "/v1/monitors/sales/predictions", json={"rows": made})
        easy = np.random.default_rng(number).random(200) < np.where(features["shop"] == "west", 0.15, 0.9)
        body = {"labels": [label for label, here in zip(labels_of(number, truth), easy, strict=True) if here]}
        body["complete_through"] = (START + timedelta(days=number + 1)).isoformat()
        await service.call("POST", "/v1/monitors/sales/labels", json=body)
    await service.closed(12)
    found = await told(service)
    assert found["labels"]["random"] is False
    assert found["labels"]["share"] == pytest.approx(0.52, abs=0.06)
    assert found["estimator"]["days"] == 0, "labels that are chosen say nothing of the estimate for all rows"
    whole = np.mean([np.mean((sales(n, 200, 0.5)[1] - sales(n, 200, 0.5)[2]) ** 2) for n in range(12)])
    measured = np.mean([day["metrics"]["loss"]["measured"] for day in found["days"]])
    weighed = np.mean([day["adjusted"] for day in found["days"] if day["adjusted"] is not None])
    assert measured < 0.7 * whole
    assert abs(weighed - whole) < 0.5 * abs(measured - whole)
    assert "no fair sample" in found["words"][1]


def test_labels_of_one_class_only_are_refused():
    rng = np.random.default_rng(1)
    answers = rng.uniform(0.05, 0.95, 400)
    base = orjson.loads(baseline())
    spec = ProfileSpec.from_dict(base["profile"])
    truth = (rng.random(400) < answers).astype(float)
    columns = {
        "price": rng.normal(10, 2, 400).astype(np.float32),
        "shop": rng.choice(SHOPS, 400).astype(object),
    }
    placed = slots.place(spec, {**columns, PREDICTION: answers})
    about = (np.repeat(np.arange(20), 20), slots.sizes(spec), slots.unordered(spec))
    found = learning.learn("binary", learning.Reference(Chunk(answers, placed), truth, *about))
    signature = {**monitor({})["signature"], "task": "binary", "classes": [0, 1]}
    version = {"version": 1, "files": {"model.onnx": "sha256:" + "0" * 64}}
    spec = MonitorWrite.model_validate(monitor(version, task="binary") | {"signature": signature})
    labels = np.where((truth == 1) & (rng.random(400) < 0.5), 1.0, np.nan)
    rows = days.Answered(columns, answers, labels, None)
    told = days.estimate(rows, spec, parse(orjson.dumps(base | {"estimate": found.to_dict()})))
    assert "one class only" in told.refused
    assert told.adjusted is None
