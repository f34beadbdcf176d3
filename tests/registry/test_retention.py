"""Retention removes what nothing mentions, and never what somebody stores or mentions at that moment."""

from datetime import timedelta

import pytest

from millrace_registry.retention.controller import apply

from .conftest import caller, dataset_version, graph, together, version

ANY_AGE = timedelta(seconds=-60)


async def test_only_what_nothing_mentions_goes(app, client, put, told):
    names = ("a version", "a decision", "a quarantine", "a run", "a model", "nothing")
    kept = {name: await put(name.encode()) for name in names}
    await client.put("/v1/datasets/sales", json={})
    await client.post("/v1/datasets/sales/versions", json=dataset_version(kept["a version"]))
    await client.post("/v1/decisions", json=told(1, evidence={"report": {"digest": kept["a decision"]}}))
    refused = {"artifact": kept["a quarantine"], "report": {}}
    await client.post("/v1/datasets/sales/quarantine", json=refused)
    run = (await client.post("/v1/runs", json={"key": "k"})).json()["id"]
    await client.patch(f"/v1/runs/{run}", json={"artifacts": {"model.onnx": kept["a run"]}})
    await client.put("/v1/models/sales", json={})
    await client.post("/v1/models/sales/versions", json=version({"weights.bin": kept["a model"]}))
    assert kept["nothing"] in (await apply(app.state.services, ANY_AGE, dry_run=True)).removed
    assert (await client.get(f"/v1/artifacts/{kept['nothing']}")).status_code == 200
    gone = (await apply(app.state.services, ANY_AGE, dry_run=False)).removed
    assert set(kept.values()) & set(gone) == {kept["nothing"]}
    for name, digest in kept.items():
        expected = 404 if name == "nothing" else 200
        assert (await client.get(f"/v1/artifacts/{digest}")).status_code == expected, name
    assert not await app.state.services.store.exists(kept["nothing"])


async def test_what_is_young_stays_and_storing_again_makes_young(app, client, put):
    digest = await put(b"young")
    young = {"older_than_seconds": 3600, "dry_run": False}
    answer = (await client.post("/v1/retention:apply", json=young)).json()
    assert digest not in answer["removed"]
    first = (await client.get(f"/v1/artifacts/{digest}/facts")).json()["created_at"]
    await put(b"young")
    assert (await client.get(f"/v1/artifacts/{digest}/facts")).json()["created_at"] > first


async def test_a_blob_stays_while_another_project_mentions_it(app, client, put):
    digest = await put(b"shared by two")
    async with caller(app, project="stranger") as stranger:
        await stranger.post("/v1/artifacts", content=b"shared by two")
        await stranger.put("/v1/datasets/shared", json={})
        await stranger.post("/v1/datasets/shared/versions", json=dataset_version(digest))
        await apply(app.state.services, ANY_AGE, dry_run=False)
        assert (await stranger.get(f"/v1/artifacts/{digest}")).content == b"shared by two"


@pytest.mark.parametrize("attempt", range(3))
async def test_what_is_mentioned_while_retention_runs_is_kept_or_refused_never_lost(
    app, client, put, attempt
):
    await client.put("/v1/models/sales", json={})
    digests = [await put(b"%d %d" % (attempt, number)) for number in range(6)]
    bodies = [version({"weights.bin": digest}, key=digest) for digest in digests]
    calls = [client.post("/v1/models/sales/versions", json=body) for body in bodies]
    calls[attempt + 1 : attempt + 1] = [apply(app.state.services, ANY_AGE, dry_run=False)]
    answers = await together(*calls)
    del answers[attempt + 1]
    for digest, answer in zip(digests, answers, strict=True):
        found = await client.get(f"/v1/artifacts/{digest}")
        assert (answer.status_code, found.status_code) in ((201, 200), (422, 404))


async def test_what_is_stored_while_retention_runs_is_there_or_refused_never_lost(app, client, put):
    await put(graph())
    for _ in range(5):
        calls = (
            client.post("/v1/artifacts", content=graph()),
            apply(app.state.services, ANY_AGE, dry_run=False),
        )
        stored, _ = await together(*calls)
        found = await client.get(f"/v1/artifacts/{await put(graph())}")
        assert stored.status_code in (201, 503)
        assert found.content == graph()
