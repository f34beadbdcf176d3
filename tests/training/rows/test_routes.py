"""Data through the whole service: real jobs in real processes against a real registry."""

import asyncio

import pytest
from tables import sales, to_csv

from millrace import documents


async def ended(client, job: dict) -> dict:
    found = (await client.get(f"/v1/jobs/{job['id']}", params={"wait": 30})).json()
    assert found["state"] == "succeeded", found
    return found["result"]


@pytest.fixture
def urls(registry, monitoring):
    return {"registry_url": registry, "monitoring_url": monitoring.url}


def rows(count: int = 60) -> list[dict]:
    return [
        {"shop": "nord" if n % 2 else "süd", "n": n, "at": f"2024-01-01T{n % 24:02d}:00:00Z", "y": n * 1.5}
        for n in range(count)
    ]


async def test_rows_over_rest_become_a_version_and_the_same_rows_are_one_job(serve, urls, client):
    body = {"rows": rows(), "target": "y", "event_time": "at"}
    async with serve(**urls) as http:
        first = await http.post("/v1/datasets/shops/rows", json=body)
        assert first.status_code == 201, first.text
        result = await ended(http, first.json())
        assert (result["accepted"], result["dataset_version"], result["rows"]) == (True, 1, 60)
        again = await http.post("/v1/datasets/shops/rows", json=body)
        assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
        assert client.registry.dataset_version("shops").source.kind == "rows"


async def test_a_contract_is_inferred_through_the_service(serve, urls, client):
    digest = client.registry.put_artifact(to_csv(sales()))
    body = {"digest": digest, "format": "csv", "target": "revenue", "event_time": "sold_at"}
    async with serve(**urls) as http:
        made = await http.post("/v1/contracts:infer", json=body)
        assert made.status_code == 201, made.text
        assert (await ended(http, made.json()))["task_guess"] == "regression"
        assert (await http.post("/v1/contracts:infer", json=body)).status_code == 200


async def test_a_loop_is_drafted_through_the_service_as_init_drafts_it(serve, urls, client):
    """The texts parse into a loop that the controller would take; what cannot be drafted says what to do."""
    digest = client.registry.put_artifact(to_csv(sales()))
    asked = {"digest": digest, "format": "csv", "name": "shop.csv", "loop": "shop"}
    timed = asked | {"target": "revenue", "event_time": "sold_at", "timezone": "Europe/Berlin"}
    async with serve(**urls) as http:
        result = await ended(http, (await http.post("/v1/contracts:infer", json=timed)).json())
        loop = documents.read(result["loop_draft"], result["contract_draft"], "shop")
        assert (loop.metadata.name, loop.spec.task, loop.spec.data.event_time) == (
            "shop",
            "regression",
            "sold_at",
        )
        assert loop.spec.data.contract is not None
        assert loop.spec.data.contract.target == "revenue"
        assert loop.spec.data.source is None
        assert "inferred from shop.csv" in result["contract_draft"]
        one = client.registry.put_artifact(b"a,same\n1,x\n2,x\n3,x\n")
        alike = asked | {"digest": one, "target": "same"}
        result = await ended(http, (await http.post("/v1/contracts:infer", json=alike)).json())
        assert (result["loop_draft"], result["task_guess"]) == ("", None)
        assert result["mend"]


async def test_a_refusal_in_a_loop_is_a_decision_that_reaches_the_registry(serve, urls, client):
    digest = client.registry.put_artifact(b"a,a\n1,2\n")
    source = {"kind": "artifact", "digest": digest, "name": "bad.csv", "format": "csv"}
    job = {"key": "flights-1", "kind": "ingest", "spec": {"dataset": "shops", "source": source}}
    async with serve(decision_seconds=0.1, **urls) as http:
        made = await http.post("/v1/jobs", json=job | {"loop": "shops", "loop_run": 1})
        result = await ended(http, made.json())
        assert not result["accepted"]
        while not (found := client.registry.decisions(loop="shops")):
            await asyncio.sleep(0.05)
        (decision,) = found
        assert (decision.kind, decision.outcome, decision.run) == ("data.refused", "refused", 1)
        assert "same name: 'a'" in decision.reason


BAD = [
    ("/v1/datasets/UPPER/rows", {"rows": [{"a": 1}]}),
    ("/v1/datasets/d/rows", {"rows": []}),
    ("/v1/datasets/d/rows", {"rows": [{"a": {"b": 1}}]}),
    ("/v1/datasets/d/rows", {"rows": [{"a": 10**40}]}),
    ("/v1/datasets/d/rows", {"rows": [{"a": "x\u0000"}]}),
    ("/v1/datasets/d/rows", {"rows": [{"": 1}]}),
    ("/v1/datasets/d/rows", {"rows": [1]}),
    ("/v1/datasets/d/rows", {"rows": [{"a": 1}], "timezone": "../../etc/passwd"}),
    ("/v1/datasets/d/rows", {"rows": [{"a": 1}], "timezone": "Mars/Base"}),
    ("/v1/datasets/d/rows", {"rows": [{"a": 1}], "contract": {"columns": []}}),
    ("/v1/contracts:infer", {"digest": "sha256:zz", "format": "csv"}),
    ("/v1/contracts:infer", {"digest": "sha256:" + "0" * 64, "format": "pickle"}),
]


async def test_bad_input_is_4xx_and_stores_nothing(serve, urls):
    async with serve(**urls) as http:
        for path, body in BAD:
            response = await http.post(path, json=body)
            assert response.status_code == 422, (path, body, response.text)
        assert (await http.get("/v1/jobs")).json()["items"] == []
