"""Nobody sees a page without signing in, nothing changes without a form of the session, nothing is let in besides."""

import json
import re

import httpx
import pytest
from fastapi import FastAPI, HTTPException

from millrace_console.people.permits import look
from millrace_console.people.routes import safe
from millrace_core.auth import PUBLIC, permission_of, routes

OPEN = {
    "/healthz", "/readyz", "/openapi.json", "/login", "/link", "/v1/links", "/v1/sessions",
    "/v1/sessions/mine", "/oidc/start", "/oidc/callback", "/oidc/out", "/static/{digest}/{name}", "/favicon.ico",
}  # fmt: skip
FILLED = {
    "project": "default", "loop": "sales", "number": "1", "decision": "0" * 36, "entry": "1", "alarm": "a-1",
    "job": "0" * 32, "backtest": "0" * 12,
}  # fmt: skip


def address(path, what):
    """*path* with something in each of its places."""
    for name, value in FILLED.items():
        path = path.replace("{" + name + "}", value)
    return path.replace("{what}", what)


def guarded(app):
    """Every guarded page and action, as (method, address)."""
    for path, route in routes(app):
        if permission_of(route) in (PUBLIC, "metrics.read"):
            continue
        what = "accept" if "quarantine" in path else "approve" if "/runs/" in path else "pause"
        yield from ((method, address(path, what)) for method in route.methods - {"HEAD"})


async def test_every_route_declares_a_permission_and_all_but_a_few_ask_who_is_there(app, client):
    found = {path for path, route in routes(app) if permission_of(route) == PUBLIC}
    assert found == OPEN
    for method, path in guarded(app):
        answer = await client.request(method, path)
        assert answer.status_code == 303, (method, path)
        assert answer.headers["location"].startswith("/login?to="), path


async def forgeable(app, signed):
    """Actions that are done for a form that is not of the session, as (path, status)."""
    found = []
    for path in [path for method, path in guarded(app) if method == "POST"]:
        for body in ({}, {"csrf": "guessed"}):
            answer = await signed.request("POST", path, data=body)
            if answer.status_code != 403:
                found.append((path, answer.status_code))
    return found


async def test_what_changes_something_is_refused_without_the_sessions_own_form(app, signed, person):
    assert len([path for method, path in guarded(app) if method == "POST"]) >= 4
    assert await forgeable(app, signed) == []


async def test_an_action_that_is_planted_with_the_guard_of_a_page_is_found(app, signed, person):
    @app.post("/p/{project}/planted", dependencies=[look()])
    async def planted(project: str):
        return project

    assert await forgeable(app, signed) == [("/p/default/planted", 200)] * 2


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
async def test_a_form_of_another_site_is_refused_even_with_the_right_word(signed, person, headers):
    answer = await signed.post("/p/default/loops/sales/do/pause", data={"csrf": person.csrf}, headers=headers)
    assert answer.status_code == 403
    login = await signed.post("/login", data={"token": "x"}, headers=headers)
    assert login.status_code == 403


async def test_a_service_that_is_away_gives_a_page_that_says_so(app, signed):
    gets = [
        path
        for method, path in guarded(app)
        if method == "GET"
        and path not in ("/", "/p", "/you", "/you/tokens/revoke", "/p/default/new", "/p/default/audit")
        and "/audit/files/" not in path
    ]
    assert len(gets) >= 10
    for path in gets:
        query = {"loop": "sales", "version": 1, "id": "r-1"} if "/audit/" in path else None
        answer = await signed.get(path, params=query)
        assert answer.status_code in (200, 503), (path, answer.status_code)
        assert "does not answer now" in answer.text
        assert answer.headers["content-type"].startswith("text/html")


async def test_every_answer_forbids_what_pages_do_not_need(signed):
    for path in ("/login", "/p/default/loops", "/nowhere", "/healthz"):
        headers = (await signed.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert "data:" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"


async def test_an_address_that_is_none_is_a_page_and_no_error_of_ours(signed):
    for path in ("/nowhere", "/p/Not%20a%20name/loops", "/p/default/loops/x/runs/none", "/static/0/../x"):
        assert (await signed.get(path)).status_code == 404, path
    assert (await signed.get("/p/default/loops?sort=evil")).status_code == 422
    assert (await signed.get("/p/default/decisions?kind=<script>")).status_code == 422


async def test_a_session_ends_when_it_is_old_or_silent_or_signed_out(app, signed, clock, person):
    hour = 3600
    for _ in range(3):
        clock.now += 3 * hour
        assert app.state.services.people.find(signed.cookies["millrace_session"]) is person
    clock.now += 4 * hour
    answer = await signed.get("/p/default/alarms")
    assert answer.headers["location"].startswith("/login?to=%2Fp%2Fdefault%2Falarms&over=true")


async def test_signing_out_forgets_the_session_on_the_server(app, signed, person):
    key = signed.cookies["millrace_session"]
    answer = await signed.post("/logout", data={"csrf": person.csrf})
    assert answer.headers["location"] == "/login"
    assert app.state.services.people.find(key) is None


async def test_a_token_that_no_longer_holds_ends_the_session(app, signed, person):
    behind = FastAPI()

    @behind.get("/v1/projects")
    @behind.get("/v1/loops:overview")
    def refused():
        raise HTTPException(401)

    person.clients.registry.api._client = person.clients.controller.api._client = httpx.AsyncClient(
        transport=httpx.ASGITransport(behind), base_url="http://behind"
    )
    answer = await signed.get("/p/default/loops")
    assert answer.status_code == 303
    assert "over=true" in answer.headers["location"]
    assert app.state.services.people.find(signed.cookies["millrace_session"]) is None


@pytest.mark.parametrize(
    ("asked", "led"),
    [("/p/x/loops?a=b", "/p/x/loops?a=b"), ("//evil.example", "/"), ("https://evil.example", "/"),
     ("/\\evil.example", "/"), ("javascript:alert(1)", "/"), ("/a\nb", "/")],
)  # fmt: skip
def test_signing_in_leads_nowhere_but_into_the_console(asked, led):
    assert safe(asked) == led


async def test_signing_in_while_the_registry_is_away_says_so(client):
    answer = await client.post("/login", data={"token": "mlr_x", "to": "/"})
    assert answer.status_code == 401
    assert "registry does not answer" in answer.text


async def test_a_link_works_once_and_not_when_it_is_old(app, client, clock):
    people = app.state.services.people
    first, second = people.offer("one"), people.offer("two")
    assert first in (await client.get(f"/link?word={first}")).text
    assert people.redeem(first) == "one", "looking at it did not use it up"
    assert people.redeem(first) is None
    clock.now += 121
    assert people.redeem(second) is None
    answer = await client.post("/link", data={"word": second})
    assert answer.status_code == 401
    assert "too old" in answer.text


async def test_programs_get_problem_json(client):
    for headers in ({}, {"authorization": "Bearer nobody"}):
        answer = await client.post("/v1/links", headers=headers)
        assert answer.status_code == 401
        assert json.loads(answer.text)["status"] == 401


async def test_what_no_header_can_carry_is_no_token(client):
    for token in (b"\xe9", b"x" * 9000, b"a\tb"):
        answer = await client.post("/v1/links", headers=[(b"authorization", b"Bearer " + token)])
        assert answer.status_code == 401
        assert "no token" in answer.json()["detail"]


async def test_a_long_address_leads_to_the_form_as_every_other(client):
    for letters in (490, 3000, 9000):
        led = await client.get("/p/default/decisions?before=" + "x" * letters)
        answer = await client.get(led.headers["location"])
        assert answer.status_code == 200
        assert ("x" * letters in answer.text) == (letters < 4000)


async def test_browsers_tell_the_origin_of_our_own_forms_also_without_tls(signed, person):
    """Without TLS there is no sec-fetch-site; and under no-referrer the origin of every form would be null."""
    form = await signed.get("/login")
    assert form.headers["referrer-policy"] == "same-origin"
    own = await signed.post("/logout", data={"csrf": person.csrf}, headers={"origin": "http://localhost"})
    assert own.status_code == 303
    assert (await signed.post("/login", data={"token": "x"}, headers={"origin": "null"})).status_code == 403


async def test_a_connection_that_is_lost_while_a_delivery_is_taken_is_no_bug_of_ours(
    signed, person, monkeypatch
):
    def lost(*_, **__):
        raise httpx.ReadTimeout("lost")

    monkeypatch.setattr("millrace.quarantine.accept", lost)
    body = {"csrf": person.csrf, "reason": "ours"}
    answer = await signed.post("/p/default/quarantine/1/do/accept", data=body)
    assert answer.status_code == 503
    assert "look whether it was taken" in answer.text


@pytest.mark.parametrize(
    "what",
    [
        "loops/sales/runs/1/do/reject",
        "loops/sales/runs/1/do/approve",
        "quarantine/1/do/drop",
        "loops/sales/do/rollback",
    ],
)
@pytest.mark.parametrize(
    "fields", [{}, {"reason": " ", "digest": "none"}, {"reason": "a\x00b", "digest": "x"}]
)
async def test_a_form_that_does_not_fit_is_a_persons_mistake(signed, person, what, fields):
    answer = await signed.post(f"/p/default/{what}", data={"csrf": person.csrf} | fields)
    assert answer.status_code in (422, 503), answer.text


async def test_a_foreign_host_is_refused(client):
    assert (await client.get("/login", headers={"host": "evil.example"})).status_code == 400


async def test_a_refusal_never_takes_the_place_of_a_page_that_looks_for_news(signed):
    """htmx puts answers of any status into the page unless it is told not to; its look for news ended with that."""
    text = (await signed.get("/p/default/audit")).text
    told = re.search(r"name=\"htmx-config\" content='([^']+)'", text)[1]
    assert {"4xx", "5xx"} <= set(json.loads(told)["noSwap"])
