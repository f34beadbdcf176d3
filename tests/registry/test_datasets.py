"""Dataset versions are immutable and follow each other; what was refused is kept."""

import itertools

import pytest

from millrace_contracts.training_runs import TrainingRunState as State
from millrace_core.errors import Conflict
from millrace_core.storage import digest_of
from millrace_registry.runs.states import ALLOWED, check

from .conftest import caller, dataset_version, together


@pytest.fixture
def add(client):
    """Add a version to `sales`, which is made now."""

    async def add(*arguments, **more):
        await client.put("/v1/datasets/sales", json={})
        return await client.post("/v1/datasets/sales/versions", json=dataset_version(*arguments, **more))

    return add


async def test_versions_follow_each_other_and_the_same_source_is_not_added_twice(client, put, add):
    one, two = await put(b"one"), await put(b"two")
    first, again = await add(one), await add(one)
    assert (first.status_code, first.json()["number"]) == (201, 1)
    assert (again.status_code, again.json()) == (200, first.json())
    assert (await add(two, parent=1)).json()["number"] == 2
    assert (await client.get("/v1/datasets/sales/versions/latest")).json()["number"] == 2
    assert (await client.get("/v1/datasets/sales/versions/1")).json()["schema"][0]["name"] == "x"
    listed = (await client.get("/v1/datasets/sales/versions")).json()["items"]
    assert [item["number"] for item in listed] == [1, 2]


async def test_only_later_versions_are_listed_when_asked_for(client, put, add):
    await add(await put(b"one"))
    await add(await put(b"two"), parent=1)
    first, second = (await client.get("/v1/datasets/sales/versions")).json()["items"]
    for since, numbers in ((first["created_at"], [2]), (second["created_at"], [])):
        asked = await client.get("/v1/datasets/sales/versions", params={"since": since})
        assert [item["number"] for item in asked.json()["items"]] == numbers


async def test_of_many_versions_added_at_once_one_wins_and_the_others_are_told(put, add):
    digests = [await put(b"%d" % number) for number in range(6)]
    answers = await together(*(add(digest) for digest in digests))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    told = next(answer for answer in answers if answer.status_code == 409)
    assert "version 1" in told.json()["detail"]


async def test_the_same_source_added_at_once_is_one_version_for_all(put, add):
    digest = await put(b"one")
    answers = await together(*(add(digest) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 200, 201]
    assert {answer.json()["number"] for answer in answers} == {1}


async def test_a_version_on_an_old_parent_is_refused(put, add):
    await add(await put(b"one"))
    assert (await add(await put(b"two"))).status_code == 409
    assert (await add(await put(b"two"), parent=7)).status_code == 409


async def test_a_version_of_a_file_that_is_not_stored_is_refused(client, add):
    answer = await add(digest_of(b"never"))
    assert answer.status_code == 422
    assert "not stored" in answer.text
    assert (await client.get("/v1/datasets/sales")).json()["latest"] == 0


async def test_what_is_not_there_is_404(client):
    await client.put("/v1/datasets/sales", json={})
    for path in (
        "none",
        "none/versions",
        "none/quarantine",
        "sales/versions/1",
        "sales/versions/latest",
        "sales/quarantine/1",
    ):
        assert (await client.get(f"/v1/datasets/{path}")).status_code == 404, path


async def test_refused_data_is_kept_once_with_its_report(client, put):
    await client.put("/v1/datasets/sales", json={})
    report = {"checks": [{"check": "type", "examples": ["a null \0 character"]}]}
    body = {"artifact": await put(b"bad"), "source": {"name": "bad.csv"}, "report": report}
    answers = await together(*(client.post("/v1/datasets/sales/quarantine", json=body) for _ in range(4)))
    (number,) = {answer.json()["id"] for answer in answers}
    listed = (await client.get("/v1/datasets/sales/quarantine")).json()["items"]
    assert [item["source"]["name"] for item in listed] == ["bad.csv"]
    assert (await client.get(f"/v1/datasets/sales/quarantine/{number}")).json()["report"] == report
    await client.put("/v1/datasets/other", json={})
    assert (await client.get(f"/v1/datasets/other/quarantine/{number}")).status_code == 404


async def test_a_list_is_read_in_pages_without_gaps(client):
    for number in range(7):
        await client.put(f"/v1/datasets/d{number}", json={})
    names, query = [], {"limit": 3}
    while True:
        page = (await client.get("/v1/datasets", params=query)).json()
        names += [item["name"] for item in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert names == [f"d{number}" for number in range(7)]
    assert (await client.get("/v1/datasets", params={"cursor": "forged"})).status_code == 422


async def test_projects_do_not_see_each_other(app, client, put, add, project):
    await add(await put(b"mine"))
    async with caller(app, project="stranger") as stranger:
        assert (await stranger.get("/v1/datasets/sales")).status_code == 404
        assert (await stranger.get("/v1/datasets/sales/versions/1")).status_code == 404
    names = [
        item["name"] for item in (await client.get("/v1/projects", params={"limit": 1000})).json()["items"]
    ]
    assert project in names


async def test_a_project_is_made_and_described(client, project):
    assert (await client.put(f"/v1/projects/{project}", json={"description": "ours"})).status_code == 200
    again = await client.put(f"/v1/projects/{project}", json={"description": "still ours"})
    assert again.json()["description"] == "still ours"


async def test_a_run_is_opened_once_for_a_key_and_collects_metrics(client, put):
    body = {"key": "loop/run-1", "loop": "flights", "params": {"trials": 3}}
    answers = await together(*(client.post("/v1/runs", json=body) for _ in range(5)))
    (run,) = {answer.json()["id"] for answer in answers}
    assert (await client.post("/v1/runs", json=body | {"params": {}})).status_code == 409
    await client.patch(f"/v1/runs/{run}", json={"metrics": {"rmse": 1.5}})
    files = {"artifacts": {"model.onnx": await put(b"m")}, "state": "succeeded"}
    await together(*(client.patch(f"/v1/runs/{run}", json=files) for _ in range(3)))
    ended = (await client.get(f"/v1/runs/{run}")).json()
    assert (ended["state"], ended["metrics"]) == ("succeeded", {"rmse": 1.5})
    listed = (await client.get("/v1/runs", params={"loop": "flights"})).json()["items"]
    assert [item["id"] for item in listed] == [run]
    assert (await client.get("/v1/runs", params={"loop": "other"})).json()["items"] == []
    assert (await client.patch(f"/v1/runs/{run}", json={"state": "running"})).status_code == 409


@pytest.mark.parametrize(("old", "new"), list(itertools.product(State, repeat=2)))
def test_a_run_moves_only_where_the_table_says(old, new):
    if new == old or new in ALLOWED[old]:
        check(old, new)
    else:
        with pytest.raises(Conflict):
            check(old, new)
