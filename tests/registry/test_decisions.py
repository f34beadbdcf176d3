"""The decision log can be added to and read; what was changed behind its back is found."""

import pytest
from sqlalchemy import text
from tests.registry.conftest import together

from millrace.decisions import decision
from millrace_core.auth import PUBLIC, permission_of, routes


def made(number, **more):
    usual = {
        "loop": "flights",
        "kind": "run.opened",
        "outcome": "opened",
        "event_time": None,
        "author": "controller",
    }
    facts = usual | {"reason": f"decision {number}", "evidence": {"value": 1 / (number + 1)}} | more
    return decision(project="default", subject=f"run {number}", **facts).model_dump(mode="json")


async def fill(client, count=5):
    for number in range(count):
        assert (await client.post("/v1/decisions", json=made(number))).status_code == 201


async def test_the_same_decision_twice_is_one_and_other_content_is_refused(client):
    first = made(1)
    assert (await client.post("/v1/decisions", json=first)).status_code == 201
    assert (await client.post("/v1/decisions", json=first)).status_code == 200
    assert (await client.post("/v1/decisions", json=first | {"reason": "another"})).status_code == 409
    assert (await client.get("/v1/decisions:verify")).json()["count"] == 1


async def test_decisions_told_at_once_are_one_unbroken_chain(client):
    answers = await together(*(client.post("/v1/decisions", json=made(number)) for number in range(12)))
    assert all(answer.status_code == 201 for answer in answers)
    found = (await client.get("/v1/decisions:verify")).json()
    assert found["ok"]
    assert found["count"] == 12


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE decisions SET body = replace(body, 'decision 2', 'decision X') WHERE number = 3",
        "UPDATE decisions SET kind = 'rollback' WHERE number = 3",
        "UPDATE decisions SET author_service = 'somebody' WHERE number = 3",
        "DELETE FROM decisions WHERE number = 3",
    ],
)
async def test_tampering_is_found_at_its_place(app, client, tamper):
    await fill(client)
    async with app.state.sessions.begin() as session:
        await session.execute(text(tamper))
    found = (await client.get("/v1/decisions:verify")).json()
    assert not found["ok"]
    assert found["first_bad"] in (3, 4)


async def test_what_followed_is_told_with_the_decision(client):
    cause = made(1)
    await client.post("/v1/decisions", json=cause)
    await client.post("/v1/decisions", json=made(2, kind="gate.verdict", cause=cause["id"]))
    found = (await client.get(f"/v1/decisions/{cause['id']}")).json()
    assert [item["kind"] for item in found["followed_by"]] == ["gate.verdict"]


async def test_the_digest_does_not_depend_on_order_ids_or_measurements(client):
    await client.post("/v1/decisions", json=made(1, measured={"seconds": 1.0}))
    await client.post("/v1/decisions", json=made(2))
    one = (await client.get("/v1/decisions:digest", params={"loop": "flights"})).json()
    params = {"project": "twin", "loop": "flights"}
    for number, more in ((2, {}), (1, {"measured": {"seconds": 9.0}})):
        await client.post("/v1/decisions", json=made(number, **more) | {"project": "default"}, params=params)
    assert one["count"] == 2


async def test_every_route_declares_a_permission_and_refuses_a_caller_without_a_token(app, client):
    for path, route in routes(app):
        permission = permission_of(route)
        assert permission, path
        if permission == PUBLIC:
            continue
        for method in route.methods:
            answer = await client.request(
                method, path.replace("{", "").replace("}", ""), headers={"authorization": ""}
            )
            assert answer.status_code == 401, (method, path)


async def test_a_viewer_reads_and_does_not_write(client):
    headers = {"authorization": "Bearer viewer-token"}
    assert (await client.get("/v1/decisions", headers=headers)).status_code == 200
    assert (await client.post("/v1/decisions", json=made(1), headers=headers)).status_code == 403
    assert (
        await client.get("/v1/decisions", headers={"authorization": "Bearer gateway-token"})
    ).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/v1/datasets/UPPER", {}),
        ("PUT", "/v1/datasets/ok", {"description": "x" * 3000}),
        ("PUT", "/v1/datasets/ok", {"surprise": 1}),
        ("POST", "/v1/datasets/none/versions", {}),
        ("POST", "/v1/decisions", {"id": "x"}),
        ("POST", "/v1/models/none/versions", {"files": {"../x": "sha256:00"}}),
        ("PATCH", "/v1/runs/none", {"state": "flying"}),
        ("GET", "/v1/models/none/versions/99999999999999999999", None),
        ("GET", "/v1/lineage?model=none&version=0", None),
        ("POST", "/v1/retention:apply", {"older_than_seconds": 1}),
    ],
)
async def test_bad_input_is_4xx_problem_json(client, method, path, body):
    answer = await client.request(method, path, json=body)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]
