"""Explanations over HTTP: of rows that are sent, of entries that people look at, and refusals in words."""

import asyncio

import httpx
import numpy as np
import pytest
from fastapi import HTTPException

from millrace.aio.registry import AsyncRegistry
from millrace_contracts.explanations import EXPLAINED_WITHIN
from millrace_monitoring.graphs import explainers
from millrace_monitoring.settings import MonitoringSettings

from .flowers import KINDS, SIGNATURE, flower_monitor, probabilities, version
from .sales import START
from .test_reviews import QUEUE, pushed

PATH = "/v1/monitors/sales/explanations"
REQUEST = "/v1/monitors/sales/requests/order-1"
PRICES = [6.0, 9.0, 10.0, 11.0, 14.0]


@pytest.fixture
def registry(registry):
    """It knows version 1 with its golden rows, and version 2 without any."""

    @registry.app.get("/v1/models/sales/versions/{number}")
    def told(number: int):
        if number not in (1, 2):
            raise HTTPException(404)
        golden = {
            "inputs": {"price": PRICES, "shop_name": ["north"] * 5},
            "outputs": {"probabilities": probabilities(PRICES).tolist()},
        }
        return {
            "model": "sales", "number": number, "key": "k", "digest": "sha256:" + "0" * 64, "task": "multiclass",
            "target": "kind", "files": version(registry, number)["files"], "signature": SIGNATURE,
            "golden": golden if number == 1 else {}, "metrics": {}, "baseline": None, "lineage": {},
            "environment": {}, "created_at": "2024-03-01T00:00:00Z",
        }  # fmt: skip

    registry.app.router.routes.insert(
        0, registry.app.router.routes.pop()
    )  # before the one that knows no graph
    return registry


async def explained(service, *rows, version=1, expect=200, **more):
    body = {"version": version, "rows": list(rows)}
    return await service.call("POST", PATH, expect, json=body, **more)


def log_odds(price, kind):
    likely = probabilities([price])[0, KINDS.index(kind)]
    return np.log(likely / (1 - likely))


async def test_contributions_add_up_to_the_log_odds_of_the_class_that_is_named(service):
    told = await explained(
        service, {"price": 7.0, "shop_name": "north"}, {"price": 13.0, "shop_name": "south"}
    )
    assert (told["version"], told["background"]) == (1, 5)
    for item, price, kind in zip(told["rows"], (7.0, 13.0), ("iris", "tulip"), strict=True):
        assert (item["unit"], item["of"]) == ("log-odds", kind)
        assert item["answer"] == pytest.approx(log_odds(price, kind), rel=1e-3)
        assert item["base"] == pytest.approx(np.mean([log_odds(one, kind) for one in PRICES]), rel=1e-3)
        given = {one["column"]: one["contribution"] for one in item["contributions"]}
        assert given["shop_name"] == 0  # the model looks at the price alone
        assert item["base"] + sum(given.values()) == pytest.approx(item["answer"])


async def test_an_entry_is_explained_by_the_version_that_answered_it(service):
    await service.declare(flower_monitor(version(service.registry, 1), review={"below": 0.9}))
    await pushed(service)
    entry = (await service.call("GET", QUEUE))["items"][0]
    told = await service.call("GET", f"{QUEUE}/{entry['number']}/explanation")
    (item,) = told["rows"]
    assert item["of"] == entry["answer"]["class"]
    sure = entry["confidence"]
    assert item["answer"] == pytest.approx(np.log(sure / (1 - sure)), rel=1e-3, abs=1e-3)
    await service.declare(flower_monitor(version(service.registry, 2), review={"below": 0.9}))
    again = await service.call("GET", f"{QUEUE}/{entry['number']}/explanation")
    assert again == told, "another one is champion since, and not even archived: version 1 answered it"


async def brought(service, revision="sales--r1", shop=True):
    """One request of two rows, answered by *revision*; without *shop*, as if that input had not been logged."""
    sent = {"shop_name": "north"} if shop else {}
    rows = [
        {
            "request_id": "order-1", "index": place, "event_time": START.isoformat(), "revision": revision,
            "features": {"price": price} | sent, "prediction": probabilities([price])[0].tolist(),
        }
        for place, price in enumerate((7.1, 13.3))
    ]  # fmt: skip
    await service.declare(flower_monitor(version(service.registry, 1)))
    await service.call("POST", "/v1/monitors/sales/predictions", json={"rows": rows})


async def test_a_row_of_a_logged_request_is_explained_by_the_version_that_answered_it(service):
    await brought(service)
    kept = (await service.call("GET", REQUEST))["rows"]
    assert [row["features"] for row in kept] == [
        {"price": 7.1, "shop_name": "north"}, {"price": 13.3, "shop_name": "north"},
    ], "the numbers that were sent, and no digit more"  # fmt: skip
    await service.declare(flower_monitor(version(service.registry, 2)))
    for row, price, kind in zip(kept, (7.1, 13.3), ("iris", "tulip"), strict=True):
        told = await service.call(
            "GET",
            f"{REQUEST}/explanation?index={row['index']}",
            headers={"authorization": "Bearer viewer-token"},
        )
        assert told["version"] == 1
        assert told["rows"][0]["of"] == kind
        assert told["rows"][0]["answer"] == pytest.approx(log_odds(price, kind), rel=1e-3)
    assert "no answered row 2" in (await service.call("GET", f"{REQUEST}/explanation?index=2", 404)).text
    await service.call("GET", "/v1/monitors/sales/requests/nobody/explanation", 404)


async def test_an_input_that_was_not_logged_is_told_apart_from_one_that_was_not_sent(service):
    await brought(service, shop=False)
    told = (await service.call("GET", f"{REQUEST}/explanation", 409)).json()["detail"]
    assert "logged without its input 'shop_name'" in told
    assert "null" not in told


async def test_a_row_of_a_version_that_never_was_in_production_says_why_it_is_not_explained(service):
    await brought(service, "sales--r9")
    assert "sales--r9" in (await service.call("GET", f"{REQUEST}/explanation", 409)).text


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"price": 7.0}, "rows[0].shop_name is missing"),
        ({"price": "cheap", "shop_name": "north"}, "rows[0].price is text"),
        ({"price": 7.0, "shop_name": "north", "weight": 1}, "rows[0].weight is not an input of the model"),
    ],
)
async def test_a_wrong_row_is_refused_by_its_place(service, row, words):
    assert words in (await explained(service, row, expect=422)).text


async def test_what_cannot_be_explained_says_why(service):
    row = {"price": 7.0, "shop_name": "north"}
    assert "no version 9" in (await explained(service, row, version=9, expect=409)).text
    assert "no golden rows" in (await explained(service, row, version=2, expect=409)).text
    await explained(service, *[row] * 11, expect=422)


async def test_who_may_not_ask_a_model_may_not_ask_it_to_explain(service):
    """Base and contributions tell the answer."""
    row = {"price": 7.0, "shop_name": "north"}
    await explained(service, row, expect=403, headers={"authorization": "Bearer viewer-token"})


async def test_an_explanation_has_its_time_and_no_more(running, settings):
    async with running(settings.model_copy(update={"explain_seconds": 1e-6})) as service:
        row = {"price": 7.0, "shop_name": "north"}
        answer = await explained(service, row, expect=503)
        assert "longer than 1e-06 s" in answer.text


async def away(*_, **__):
    raise httpx.ConnectError("All connection attempts failed")


async def hangs(*_, **__):
    await asyncio.sleep(60)


@pytest.mark.parametrize(("registry_is", "words"), [(away, "is away"), (hangs, "did not give version 1")])
async def test_a_registry_that_does_not_answer_is_a_503_soon(service, monkeypatch, registry_is, words):
    monkeypatch.setattr(AsyncRegistry, "version", registry_is)
    monkeypatch.setattr(explainers, "READING_SECONDS", 0.05)
    answer = await explained(service, {"price": 7.0, "shop_name": "north"}, expect=503)
    assert words in answer.json()["detail"]
    assert answer.headers["retry-after"] == "1"


def test_waiting_and_work_end_before_serving_cuts_them():
    allowed = MonitoringSettings.model_fields["explain_seconds"].default
    assert 2 * allowed < EXPLAINED_WITHIN
