"""Signing in with a password: guessing is slow, nothing tells names apart, and every session can be ended."""

from datetime import timedelta

import httpx
import pytest

from millrace.accounts import Accounts, passwords
from millrace_console.signin.tries import Tries
from millrace_contracts.accounts import Grant
from millrace_core.errors import TooMany

GOOD, OTHER = "mill wheels turn slowly", "rivers carry barley"
COOKIE = "millrace_session"


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    from argon2 import PasswordHasher

    made = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: made)
    passwords._nobodys.cache_clear()


@pytest.fixture
def accounts(tmp_path):
    (tmp_path / "run").mkdir()
    made = Accounts(tmp_path / "run")
    made.add("ada", [Grant(role="approver")], GOOD)
    made.add("bob", [Grant(role="viewer")], OTHER)
    return made


async def sign_in(client, name="ada", password=GOOD, **more):
    return await client.post("/login", data={"name": name, "password": password, "to": "/you"}, **more)


@pytest.fixture
def known(app, clock):
    app.state.services.accounts.tries._now = clock
    return app.state.services


async def page(client):
    answer = await client.get("/you")
    assert answer.status_code == 200, (answer.status_code, answer.text)
    return answer.text


def csrf(known, client):
    return known.people.find(client.cookies[COOKIE]).csrf


async def test_a_name_and_a_password_lead_to_the_page_that_was_asked_for(accounts, client, known):
    answer = await sign_in(client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/you")
    told = answer.headers["set-cookie"]
    assert "HttpOnly" in told
    assert "samesite=lax" in told.lower()
    text = await page(client)
    assert "ada" in text
    assert "mlr_" not in text, "the token never leaves the server"
    (session,) = accounts.sessions()
    assert (session.account, session.kind) == ("ada", "browser")


async def test_a_wrong_password_and_an_unknown_name_are_answered_alike(accounts, client, known):
    accounts.disable("bob")
    told = [await sign_in(client, name, "wrong wrong wrong") for name in ("ada", "nobody", "bob")]
    assert {answer.status_code for answer in told} == {401}
    assert len({answer.text for answer in told}) == 1
    assert (await sign_in(client, "bob", OTHER)).status_code == 401
    assert COOKIE not in client.cookies


async def test_guessing_has_to_wait_longer_and_longer_whether_or_not_there_is_the_name(
    accounts, client, known, clock
):
    for name in ("ada", "nobody"):
        for _ in range(5):
            assert (await sign_in(client, name, "wrong wrong wrong")).status_code == 401
        refused = await sign_in(client, name)
        assert refused.status_code == 429, "the right one, too: who guesses learns nothing"
        assert 1 <= int(refused.headers["retry-after"]) <= 5
    clock.now += 5
    assert (await sign_in(client, "ada", "wrong wrong wrong")).status_code == 401
    clock.now += 9
    assert (await sign_in(client)).status_code == 429
    clock.now += 1
    assert (await sign_in(client)).status_code == 303
    assert (await sign_in(client, "ada", "wrong wrong wrong")).status_code == 401, "a right one begins anew"


def test_many_tries_at_once_are_not_more_than_one_after_the_other(clock):
    tries = Tries(clock)
    for _ in range(5):
        tries.begin("ada", "here")
    with pytest.raises(TooMany):
        tries.begin("ada", "elsewhere")
    for number in range(15):
        tries.begin(f"name-{number}", "here")
    with pytest.raises(TooMany):
        tries.begin("another", "here")


def test_a_day_of_guessing_is_about_a_hundred_tries(clock):
    tries, made = Tries(clock), 0
    end = clock.now + 86_400
    while clock.now < end:
        try:
            tries.begin("ada", f"{made}")
            made += 1
        except TooMany as wait:
            clock.now += wait.retry_after
    assert 90 < made < 115


async def test_signing_in_again_gives_a_new_name_and_ends_the_old_session(accounts, client, known):
    given = await sign_in(client, headers={"cookie": f"{COOKIE}=chosen-by-somebody-else"})
    assert given.status_code == 303
    first = client.cookies[COOKIE]
    assert first != "chosen-by-somebody-else"
    await sign_in(client)
    assert client.cookies[COOKIE] != first
    assert known.people.find(first) is None
    assert len(accounts.sessions("ada")) == 1


@pytest.mark.parametrize("end", ["disable", "password", "session", "role"])
async def test_what_the_owner_ends_is_over_at_the_next_page(accounts, client, known, end):
    await sign_in(client)
    if end == "disable":
        accounts.disable("ada")
    elif end == "password":
        accounts.set_password("ada", OTHER)
    elif end == "session":
        accounts.end(lambda item: item.account == "ada")
    else:
        accounts.take("ada", "approver", None)
    answer = await client.get("/you")
    assert answer.status_code == (200 if end == "role" else 303)


async def test_signing_out_silence_and_age_end_what_opens_the_services_too(accounts, client, known, clock):
    await sign_in(client)
    await client.post("/logout", data={"csrf": csrf(known, client)})
    assert accounts.sessions() == []
    await sign_in(client)
    clock.now += 4 * 3600
    assert (await client.get("/you")).status_code == 303
    await known.people.close_ended()
    assert accounts.sessions() == []


async def test_browsers_of_an_earlier_process_are_forgotten_and_nothing_else(accounts, app):
    ada = accounts.find("ada")
    for kind in ("browser", "session", "token"):
        accounts.begin(ada, kind, kind, timedelta(hours=1))
    async with app.router.lifespan_context(app):
        left = [item.kind for item in (*accounts.sessions(), *accounts.tokens())]
    assert left == ["session", "token"]


async def test_people_end_their_other_sessions_and_no_one_elses(accounts, app, client, known):
    await sign_in(client)
    mine = client.cookies[COOKIE]
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as other:
        await sign_in(other, "bob", OTHER)
        strange = known.people.find(other.cookies[COOKIE])
        refused = await client.post("/you/sessions", data={"csrf": csrf(known, client), "which": strange.id})
        assert refused.status_code == 404
        await sign_in(other)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as program:
        made = (await program.post("/v1/sessions", json={"name": "ada", "password": GOOD})).json()
    assert "command line" in await page(client)
    done = await client.post("/you/sessions", data={"csrf": csrf(known, client), "which": "others"})
    assert done.status_code == 303
    assert len(accounts.sessions()) == 1
    assert not accounts.stands(made["token"])
    assert known.people.find(mine) is not None


async def test_a_changed_password_ends_every_session_and_the_wrong_old_one_changes_nothing(
    accounts, client, known
):
    await sign_in(client)
    given = {
        "csrf": csrf(known, client),
        "old": "wrong",
        "new": "quiet water grinds",
        "again": "quiet water grinds",
    }
    assert (await client.post("/you/password", data=given)).status_code == 401
    assert (
        await client.post("/you/password", data=given | {"old": GOOD, "again": "other"})
    ).status_code == 422
    short = await client.post("/you/password", data=given | {"old": GOOD, "new": "short", "again": "short"})
    assert short.status_code == 422
    assert "needs 12" in short.text
    done = await client.post("/you/password", data=given | {"old": GOOD})
    assert done.headers["location"] == "/login?changed=true"
    assert (await client.get("/you")).status_code == 303
    assert accounts.check("ada", "quiet water grinds")


async def test_a_token_is_shown_once_and_revoked_by_its_owner_alone(accounts, client, known):
    await sign_in(client)
    form = {"csrf": csrf(known, client)}
    made = await client.post("/you/tokens", data=form | {"label": "nightly push", "days": "30"})
    word = made.text.partition("<pre>")[2].partition("</pre>")[0]
    assert accounts.stands(word)
    assert word not in await page(client)
    assert (await client.post("/you/tokens", data=form | {"label": " ", "days": "30"})).status_code == 422
    assert (await client.post("/you/tokens", data=form | {"label": "x", "days": "400"})).status_code == 422
    (kept,) = accounts.tokens("ada")
    other = accounts.begin(accounts.find("bob"), "token", "bob's", timedelta(days=1))[1]
    assert (await client.get(f"/you/tokens/revoke?which={other.id}")).status_code == 404
    assert (await client.post("/you/tokens/revoke", data=form | {"which": other.id})).status_code == 404
    assert f'href="/you/tokens/revoke?which={kept.id}"' in await page(client)
    asked = (await client.get(f"/you/tokens/revoke?which={kept.id}")).text
    assert "Revoke this token?" in asked
    assert "nightly push" in asked
    assert accounts.stands(word), "asking revokes nothing"
    assert (await client.post("/you/tokens/revoke", data=form | {"which": kept.id})).status_code == 303
    assert not accounts.stands(word)


async def test_a_token_of_a_program_outlives_signing_out_and_ends_when_it_is_revoked(accounts, client, known):
    word, kept = accounts.begin(accounts.find("ada"), "token", "nightly push", timedelta(days=30))
    shown = {"authorization": f"Bearer {word}"}
    refused = await client.delete("/v1/sessions/mine", headers=shown)
    assert refused.status_code == 409
    assert "millrace tokens revoke" in refused.json()["detail"]
    assert known.tokens.actor(word).name == "ada"
    accounts.end(lambda item: item.id == kept.id)
    assert known.tokens.actor(word) is None
    assert (await client.delete("/v1/sessions/mine", headers=shown)).status_code == 401


async def test_programs_sign_in_and_out_and_are_told_in_json(accounts, client, known):
    made = await client.post("/v1/sessions", json={"name": "ada", "password": GOOD})
    assert made.status_code == 201
    told = made.json()
    assert told["name"] == "ada"
    assert known.tokens.actor(told["token"]).role == "approver"
    shown = {"authorization": f"Bearer {told['token']}"}
    assert (await client.delete("/v1/sessions/mine", headers=shown)).status_code == 204
    assert known.tokens.actor(told["token"]) is None
    again = await client.delete("/v1/sessions/mine", headers=shown)
    assert again.status_code == 401
    wrong = await client.post("/v1/sessions", json={"name": "ada", "password": "wrong"})
    assert wrong.status_code == 401
    assert wrong.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/v1", "/v1/nothing", "/v1/sessions/other", "/v1/links/x"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_programs_are_told_in_json_also_where_there_is_nothing(client, method, path):
    answer = await client.request(method, path)
    assert answer.status_code in (404, 405)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code


async def test_where_nobody_has_an_account_no_password_is_asked_for(client):
    assert 'name="password"' not in (await client.get("/login")).text
    assert (await sign_in(client)).status_code == 401


async def test_accounts_that_cannot_be_read_are_no_error_of_whoever_signs_in(accounts, client, known):
    accounts.path.write_text("{")
    answer = await sign_in(client)
    assert answer.status_code == 401
    assert "owner has to look" in answer.text
