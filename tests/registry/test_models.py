"""Release units are plain models and immutable; an alias moves by compare-and-set only."""

import pytest
from onnx import TensorProto, helper
from tests.registry.conftest import graph, together, version


def nested(tensor):
    """A node with a subgraph that holds *tensor*."""
    output = helper.make_tensor_value_info("o", TensorProto.FLOAT, [1])
    body = helper.make_graph([helper.make_node("Identity", ["w"], ["o"])], "b", [], [output], [tensor])
    return helper.make_node("If", ["c"], ["unused"], then_branch=body, else_branch=body)


def external_tensor():
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    return tensor


HOSTILE = {
    "external data": (graph(external=True), "external data"),
    "external data in a subgraph": (graph(attribute=nested(external_tensor())), "external data"),
    "external data in a constant": (
        graph(attribute=helper.make_node("Constant", [], ["k"], value=external_tensor())),
        "external data",
    ),
    "a custom operator": (graph(domain="com.evil"), "domain"),
    "garbage": (b"\x80\x04\x95garbage", "not an ONNX"),
    "nothing": (b"", "not an ONNX"),
    "a pickle": (b"cos\nsystem\n(S'id'\ntR.", "not an ONNX"),
    "other inputs": (graph(inputs=("x", "z")), "signature"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_model_is_refused_with_the_reason_and_not_registered(client, put, name):
    data, word = HOSTILE[name]
    await client.put("/v1/models/sales", json={})
    answer = await client.post("/v1/models/sales/versions", json=version({"model.onnx": await put(data)}))
    assert answer.status_code == 422, answer.text
    assert word in answer.json()["detail"]
    assert (await client.get("/v1/models/sales")).json()["latest"] == 0


async def test_a_hostile_second_graph_is_found_too(client, put):
    await client.put("/v1/models/sales", json={})
    files = {"model.onnx": await put(graph()), "holdout.onnx": await put(graph(external=True))}
    answer = await client.post("/v1/models/sales/versions", json=version(files))
    assert answer.status_code == 422
    assert "holdout.onnx" in answer.text


async def test_the_same_key_is_the_same_version_and_other_content_a_conflict(client, put, model):
    digest = await put(graph())
    same = await client.post("/v1/models/sales/versions", json=version({"model.onnx": digest}, "run-2"))
    assert (same.status_code, same.json()["number"]) == (200, 2)
    other = version({"model.onnx": digest}, "run-2", metrics={"rmse": 1})
    assert (await client.post("/v1/models/sales/versions", json=other)).status_code == 409


async def test_versions_registered_at_once_get_numbers_of_their_own(client, put):
    await client.put("/v1/models/sales", json={})
    digest = await put(graph())
    calls = [
        client.post("/v1/models/sales/versions", json=version({"model.onnx": digest}, f"k{n}"))
        for n in range(4)
    ]
    numbers = sorted(answer.json()["number"] for answer in await together(*calls))
    assert numbers == [1, 2, 3, 4]


def move(client, version, expected, **why):
    return client.put(
        "/v1/models/sales/aliases/champion", json={"version": version, "expected": expected, **why}
    )


async def test_an_alias_moves_only_from_where_the_caller_believes_it_is(client, model):
    assert (await move(client, 1, None)).json()["version"] == 1
    stale = await move(client, 3, 2)
    assert stale.status_code == 409
    assert stale.json()["current"] == 1
    assert (await move(client, 2, 1)).json()["version"] == 2


async def test_of_many_promotions_at_once_exactly_one_wins(client, model):
    await move(client, 1, None)
    answers = await together(*(move(client, number, 1) for number in (2, 3, 2, 3, 2, 3)))
    winners = {answer.json()["version"] for answer in answers if answer.status_code == 200}
    assert len(winners) == 1
    history = (await client.get("/v1/models/sales/aliases/champion/history")).json()
    assert [item["number"] for item in history] == [1, 2]
    assert history[1]["previous"] == 1


async def test_moving_an_alias_where_it_already_is_is_no_move(client, model):
    await move(client, 1, None)
    assert (await move(client, 1, None)).status_code == 200
    assert len((await client.get("/v1/models/sales/aliases/champion/history")).json()) == 1


async def test_what_was_champion_at_an_instant_is_answered(client, model):
    await move(client, 1, None, event_time="2013-04-03T00:00:00Z")
    await move(client, 2, 1, event_time="2013-05-03T00:00:00Z")
    path = "/v1/models/sales/aliases/champion"
    asked = {"2013-04-20T00:00:00Z": 1, "2013-05-03T00:00:00Z": 2, "2013-12-01T00:00:00Z": 2}
    for instant, number in asked.items():
        assert (await client.get(path, params={"at": instant})).json()["version"] == number
    assert (await client.get(path, params={"at": "2013-01-01T00:00:00Z"})).status_code == 404
    assert (await client.get(path, params={"at": "2013-01-01T00:00:00"})).status_code == 422


async def test_an_alias_cannot_point_at_a_version_that_is_not_there(client, model):
    assert (await move(client, 9, None)).status_code == 404
