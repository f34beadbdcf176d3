"""A refused delivery waits for a person; what the person decides is recorded with the author, once."""

import pytest_asyncio


@pytest_asyncio.fixture(loop_scope="session")
async def entry(client, put):
    await client.put("/v1/datasets/sales", json={})
    body = {"artifact": await put(b"bad"), "source": {"name": "bad.csv"}, "report": {"checks": []}}
    answer = await client.post("/v1/datasets/sales/quarantine", json=body)
    return answer.json() | {"body": body}


async def waiting(client):
    return (await client.get("/v1/datasets/sales/quarantine", params={"state": "waiting"})).json()["items"]


async def test_it_waits_until_it_is_settled_and_the_decision_names_the_changes_and_the_author(client, entry):
    assert (entry["state"], entry["dataset"]) == ("waiting", "sales")
    assert [item["id"] for item in await waiting(client)] == [entry["id"]]
    verdict = {
        "state": "accepted",
        "changes": ["'shop' also takes 'D'"],
        "reason": "it opened",
        "dataset_version": 2,
    }
    settled = await client.post(f"/v1/quarantine/{entry['id']}:settle", json=verdict)
    assert (settled.json()["state"], settled.json()["settled_by"]) == ("accepted", "user:admin")
    assert await waiting(client) == []
    (told,) = (await client.get("/v1/decisions", params={"kind": "data.accepted"})).json()["items"]
    assert (told["author"], told["outcome"]) == ("user:admin", "accepted")
    assert "(it opened)" in told["reason"]
    assert "'shop' also takes 'D'" in told["reason"]
    assert told["evidence"]["dataset_version"] == 2


async def test_the_datasets_of_which_something_waits_are_told_in_one_answer_with_what_changes(
    client, entry, put
):
    project = client.params["project"]

    async def told():
        items = (await client.get("/v1/quarantine", params={"limit": 500})).json()["items"]
        return [item for item in items if item["project"] == project]

    first = {"project": project, "dataset": "sales", "waiting": 1, "newest": entry["id"], "latest": 0}
    assert await told() == [first]
    body = entry["body"] | {"artifact": await put(b"worse")}
    other = (await client.post("/v1/datasets/sales/quarantine", json=body)).json()["id"]
    assert await told() == [first | {"waiting": 2, "newest": other}]
    await client.post(f"/v1/quarantine/{other}:settle", json={"state": "dropped"})
    assert await told() == [first]
    await client.post(f"/v1/quarantine/{entry['id']}:settle", json={"state": "dropped"})
    assert await told() == []


async def test_the_same_verdict_again_changes_nothing_and_another_one_is_409(client, entry):
    path = f"/v1/quarantine/{entry['id']}:settle"
    for _ in range(2):
        assert (await client.post(path, json={"state": "dropped"})).status_code == 200
    assert len((await client.get("/v1/decisions", params={"kind": "data.refused"})).json()["items"]) == 1
    answer = await client.post(path, json={"state": "accepted"})
    assert (answer.status_code, "dropped by user:admin" in answer.text) == (409, True)


async def test_what_waits_and_comes_again_says_what_is_wrong_now(client, entry):
    report = {"checks": [{"check": "range"}]}
    again = await client.post("/v1/datasets/sales/quarantine", json=entry["body"] | {"report": report})
    assert (again.json()["id"], again.json()["report"]) == (entry["id"], report)
    assert [item["report"] for item in await waiting(client)] == [report]


async def test_what_was_dropped_and_comes_again_waits_again(client, entry):
    await client.post(f"/v1/quarantine/{entry['id']}:settle", json={"state": "dropped"})
    again = await client.post("/v1/datasets/sales/quarantine", json=entry["body"])
    assert (again.json()["id"], again.json()["state"]) == (entry["id"], "waiting")
    await client.post(f"/v1/quarantine/{entry['id']}:settle", json={"state": "dropped"})
    assert await waiting(client) == []


async def test_an_entry_of_another_project_is_404(client, entry):
    assert (await client.get(f"/v1/quarantine/{entry['id']}")).status_code == 200
    elsewhere = await client.get(f"/v1/quarantine/{entry['id']}", params={"project": "elsewhere"})
    assert elsewhere.status_code == 404
