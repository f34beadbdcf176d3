"""People make tokens for their programs: no more than they may, with an end, and revoked within seconds everywhere."""

import hashlib
import json
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio
from tests.core.fake_issuer import ISSUER, KeyServer, issuers_file, token

from millrace.aio import AsyncMillrace
from millrace_core.errors import Unavailable
from millrace_core.personal import SECONDS, Personal
from millrace_registry.tokens import queries

from .conftest import started

ROLES = [
    {"claim": "groups", "value": "engineers", "role": "operator", "project": "shop"},
    {"claim": "groups", "value": "engineers", "role": "viewer", "project": "depot"},
    {"claim": "groups", "value": "risk", "role": "approver", "project": "shop"},
    {"claim": "groups", "value": "owners", "role": "admin"},
    {"claim": "groups", "value": "typists", "role": "viewer", "project": "Team_A"},
    {"claim": "groups", "value": "typists", "role": "viewer", "project": "shop"},
    {"subject": "bob", "role": "viewer", "project": "shop"},
]
PART = {"authorization": "Bearer of-serving"}


def of(sub, *groups):
    day = int(time.time()) + 86400  # made when the tests are collected, shown when their turn comes
    mail = {"email": f"{sub}@firm.example", "email_verified": True, "exp": day}
    return {"authorization": f"Bearer {token(sub=sub, groups=list(groups), **mail)}"}


ADA, EVE, ROOT = of("ada", "engineers"), of("eve", "risk"), of("root", "owners")


@pytest_asyncio.fixture(loop_scope="session")
async def registry(backend, tmp_path):
    """A registry that believes an issuer, and a service that asks it; made anew for each test."""
    server = KeyServer()
    tokens = tmp_path / "tokens.json"
    digest = hashlib.sha256(b"of-serving").hexdigest()
    tokens.write_text(json.dumps({"tokens": [{"name": "serving", "role": "serving", "sha256": digest}]}))
    usual = {"jwks_url": server.url, "roles": ROLES}
    file = issuers_file(tmp_path, usual, usual | {"audience": "programs"})
    async with started(await backend(issuers_file=file, tokens_file=tokens)) as app:
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")
        async with http:
            http.app = app
            yield http
    server.server.shutdown()


async def made(registry, who, *grants, days=30, expect=201, **more):
    body = {"label": "nightly push", "days": days, "grants": list(grants)} | more
    answer = await registry.post("/v1/tokens", json=body, headers=who)
    assert answer.status_code == expect, answer.text
    return answer.json()


def shown(word):
    return {"authorization": f"Bearer {word}"}


SHOP = {"role": "operator", "project": "shop"}


async def test_a_token_acts_as_its_owner_with_the_roles_that_it_was_given_and_no_others(registry):
    kept = await made(registry, ADA, SHOP)
    who = (await registry.get("/v1/whoami?project=shop", headers=shown(kept["token"]))).json()
    assert (who["name"], who["identifier"]) == ("ada@firm.example", f"{ISSUER}#ada")
    assert who["projects"] == [{"project": "shop", "roles": ["operator"]}]
    assert who["role"] is None
    assert (await registry.get("/v1/models?project=shop", headers=shown(kept["token"]))).status_code == 200
    assert (await registry.get("/v1/models?project=depot", headers=shown(kept["token"]))).status_code == 404
    listed = (await registry.get("/v1/tokens", headers=ADA)).json()
    assert [(item["id"], item["label"], item["revoked_at"]) for item in listed] == [
        (kept["id"], "nightly push", None)
    ]
    assert "token" not in listed[0]
    assert (await registry.get("/v1/tokens", headers=EVE)).json() == []


@pytest.mark.parametrize(
    ("who", "grant"),
    [
        (ADA, {"role": "admin", "project": "shop"}),
        (ADA, {"role": "approver", "project": "shop"}),
        (ADA, {"role": "operator", "project": "depot"}),
        (ADA, {"role": "viewer", "project": "elsewhere"}),
        (ADA, {"role": "viewer"}),
        (EVE, {"role": "operator", "project": "shop"}),
    ],
)
async def test_nobody_gives_a_token_what_was_not_given_to_them(registry, who, grant):
    refused = await made(registry, who, grant, expect=403)
    assert grant["role"] in refused["detail"]
    assert (await registry.get("/v1/tokens", headers=who)).json() == []


async def test_a_project_that_is_misspelt_in_the_issuers_file_locks_nobody_out(registry):
    answer = await registry.get("/v1/whoami", headers=of("bob", "typists"))
    assert answer.status_code == 200, answer.text
    assert answer.json()["grants"] == [{"role": "viewer", "project": "shop"}], "and nothing is offered twice"


async def test_a_role_may_be_handed_on_in_part(registry):
    for who, grant in (
        (ADA, {"role": "viewer", "project": "shop"}),
        (ADA, {"role": "labeller", "project": "shop"}),
        (ROOT, {"role": "approver"}),
        (ROOT, {"role": "admin", "project": "shop"}),
    ):
        assert (await made(registry, who, grant))["grants"] == [{"project": None} | grant]


async def test_of_two_roles_everywhere_none_is_lost_in_silence(registry):
    refused = await made(registry, ROOT, {"role": "viewer"}, {"role": "approver"}, expect=422)
    assert "one role at most holds everywhere" in json.dumps(refused)
    assert (await made(registry, ROOT, {"role": "viewer"}, {"role": "approver", "project": "shop"}))["token"]


async def test_neither_a_token_nor_a_part_nor_a_service_account_makes_a_token(registry):
    word = (await made(registry, ADA, SHOP))["token"]
    refused = await made(registry, shown(word), SHOP, expect=403)
    assert "Sign in yourself" in refused["detail"]
    assert "kubectl create token" in (await made(registry, PART, SHOP, expect=403))["detail"]
    too_long = await made(registry, ADA, SHOP, days=91, expect=422)
    assert "90" in too_long["detail"]


async def test_one_revokes_ones_own_and_an_admin_anybodys(registry):
    one, two = [await made(registry, ADA, SHOP) for _ in range(2)]
    assert (await registry.delete(f"/v1/tokens/{one['id']}", headers=EVE)).status_code == 404
    assert (await registry.delete(f"/v1/tokens/{one['id']}", headers=ADA)).status_code == 204
    assert (await registry.delete(f"/v1/tokens/{one['id']}", headers=ADA)).status_code == 204
    assert (await registry.get("/v1/tokens?everybodys=true", headers=ADA)).status_code == 403
    every = (await registry.get("/v1/tokens?everybodys=true", headers=ROOT)).json()
    assert {item["id"] for item in every} == {one["id"], two["id"]}
    assert (await registry.delete(f"/v1/tokens/{two['id']}", headers=ROOT)).status_code == 204
    ended = (await registry.get("/v1/tokens", headers=ADA)).json()
    assert {item["id"]: item["revoked_by"] for item in ended} == {
        one["id"]: "ada@firm.example", two["id"]: "root@firm.example",
    }  # fmt: skip
    for item in (one, two):
        assert (await registry.get("/v1/whoami", headers=shown(item["token"]))).status_code == 401


async def test_what_ended_hides_nothing_that_still_opens_something(registry, monkeypatch):
    monkeypatch.setattr(queries, "SHOWN", 2)
    old, *later = [await made(registry, ADA, SHOP) for _ in range(3)]
    for item in later:
        await registry.delete(f"/v1/tokens/{item['id']}", headers=ADA)
    for who, query in ((ADA, ""), (ROOT, "?everybodys=true")):
        shown_first = (await registry.get(f"/v1/tokens{query}", headers=who)).json()[0]
        assert (shown_first["id"], shown_first["revoked_at"]) == (old["id"], None)


class Clock:
    def __init__(self):
        self.seconds, self.at = 0.0, datetime.now(UTC)

    def __call__(self):
        return self.seconds

    def now(self):
        return self.at + timedelta(seconds=self.seconds)


@pytest.fixture
def service(registry):
    """How any other service looks at a token: by asking the registry with its own, and believing it for a while."""
    clock = Clock()
    clients = AsyncMillrace({"registry": "http://localhost"}, "of-serving")
    clients.registry.api._client = httpx.AsyncClient(
        transport=httpx.ASGITransport(registry.app), base_url="http://localhost"
    )
    found = Personal(clients.registry.standing_token, clock=clock, now=clock.now)
    found.clock, found.clients = clock, clients
    return found


async def test_what_is_revoked_opens_nothing_in_any_service_within_five_seconds(registry, service):
    kept = await made(registry, ADA, SHOP)
    assert (await service.actor(kept["token"])).given == (("shop", "operator"),)
    assert (await service.actor(kept["token"])).known.key == f"{ISSUER}#ada"
    assert (await registry.delete(f"/v1/tokens/{kept['id']}", headers=ADA)).status_code == 204
    service.clock.seconds += SECONDS
    assert SECONDS < 5
    assert await service.actor(kept["token"]) is None


async def test_a_token_ends_by_itself_to_the_second_and_one_that_nobody_made_opens_nothing(registry, service):
    kept = await made(registry, ADA, SHOP, days=1)
    service.clock.at = datetime.fromisoformat(kept["made_at"])
    service.clock.seconds = 86_399
    assert await service.actor(kept["token"]) is not None
    service.clock.seconds = 86_400
    assert await service.actor(kept["token"]) is None
    assert await service.actor("mlp_nobodys") is None
    assert await service.actor("another") is None


async def test_a_token_for_some_hours_does_not_last_the_day(registry):
    soon = datetime.now(UTC) + timedelta(hours=2)
    assert (
        datetime.fromisoformat((await made(registry, ADA, SHOP, until=soon.isoformat()))["ends_at"]) == soon
    )
    late = datetime.now(UTC) + timedelta(days=80)
    kept = await made(registry, ADA, SHOP, until=late.isoformat())
    assert datetime.fromisoformat(kept["ends_at"]) < late - timedelta(days=49), "days bound it, too"
    assert await made(registry, ADA, SHOP, until="9999-12-31T23:59:59-12:00")
    over = await made(registry, ADA, SHOP, until="2026-01-05T12:00:00Z", expect=422)
    assert "is over" in over["detail"]


async def test_while_the_registry_is_away_nobody_is_let_in_on_an_old_answer(registry, service):
    kept = await made(registry, ADA, SHOP)
    assert await service.actor(kept["token"]) is not None

    async def away(request):
        raise httpx.ConnectError("gone")

    service.clients.registry.api._client = httpx.AsyncClient(
        transport=httpx.MockTransport(away), base_url="http://localhost"
    )
    assert await service.actor(kept["token"]) is not None, "for the seconds that an answer holds"
    service.clock.seconds += SECONDS
    with pytest.raises(Unavailable):
        await service.actor(kept["token"])


async def test_a_viewer_cannot_ask_what_tokens_open(registry):
    ask = {"sha256": "0" * 64}
    assert (await registry.post("/v1/tokens:standing", json=ask, headers=ADA)).status_code == 403
    assert (await registry.post("/v1/tokens:standing", json=ask, headers=PART)).status_code == 404


async def test_who_asks_is_told_what_a_token_could_be_given_and_that_is_given_as_it_is_told(registry):
    """What is offered is what `POST /v1/tokens` takes: roles of Kubernetes' RBAC are no part of it."""
    for who, offered in (
        (ADA, [SHOP, {"role": "viewer", "project": "depot"}]),
        (ROOT, [{"role": "admin", "project": None}]),
    ):
        told = (await registry.get("/v1/whoami", headers=who)).json()["grants"]
        assert told == offered
        for grant in told:
            kept = await made(registry, who, grant)
    assert (await registry.get("/v1/whoami", headers=shown(kept["token"]))).json()["grants"] == []
    assert (await registry.get("/v1/whoami", headers=PART)).json()["grants"] == []


@pytest.mark.parametrize("kind", ["another audience", "without groups"])
async def test_where_tokens_of_a_person_say_more_and_less_the_least_holds_whichever_came_last(registry, kind):
    day = int(time.time()) + 86400
    mail = {"sub": "ada", "email": "ada@firm.example", "email_verified": True, "exp": day}
    less = {"groups": ["typists"], "aud": "programs"} if kind == "another audience" else {"sub": "ada"}
    narrow = {"authorization": f"Bearer {token(**mail | less)}"}
    kept = await made(
        registry, ADA, {"role": "viewer", "project": "depot"}, {"role": "viewer", "project": "shop"}
    )
    shop, answers = {"role": "viewer", "project": "shop"}, []
    for who in (ADA, narrow, ADA, narrow, ADA):
        await registry.get("/v1/whoami", headers=who)
        told = await registry.get("/v1/whoami", headers=shown(kept["token"]))
        answers.append([item["project"] for item in told.json().get("projects", [])])
    assert answers == [["depot", "shop"]] + [["shop"] if kind == "another audience" else []] * 4
    later = await made(registry, ADA, shop)
    assert (await registry.get("/v1/whoami", headers=shown(later["token"]))).status_code == 200, (
        "it was made since"
    )


async def test_a_role_that_is_lost_at_the_provider_is_lost_to_tokens_once_their_owner_comes_again(registry):
    depot = {"role": "viewer", "project": "depot"}
    one, both = await made(registry, ADA, SHOP), await made(registry, ADA, SHOP, depot)
    moved = of("ada", "risk")
    assert (await registry.get("/v1/whoami", headers=moved)).status_code == 200
    for kept in (one, both):
        assert (await registry.get("/v1/whoami", headers=shown(kept["token"]))).status_code == 401
    assert (await registry.get("/v1/whoami", headers=ADA)).status_code == 200
    who = (await registry.get("/v1/whoami", headers=shown(both["token"]))).json()
    assert [item["project"] for item in who["projects"]] == ["depot", "shop"], "given again, it may again"
    asked = {"sha256": hashlib.sha256(both["token"].encode()).hexdigest()}
    assert (await registry.get("/v1/whoami", headers=of("ada"))).status_code == 401, "no role is left at all"
    assert (await registry.post("/v1/tokens:standing", json=asked, headers=PART)).status_code == 404
