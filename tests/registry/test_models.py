"""Release units are immutable, and an alias moves by compare-and-set only."""

import hashlib
import json

import pytest
from onnx import TensorProto, helper
from sqlalchemy import select

from millrace_contracts.models import ModelVersionWrite
from millrace_core.database import utcnow
from millrace_registry.models.queries import ALWAYS, unit_digest
from millrace_registry.tables import Model, ModelVersion

from .conftest import caller, dataset_version, graph, together, version


async def register(client, body):
    return await client.post("/v1/models/sales/versions", json=body)


async def test_a_hostile_graph_is_refused_and_nothing_is_registered(client, put):
    await client.put("/v1/models/sales", json={})
    files = {"model.onnx": await put(graph()), "holdout.onnx": await put(graph(opsets=["com.evil"]))}
    answer = await register(client, version(files))
    assert answer.status_code == 422
    assert "holdout.onnx is refused" in answer.json()["detail"]
    assert (await client.get("/v1/models/sales")).json()["latest"] == 0


async def test_a_release_unit_is_given_back_as_it_was(client, put):
    await client.put("/v1/models/sales", json={})
    body = version(
        {"model.onnx": await put(graph()), "baseline.json": await put(b"{}")},
        metrics={"holdout": {"rmse": 1.5}},
    )
    body["baseline"] = body["files"]["baseline.json"]
    body["lineage"] = {"loop": "flights", "loop_run": 3, "trained_through": "2013-03-01T00:00:00+00:00"}
    made = await register(client, body)
    assert made.status_code == 201
    found = (await client.get("/v1/models/sales/versions/1")).json()
    assert found == made.json()
    assert {name: found[name] for name in ("files", "signature", "metrics", "baseline")} == {
        name: body[name] for name in ("files", "signature", "metrics", "baseline")
    }
    assert found["lineage"].items() >= body["lineage"].items()
    assert found["digest"].startswith("sha256:")


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"signature": {"inputs": [{}], "outputs": [{}]}}, "name"),
        ({"baseline": "sha256:" + "a" * 64}, "baseline"),
        ({"files": {"../../x.onnx": "sha256:" + "a" * 64}}, "files"),
        ({"files": {"model.onnx": "sha256:" + "a" * 64}}, "not stored"),
        ({"lineage": {"run": ["x"]}}, "lineage"),
        ({"metrics": {"deep": [[[[[[[[]]]]]]]] * 2, "big": 2**80}}, "64 bits"),
    ],
)
async def test_a_release_unit_that_is_not_one_is_refused(client, put, more, word):
    await client.put("/v1/models/sales", json={})
    answer = await register(client, version({"weights.bin": await put(b"w")}) | more)
    assert answer.status_code == 422
    assert word in answer.json()["detail"]
    assert (await client.get("/v1/models/sales/versions")).json()["items"] == []


async def test_the_same_key_is_the_same_version_and_other_content_a_conflict(client, put, model):
    digest = await put(b"weights")
    same = await register(client, version({"weights.bin": digest}, "run-2"))
    assert (same.status_code, same.json()["number"]) == (200, 2)
    other = version({"weights.bin": digest}, "run-2", metrics={"rmse": 1})
    assert (await register(client, other)).status_code == 409
    assert (await client.get("/v1/models/sales")).json()["latest"] == 3


async def test_a_version_that_was_registered_before_an_upgrade_is_the_same_one_after_it(app, client, put):
    await client.put("/v1/models/sales", json={})
    body = version({"weights.bin": await put(b"w")}, "run-1")
    lineage = dict.fromkeys(ALWAYS) | {"trained_through": "2024-02-09T00:00:00Z"}
    stored = ModelVersionWrite.model_validate(body).model_dump(mode="json") | {"lineage": lineage}
    async with app.state.services.sessions.begin() as session:
        model = (await session.scalars(select(Model).order_by(Model.id.desc()).limit(1))).one()
        row = {"number": 1, "key": "run-1", "digest": unit_digest(stored), "body": stored}
        session.add(ModelVersion(model_id=model.id, created_at=utcnow(), **row))
        model.latest = 1
    again = await register(client, body | {"lineage": {"trained_through": "2024-02-09T00:00:00Z"}})
    assert (again.status_code, again.json()["number"]) == (200, 1)
    other = await register(client, body | {"lineage": {"trained_through": "2024-03-09T00:00:00Z"}})
    assert other.status_code == 409


async def test_versions_registered_at_once_get_numbers_of_their_own_and_a_key_only_one(client, put):
    await client.put("/v1/models/sales", json={})
    digest = await put(graph())
    keys = ("a", "b", "b", "c", "b")
    answers = await together(*(register(client, version({"model.onnx": digest}, key)) for key in keys))
    numbers = {key: set() for key in keys}
    for key, answer in zip(keys, answers, strict=True):
        numbers[key].add(answer.json()["number"])
    assert all(len(found) == 1 for found in numbers.values())
    assert sorted(answer.status_code for answer in answers) == [200, 200, 201, 201, 201]
    assert {number for found in numbers.values() for number in found} == {1, 2, 3}


async def test_models_are_listed_and_foreign_ones_are_not_found(app, client, model):
    assert [item["name"] for item in (await client.get("/v1/models")).json()["items"]] == [model]
    assert (await client.get("/v1/models/none")).status_code == 404
    assert (await client.get("/v1/models/sales/versions/9")).status_code == 404
    async with caller(app, project="stranger") as stranger:
        for path in ("sales", "sales/versions/1", "sales/aliases", "sales/aliases/champion"):
            assert (await stranger.get(f"/v1/models/{path}")).status_code == 404


PATH = "/v1/models/sales/aliases/champion"


def move(client, version, expected, **why):
    return client.put(PATH, json={"version": version, "expected": expected, **why})


async def test_an_alias_moves_only_from_where_the_caller_believes_it_is(client, model):
    assert (await move(client, 1, None)).json()["version"] == 1
    stale = await move(client, 3, 2)
    assert stale.status_code == 409
    assert stale.json()["current"] == 1
    assert (await move(client, 2, 1)).json()["version"] == 2
    assert (await move(client, None, 2)).json()["version"] is None
    assert (await client.get("/v1/models/sales/aliases")).json() == [{"name": "champion", "version": None}]


async def test_of_many_first_promotions_at_once_exactly_one_wins(client, model):
    answers = await together(*(move(client, number, None) for number in (1, 2, 3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    (won,) = [answer.json()["version"] for answer in answers if answer.status_code == 200]
    assert {answer.json()["current"] for answer in answers if answer.status_code == 409} == {won}


async def test_of_many_promotions_at_once_exactly_one_wins(client, model):
    await move(client, 1, None)
    answers = await together(*(move(client, number, 1) for number in (2, 3, 2, 3, 2, 3)))
    winners = {answer.json()["version"] for answer in answers if answer.status_code == 200}
    assert len(winners) == 1
    history = (await client.get(f"{PATH}/history")).json()
    assert [item["number"] for item in history] == [1, 2]
    assert history[1]["previous"] == 1


async def test_every_promotion_of_many_writers_links_to_the_one_before(client, model):
    """Each writer reads, then compares and sets; whoever wins, the history is one chain without a gap."""

    async def writer(own):
        for _ in range(4):
            found = await client.get(PATH)
            now = found.json()["version"] if found.status_code == 200 else None
            await move(client, own if now != own else None, now)

    await together(*(writer(number) for number in (1, 2, 3)))
    history = (await client.get(f"{PATH}/history")).json()
    assert [item["number"] for item in history] == list(range(1, len(history) + 1))
    assert [item["previous"] for item in history] == [None, *(item["version"] for item in history[:-1])]
    assert (await client.get(PATH)).json()["version"] == history[-1]["version"]


async def test_moving_an_alias_where_it_already_is_is_no_move(client, model):
    await move(client, 1, None)
    assert (await move(client, 1, None)).status_code == 200
    assert len((await client.get(f"{PATH}/history")).json()) == 1


async def test_what_was_champion_at_an_instant_is_answered(client, model):
    await move(client, 1, None, event_time="2013-04-03T00:00:00Z")
    await move(
        client, 2, 1, event_time="2013-05-03T02:00:00+02:00", reason="better by 4 %", decision="d" * 36
    )
    asked = {"2013-04-20T00:00:00Z": 1, "2013-05-03T00:00:00Z": 2, "2013-12-01T00:00:00Z": 2}
    for instant, number in asked.items():
        assert (await client.get(PATH, params={"at": instant})).json()["version"] == number
    assert (await client.get(PATH, params={"at": "2013-01-01T00:00:00Z"})).status_code == 404
    assert (await client.get(PATH, params={"at": "2013-01-01T00:00:00"})).status_code == 422
    moves = (await client.get(f"{PATH}/history")).json()
    assert [(item["version"], item["reason"], item["actor"]) for item in moves] == [
        (1, "", "admin"),
        (2, "better by 4 %", "admin"),
    ]
    known_at = moves[0]["recorded_at"]
    past = {"at": "2013-12-01T00:00:00Z", "known_at": known_at}
    assert (await client.get(PATH, params=past)).json()["version"] == 1


async def test_an_alias_cannot_point_at_a_version_that_is_not_there(client, model):
    assert (await move(client, 9, None)).status_code == 404
    assert (await client.get(PATH)).status_code == 404
    assert (await move(client, 1, None, event_time="2013-05-03T00:00:00")).status_code == 422
    assert (await move(client, 0, None)).status_code == 422


async def test_lineage_leads_from_a_version_to_its_sources_and_decisions(client, put, told):
    await client.put("/v1/datasets/sales", json={})
    one, two = await put(b"one"), await put(b"two")
    await client.post("/v1/datasets/sales/versions", json=dataset_version(one))
    await client.post("/v1/datasets/sales/versions", json=dataset_version(two, parent=1))
    run = (await client.post("/v1/runs", json={"key": "k", "params": {"trials": 3}})).json()["id"]
    await client.put("/v1/models/sales", json={})
    lineage = {"dataset": "sales", "dataset_version": 2, "run": run, "loop": "flights", "loop_run": 4}
    await register(client, version({"weights.bin": await put(b"w")}, lineage=lineage))
    await client.post("/v1/decisions", json=told(1, run=4, kind="gate.verdict"))
    await client.post("/v1/decisions", json=told(2, run=5, kind="gate.verdict"))
    await move(client, 1, None, event_time="2013-04-03T00:00:00Z", reason="first")
    found = (await client.get("/v1/lineage", params={"model": "sales", "version": 1})).json()
    assert [item["version"] for item in found["data"]] == [2, 1]
    assert [item["source"]["digest"] for item in found["data"]] == [two, one]
    assert found["run"]["params"] == {"trials": 3}
    assert [item["run"] for item in found["decisions"]] == [4]
    assert [item["reason"] for item in found["champion"]] == ["first"]
    moves = (await client.get("/v1/models/sales/aliases/champion/history")).json()
    assert found["champion"][0]["recorded_at"] == moves[0]["recorded_at"]
    assert (await client.get("/v1/lineage", params={"model": "sales", "version": 2})).status_code == 404


async def test_lineage_tells_nothing_of_a_run_of_another_project(client, put, project):
    other = {"project": f"{project}-b"}
    run = (await client.post("/v1/runs", params=other, json={"key": "k", "params": {"secret": 3}})).json()[
        "id"
    ]
    await client.put("/v1/models/sales", json={})
    await register(client, version({"weights.bin": await put(b"w")}, lineage={"run": run}))
    found = await client.get("/v1/lineage", params={"model": "sales", "version": 1})
    assert "secret" not in found.text
    assert found.json()["run"] is None


SPREAD = {
    "inputs": [{"name": "x", "datatype": "FP32", "column": "x", "kind": "number"}],
    "outputs": [{"name": "prediction", "datatype": "FP32", "width": 3}],
    "task": "multiclass",
    "target": "y",
    "classes": ["a", "b", "c"],
}


def spread(width):
    """A graph that answers with *width* numbers a row."""
    made = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weights"], ["prediction"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor("weights", TensorProto.FLOAT, [1, 3], [1.0, 2.0, 3.0])],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


@pytest.mark.parametrize("width", [3, None])
async def test_a_model_of_many_classes_is_given_back_as_it_was(client, put, width):
    await client.put("/v1/models/kinds", json={})
    unit = version({"model.onnx": await put(spread(width))}, signature=SPREAD, task="multiclass")
    made = await client.post("/v1/models/kinds/versions", json=unit)
    assert made.status_code == 201, made.text
    assert (made.json()["task"], made.json()["signature"]) == ("multiclass", SPREAD)


async def test_a_graph_with_another_number_of_classes_than_its_signature_is_refused(client, put):
    await client.put("/v1/models/kinds", json={})
    unit = version({"model.onnx": await put(spread(4))}, signature=SPREAD, task="multiclass")
    refused = await client.post("/v1/models/kinds/versions", json=unit)
    assert refused.status_code == 422
    assert "prediction has 4 values a row, not 3" in refused.json()["detail"]


async def test_files_are_told_by_role_and_variant_where_their_names_do_not_tell_them(client, put):
    await client.put("/v1/models/sales", json={})
    quick = {"role": "model", "variant": "int8-cpu", "name": "model-int8.onnx", "digest": await put(graph())}
    base = {"role": "model", "variant": "base", "name": "model.onnx", "digest": await put(graph())}
    made = await client.post("/v1/models/sales/versions", json=version([base, quick]))
    assert made.status_code == 201, made.text
    assert made.json()["files"] == [base, quick]


async def test_the_digest_of_a_release_unit_is_what_it_always_was(client, put):
    """Its parts as JSON with sorted keys, without the key: versions that are stored stay what they are."""
    await client.put("/v1/models/sales", json={})
    unit = version(
        {"model.onnx": await put(graph())}, lineage={"trained_through": "2013-03-01T00:00:00+00:00"}
    )
    made = (await client.post("/v1/models/sales/versions", json=unit)).json()
    known = {"dataset": None, "dataset_version": None, "run": None, "loop": None, "loop_run": None}
    content = {
        "files": unit["files"], "signature": unit["signature"], "task": "regression", "target": "y",
        "metrics": {}, "baseline": None, "environment": {}, "golden": {}, "lineage": known | unit["lineage"],
    }  # fmt: skip
    expected = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    assert made["digest"] == f"sha256:{expected}"
