"""Artifacts, datasets and runs: what is stored is immutable, referenced, and given back as it was."""

import pytest
from tests.registry.conftest import together

from millrace_core.storage import digest_of


def dataset_version(digest, parent=None, source=None, rows=3):
    return {
        "parent": parent,
        "files": [{"digest": digest, "rows": rows, "size": 7}],
        "schema": [{"name": "x", "type": "number", "nullable": True}],
        "source": {"kind": "file", "name": "a.csv", "digest": source or digest},
        "rows": rows,
    }


async def test_an_artifact_comes_back_byte_for_byte_and_twice_the_same_is_one(client, put):
    digest = await put(b"hello")
    assert digest == await put(b"hello") == digest_of(b"hello")
    assert (await client.get(f"/v1/artifacts/{digest}")).content == b"hello"
    assert (await client.get(f"/v1/artifacts/{digest}/facts")).json()["size"] == 5


async def test_an_artifact_of_another_project_is_not_found(client, put):
    digest = await put(b"mine")
    assert (await client.get(f"/v1/artifacts/{digest}", params={"project": "other"})).status_code == 404


async def test_a_body_that_is_not_what_its_header_promises_is_refused(client):
    headers = {"x-millrace-digest": digest_of(b"other")}
    answer = await client.post("/v1/artifacts", content=b"hello", headers=headers)
    assert answer.status_code == 422
    assert (await client.get(f"/v1/artifacts/{digest_of(b'hello')}")).status_code == 404


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "sha256:abc", "sha256:" + "g" * 64])
async def test_a_path_is_no_digest(client, name):
    assert (await client.get(f"/v1/artifacts/{name}")).status_code in (404, 422)


async def test_a_flipped_byte_in_the_store_is_an_error_and_never_an_answer(app, client, put):
    digest = await put(b"hello")
    app.state.store.path(digest).write_bytes(b"hellO")
    answer = await client.get(f"/v1/artifacts/{digest}")
    assert answer.status_code == 500
    assert b"hellO" not in answer.content


async def test_versions_follow_each_other_and_the_same_source_is_not_added_twice(client, put):
    await client.put("/v1/datasets/sales", json={})
    one, two = await put(b"one"), await put(b"two")
    first = await client.post("/v1/datasets/sales/versions", json=dataset_version(one))
    assert (first.status_code, first.json()["number"]) == (201, 1)
    again = await client.post("/v1/datasets/sales/versions", json=dataset_version(one))
    assert (again.status_code, again.json()["number"]) == (200, 1)
    second = await client.post("/v1/datasets/sales/versions", json=dataset_version(two, parent=1))
    assert second.json()["number"] == 2
    assert (await client.get("/v1/datasets/sales/versions/latest")).json()["number"] == 2
    assert (await client.get("/v1/datasets/sales/versions/1")).json()["schema"][0]["name"] == "x"


async def test_of_many_versions_added_at_once_one_wins_and_the_others_are_told(client, put):
    await client.put("/v1/datasets/sales", json={})
    digests = [await put(b"%d" % number) for number in range(6)]
    calls = [client.post("/v1/datasets/sales/versions", json=dataset_version(digest)) for digest in digests]
    statuses = sorted(answer.status_code for answer in await together(*calls))
    assert statuses == [201, 409, 409, 409, 409, 409]


async def test_a_version_of_a_file_that_is_not_stored_is_refused(client):
    await client.put("/v1/datasets/sales", json={})
    answer = await client.post("/v1/datasets/sales/versions", json=dataset_version(digest_of(b"never")))
    assert answer.status_code == 422
    assert "not stored" in answer.text
    assert (await client.get("/v1/datasets/sales")).json()["latest"] == 0


async def test_refused_data_is_kept_with_its_report(client, put):
    await client.put("/v1/datasets/sales", json={})
    body = {"artifact": await put(b"bad"), "source": {"name": "bad.csv"}, "report": {"checks": []}}
    first = await client.post("/v1/datasets/sales/quarantine", json=body)
    again = await client.post("/v1/datasets/sales/quarantine", json=body)
    assert first.json()["id"] == again.json()["id"]
    listed = (await client.get("/v1/datasets/sales/quarantine")).json()["items"]
    assert [item["source"]["name"] for item in listed] == ["bad.csv"]


async def test_a_run_is_opened_once_for_a_key_and_collects_metrics(client):
    body = {"key": "loop/run-1", "params": {"trials": 3}}
    run = (await client.post("/v1/runs", json=body)).json()
    assert (await client.post("/v1/runs", json=body)).json()["id"] == run["id"]
    assert (await client.post("/v1/runs", json=body | {"params": {}})).status_code == 409
    await client.patch(f"/v1/runs/{run['id']}", json={"metrics": {"rmse": 1.5}})
    ended = (await client.patch(f"/v1/runs/{run['id']}", json={"state": "succeeded"})).json()
    assert ended["metrics"] == {"rmse": 1.5}
    assert ended["state"] == "succeeded"


async def test_a_list_is_read_in_pages_without_gaps(client):
    for number in range(7):
        await client.put(f"/v1/datasets/d{number}", json={})
    names, cursor = [], None
    while True:
        page = (
            await client.get("/v1/datasets", params={"limit": 3, **({"cursor": cursor} if cursor else {})})
        ).json()
        names += [item["name"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert names == [f"d{number}" for number in range(7)]
    assert (await client.get("/v1/datasets", params={"cursor": "forged"})).status_code == 422


async def test_only_what_nothing_mentions_goes_by_retention(client, put):
    kept, decided, loose = await put(b"kept"), await put(b"decided"), await put(b"loose")
    await client.put("/v1/datasets/sales", json={})
    await client.post("/v1/datasets/sales/versions", json=dataset_version(kept))
    from millrace.decisions import decision

    told = decision(
        project="default", loop="l", kind="run.opened", subject="run 1", outcome="opened", event_time=None,
        author="controller", reason="r", evidence={"artifact": decided},
    )  # fmt: skip
    assert (await client.post("/v1/decisions", json=told.model_dump(mode="json"))).status_code == 201
    young = await client.post("/v1/retention:apply", json={"older_than_seconds": 3600, "dry_run": False})
    assert young.json()["removed"] == []
    from datetime import timedelta

    from millrace_registry.retention.controller import apply

    result = await apply(client._transport.app, timedelta(seconds=-60), dry_run=False)
    assert result.removed == [loose]
    assert (await client.get(f"/v1/artifacts/{loose}")).status_code == 404
    assert (await client.get(f"/v1/artifacts/{kept}")).content == b"kept"
    assert (await client.get(f"/v1/artifacts/{decided}")).content == b"decided"
