"""The decision log can be added to and read; what was changed behind its back is found."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from millrace_registry.decisions import queries
from millrace_registry.decisions.chain import Head

from .conftest import caller, dataset_version, started, together

VERIFY = "/v1/decisions:verify"


async def fill(client, told, count=5):
    for number in range(count):
        assert (await client.post("/v1/decisions", json=told(number, "default"))).status_code == 201


async def test_the_same_decision_twice_is_one_and_other_content_is_refused(client, told):
    first = told(1)
    assert (await client.post("/v1/decisions", json=first)).status_code == 201
    assert (await client.post("/v1/decisions", json=first)).status_code == 200
    assert (await client.post("/v1/decisions", json=first | {"reason": "another"})).status_code == 409
    listed = (await client.get("/v1/decisions")).json()["items"]
    assert [item["reason"] for item in listed] == ["decision 1"]


async def test_the_same_decision_told_at_once_by_many_is_one(client, told):
    answers = await together(*(client.post("/v1/decisions", json=told(1)) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 200, 201]


async def test_decisions_told_at_once_are_one_unbroken_chain(client, told):
    before = (await client.get(VERIFY)).json()
    answers = await together(*(client.post("/v1/decisions", json=told(number)) for number in range(12)))
    assert all(answer.status_code == 201 for answer in answers)
    after = (await client.get(VERIFY)).json()
    assert after["ok"]
    assert after["count"] == before["count"] + 12
    remembered = {"count": before["count"], "head": before["head"]}
    assert (await client.get(VERIFY, params=remembered)).json()["ok"]


async def test_who_follows_begins_now_and_gets_each_decision_of_every_project_once(client, told):
    await client.post("/v1/decisions", json=told(0))
    begun = (await client.get("/v1/decisions:feed")).json()
    assert begun["items"] == []
    for number in range(1, 6):
        params = {"project": "another"} if number % 2 else {}
        body = {name: value for name, value in told(number).items() if name != "project"}
        assert (await client.post("/v1/decisions", json=body, params=params)).status_code == 201
    seen, after = [], begun["last"]
    for expected in (2, 2, 1, 0):
        part = (await client.get("/v1/decisions:feed", params={"after": after, "limit": 2})).json()
        assert len(part["items"]) == expected
        seen += part["items"]
        after = part["last"]
    assert [item["reason"] for item in seen] == [f"decision {number}" for number in range(1, 6)]
    assert len({item["project"] for item in seen} | {"another"}) == 2


async def test_the_newest_come_first_if_that_is_asked_for_page_by_page(client, told):
    for number in range(5):
        await client.post("/v1/decisions", json=told(number))
    seen, cursor = [], None
    while not seen or cursor is not None:
        query = {"order": "newest", "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/decisions", params=query)).json()
        seen, cursor = seen + [item["subject"] for item in page["items"]], page["next"]
    assert seen == ["run 4", "run 3", "run 2", "run 1", "run 0"]


async def test_decisions_are_found_by_loop_kind_and_run(client, told):
    for body in (told(1, run=1), told(2, run=2, kind="gate.verdict"), told(3, loop="other")):
        await client.post("/v1/decisions", json=body)

    async def found(**query):
        items = (await client.get("/v1/decisions", params=query)).json()["items"]
        return [item["subject"] for item in items]

    assert await found() == ["run 1", "run 2", "run 3"]
    assert await found(loop="flights") == ["run 1", "run 2"]
    assert await found(kind="gate.verdict") == ["run 2"]
    assert await found(run=1) == ["run 1"]
    page = (await client.get("/v1/decisions", params={"limit": 2})).json()
    assert await found(cursor=page["next"]) == ["run 3"]


async def test_what_followed_is_told_with_the_decision(client, told):
    cause = told(1)
    await client.post("/v1/decisions", json=cause)
    await client.post("/v1/decisions", json=told(2, kind="gate.verdict", cause=cause["id"]))
    found = (await client.get(f"/v1/decisions/{cause['id']}")).json()
    assert [item["kind"] for item in found["followed_by"]] == ["gate.verdict"]
    assert (await client.get("/v1/decisions/none")).status_code == 404


async def test_a_decision_that_is_to_follow_its_cause_is_424_until_the_cause_is_there(client, told):
    cause, body = told(1), told(2, kind="gate.verdict", cause=told(1)["id"])
    early = await client.post("/v1/decisions", json=body, params={"after_cause": True})
    assert (early.status_code, early.json()["title"]) == (424, "Its cause is not there yet")
    await client.post("/v1/decisions", json=cause)
    assert (await client.post("/v1/decisions", json=body, params={"after_cause": True})).status_code == 201
    lost = told(3, cause=told(4)["id"])
    assert (await client.post("/v1/decisions", json=lost)).status_code == 201


async def test_a_decision_of_another_project_is_not_found_and_not_told_here(app, client, told):
    body = told(1)
    await client.post("/v1/decisions", json=body)
    async with caller(app, project="stranger") as stranger:
        assert (await stranger.get(f"/v1/decisions/{body['id']}")).status_code == 404
        assert (await stranger.post("/v1/decisions", json=body)).status_code == 422


async def digest(backend, bodies, **query):
    """Decision digest of a new service that is told *bodies*."""
    async with started(await backend()) as app, caller(app) as client:
        for body in bodies:
            assert (await client.post("/v1/decisions", json=body)).status_code == 201
        return (await client.get("/v1/decisions:digest", params=query)).json()


async def test_a_replay_has_the_same_digest_and_another_decision_another(backend, told):
    def tell(seconds, outcome="opened"):
        usual = told(1, "default", measured={"seconds": seconds}, outcome=outcome), told(2, "default")
        return [*usual, told(3, "default", loop="other")]

    first = await digest(backend, tell(1.0), loop="flights")
    replay = await digest(backend, reversed(tell(9.0)), loop="flights")
    other = await digest(backend, tell(1.0, "closed"), loop="flights")
    assert first == replay
    assert first["count"] == 2
    assert other["digest"] != first["digest"]


GUARDED = ("decisions", "alias_moves", "dataset_versions", "model_versions")


async def unguard(session):
    """What somebody with all rights on the database would do first."""
    if session.get_bind().dialect.name == "postgresql":
        for table in GUARDED:
            await session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        return
    for (name,) in (
        await session.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
    ).all():
        await session.execute(text(f"DROP TRIGGER {name}"))


TAMPERED = {
    "a byte": ("UPDATE decisions SET body = replace(body, 'decision 2', 'decision X') WHERE number = 3", 3),
    "a column": ("UPDATE decisions SET kind = 'rollback' WHERE number = 3", 3),
    "an author": ("UPDATE decisions SET author_service = 'somebody' WHERE number = 3", 3),
    "a time": ("UPDATE decisions SET recorded_at = '2013-01-01 00:00:00.000000' WHERE number = 3", 3),
    "a deletion": ("DELETE FROM decisions WHERE number = 3", 4),
    "the first one deleted": ("DELETE FROM decisions WHERE number = 1", 2),
    "an exchange": (
        "UPDATE decisions SET number = CASE number WHEN 2 THEN -3 ELSE -2 END WHERE number IN (2, 3)",
        -3,
    ),
    "the end cut off": ("DELETE FROM decisions WHERE number = 5", 5),
    "everything removed": ("DELETE FROM decisions", 1),
}


async def test_tampering_is_found_at_its_place(backend, told):
    """Each harm in a transaction that is rolled back, so that one service is enough for all."""
    async with started(await backend()) as app, caller(app) as client:
        await fill(client, told)
        known = (await client.get(VERIFY)).json()
        head = Head(known["count"], known["head"])
        assert (known["ok"], known["count"]) == (True, 5)
        for harm, (statement, place) in TAMPERED.items():
            async with app.state.services.sessions() as session:
                await unguard(session)
                await session.execute(text(statement))
                found = await queries.verify(session, head)
                assert (found.ok, found.first_bad) == (False, place), harm
                await session.rollback()
        assert (await client.get(VERIFY)).json() == known


async def test_a_log_that_was_forged_from_the_start_is_found_by_a_remembered_head(client, told):
    await client.post("/v1/decisions", json=told(1))
    honest = (await client.get(VERIFY)).json()
    forged = {"count": honest["count"], "head": "sha256:" + "f" * 64}
    answer = (await client.get(VERIFY, params=forged)).json()
    assert (answer["ok"], answer["first_bad"]) == (False, honest["count"])
    assert (await client.get(VERIFY, params={"count": 1})).status_code == 422


@pytest.mark.parametrize("table", GUARDED)
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET {column} = {column}"])
async def test_the_database_itself_refuses_to_rewrite_what_is_recorded(
    app, client, put, model, told, table, statement
):
    column = {"decisions": "body", "alias_moves": "reason"}.get(table, "body")
    await client.post("/v1/decisions", json=told(1))
    await client.put("/v1/models/sales/aliases/champion", json={"version": 1, "expected": None})
    await client.put("/v1/datasets/sales", json={})
    await client.post("/v1/datasets/sales/versions", json=dataset_version(await put(b"rows")))
    async with app.state.services.sessions() as session:
        with pytest.raises(DBAPIError, match="never changed or removed"):
            await session.execute(text(statement.format(table, column=column)))
        await session.rollback()


async def test_the_newest_decision_of_each_of_many_loops_is_one_call(client, told):
    for number, loop in enumerate(("a", "b", "a", "c", "b")):
        await client.post("/v1/decisions", json=told(number, loop=loop))
    answer = await client.get("/v1/decisions:latest", params={"loops": "a,b,none"})
    (a, b) = answer.json()
    assert [(item["loop"], item["kind"], item["outcome"]) for item in (a, b)] == [
        (name, told(0)["kind"], told(0)["outcome"]) for name in ("a", "b")
    ]
    assert (a["id"], b["id"]) == (told(2, loop="a")["id"], told(4, loop="b")["id"])
    assert "evidence" not in a, "a line says no more than it shows"
    assert (await client.get("/v1/decisions:latest", params={"loops": "A b"})).status_code == 422
