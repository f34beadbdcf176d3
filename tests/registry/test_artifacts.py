"""Artifacts come back as they were stored, or not at all."""

import pytest

from millrace_core.storage import digest_of
from millrace_registry.artifacts import routes

from .conftest import caller, dataset_version, together


async def test_an_artifact_comes_back_byte_for_byte_and_twice_the_same_is_one(client, put):
    digest = await put(b"hello")
    assert digest == await put(b"hello") == digest_of(b"hello")
    answer = await client.get(f"/v1/artifacts/{digest}")
    assert answer.content == b"hello"
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["x-content-type-options"] == "nosniff"
    facts = (await client.get(f"/v1/artifacts/{digest}/facts")).json()
    assert (facts["size"], facts["media_type"]) == (5, "application/octet-stream")


async def test_an_empty_artifact_is_one_too(client, put):
    assert (await client.get(f"/v1/artifacts/{await put(b'')}")).content == b""


async def test_head_says_that_an_artifact_is_whole(app, client, put):
    digest = await put(b"to be damaged later")
    answer = await client.head(f"/v1/artifacts/{digest}")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "19", b"")
    app.state.services.store.path(digest).write_bytes(b"to be damaged latex")
    assert (await client.head(f"/v1/artifacts/{digest}")).status_code == 500
    assert (await client.head(f"/v1/artifacts/{digest_of(b'never')}")).status_code == 404


async def test_an_artifact_of_another_project_is_not_found(app, client, put):
    digest = await put(b"mine")
    async with caller(app, project="stranger") as stranger:
        for path in (f"/v1/artifacts/{digest}", f"/v1/artifacts/{digest}/facts"):
            assert (await stranger.get(path)).status_code == 404
        await stranger.put("/v1/datasets/d", json={})
        assert (
            await stranger.post("/v1/datasets/d/versions", json=dataset_version(digest))
        ).status_code == 422


async def test_a_body_that_is_not_what_its_header_promises_is_refused(client):
    headers = {"x-millrace-digest": digest_of(b"other")}
    answer = await client.post("/v1/artifacts", content=b"broken promise", headers=headers)
    assert answer.status_code == 422
    assert (await client.get(f"/v1/artifacts/{digest_of(b'broken promise')}")).status_code == 404


@pytest.mark.parametrize(
    "name", ["..%2f..%2fetc%2fpasswd", "sha256:abc", "sha256:" + "g" * 64, "sha256:" + "a" * 64 + "%00"]
)
async def test_a_path_is_no_digest(client, name):
    for path in (f"/v1/artifacts/{name}", f"/v1/artifacts/{name}/facts"):
        assert (await client.get(path)).status_code in (404, 422)


async def test_a_flipped_byte_in_the_store_is_an_error_and_never_an_answer(app, client, put):
    digest = await put(b"hello tampering")
    app.state.services.store.path(digest).write_bytes(b"hellO tampering")
    answer = await client.get(f"/v1/artifacts/{digest}")
    assert answer.status_code == 500
    assert b"hellO" not in answer.content


async def test_a_large_artifact_streams_and_a_damaged_one_never_ends_well(app, client, put, monkeypatch):
    monkeypatch.setattr(routes, "SMALL", 10)
    data = bytes(range(256)) * 10_000
    digest = await put(data)
    answer = await client.get(f"/v1/artifacts/{digest}")
    assert answer.content == data
    assert answer.headers["content-length"] == str(len(data))
    app.state.services.store.path(digest).write_bytes(data[:-1] + b"!")
    assert len((await client.get(f"/v1/artifacts/{digest}")).content) < len(data)


async def test_the_same_bytes_stored_at_once_are_one_artifact(client):
    answers = await together(*(client.post("/v1/artifacts", content=b"at once") for _ in range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["digest"] for answer in answers} == {digest_of(b"at once")}
