"""A service refuses strangers, foreign hosts, large bodies and unguarded routes, and its errors leak nothing."""

import asyncio
import hashlib
import json
import socket

import httpx
import pytest
from fastapi import APIRouter, Request
from fastapi.testclient import TestClient
from starlette.responses import PlainTextResponse

from millrace_core.app import create_app
from millrace_core.auth import PUBLIC, Actor, permission_of, permit, routes
from millrace_core.errors import BadInput, FieldError
from millrace_core.hosts import KnownHosts
from millrace_core.settings import Settings

TOKENS = {"admin-token": "admin", "viewer-token": "viewer", "gateway-token": "gateway"}


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "run").mkdir()
    entries = [
        {"name": role, "role": role, "sha256": hashlib.sha256(token.encode()).hexdigest()}
        for token, role in TOKENS.items()
    ]
    (tmp_path / "run" / "tokens.json").write_text(json.dumps({"tokens": entries}))
    return Settings(home=tmp_path, service="probe", max_body_bytes=1000)


@pytest.fixture
def client(settings):
    router = APIRouter()

    @router.get("/v1/things", dependencies=[permit("probe.things.read")])
    def read() -> dict[str, str]:
        return {"thing": "one"}

    @router.post("/v1/things", dependencies=[permit("probe.things.write")])
    async def write(request: Request) -> dict[str, int]:
        return {"size": len(await request.body())}

    @router.get("/v1/bug", dependencies=[permit("probe.things.read")])
    def bug() -> None:
        raise RuntimeError("/secret/path and a password")

    @router.get("/v1/refusal", dependencies=[permit("probe.things.read")])
    def refusal() -> None:
        raise BadInput("Row 3 is wrong.", [FieldError("rows[3].distance", "is text", "send a number")])

    app = create_app(settings, "probe", [router])
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


async def test_a_request_that_waits_while_its_server_ends_is_told_to_come_again(settings):
    """A server that ends cancels what takes too long; without an answer of ours that was 500."""
    router, waits = APIRouter(), asyncio.Event()

    @router.get("/v1/long", dependencies=[permit("probe.things.read")])
    async def long() -> None:
        waits.set()
        await asyncio.Event().wait()

    app, sent = create_app(settings, "probe", [router]), []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(b"host", b"localhost"), (b"authorization", b"Bearer viewer-token")]
    scope = {"type": "http", "method": "GET", "path": "/v1/long", "raw_path": b"/v1/long", "headers": headers}
    scope |= {"query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": ""}
    async with app.router.lifespan_context(app):
        request = asyncio.ensure_future(app(scope, receive, send))
        await asyncio.wait_for(waits.wait(), 10)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
    start, body = sent
    assert (start["status"], dict(start["headers"])[b"retry-after"]) == (503, b"1")
    assert json.loads(body["body"])["title"] == "Not available now"


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def test_a_route_without_a_permission_stops_the_service_from_starting(settings):
    router = APIRouter()

    @router.get("/v1/open")
    def unguarded() -> None: ...

    with pytest.raises(RuntimeError, match="/v1/open"):
        create_app(settings, "probe", [router])


def test_every_route_declares_a_permission_and_only_health_and_the_document_are_public(client):
    declared = {path: permission_of(route) for path, route in routes(client.app)}
    assert all(declared.values())
    assert {path for path, name in declared.items() if name == PUBLIC} == {
        "/healthz",
        "/readyz",
        "/openapi.json",
    }


@pytest.mark.parametrize("headers", [{}, bearer("wrong"), {"authorization": "Basic eDp5"}, bearer("")])
def test_no_valid_token_is_401(client, headers):
    answer = client.get("/v1/things", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("token", "method", "status"),
    [
        ("admin-token", "POST", 200),
        ("viewer-token", "GET", 200),
        ("viewer-token", "POST", 403),
        ("gateway-token", "GET", 403),
    ],
)
def test_a_role_may_do_what_its_permissions_say_and_no_more(client, token, method, status):
    assert client.request(method, "/v1/things", headers=bearer(token)).status_code == status


def test_a_new_token_works_without_a_restart_and_a_removed_one_stops(client, settings):
    digest = hashlib.sha256(b"fresh").hexdigest()
    fresh = {"tokens": [{"name": "fresh", "role": "viewer", "sha256": digest}]}
    settings.tokens_file.write_text(json.dumps(fresh))
    assert client.get("/v1/things", headers=bearer("fresh")).status_code == 200
    assert client.get("/v1/things", headers=bearer("viewer-token")).status_code == 401


def test_a_foreign_host_is_refused(client):
    headers = bearer("admin-token") | {"host": "evil.example:8080"}
    answer = client.get("/v1/things", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    detail = answer.json()["detail"]
    assert all(word in detail for word in ("'evil.example'", "gateway.hosts", "MILLRACE_ALLOWED_HOSTS"))
    assert "localhost" not in detail, "who calls by a foreign name is not told the others"


@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        (["a.example"], "a.example:1", 200),
        (["a.example"], "b.a.example", 400),
        (["*.example"], "b.example", 200),
        (["*.example"], "example", 400),
        (["a.example"], "", 400),
        (["*"], "any", 200),
    ],
)
async def test_a_name_is_known_as_it_is_or_by_its_ending(allowed, host, status):
    async def beneath(scope, receive, send):
        await PlainTextResponse("")(scope, receive, send)

    transport = httpx.ASGITransport(app=KnownHosts(beneath, allowed))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as caller:
        assert (await caller.get("/", headers={"host": host})).status_code == status


def test_a_body_over_the_limit_is_413_also_when_it_does_not_say_its_length(client):
    headers = bearer("admin-token")
    assert client.post("/v1/things", headers=headers, content=b"x" * 1001).status_code == 413
    chunks = (b"x" * 100 for _ in range(20))
    assert client.post("/v1/things", headers=headers, content=chunks).status_code == 413


def test_an_unexpected_error_is_500_without_internals(client):
    answer = client.get("/v1/bug", headers=bearer("admin-token"))
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_a_refusal_says_what_where_and_how_to_mend_it(client):
    answer = client.get("/v1/refusal", headers=bearer("admin-token") | {"x-request-id": "abc-1"})
    assert answer.json()["errors"] == [
        {"where": "rows[3].distance", "what": "is text", "mend": "send a number"}
    ]
    assert answer.json()["instance"] == "abc-1"
    assert answer.headers["x-request-id"] == "abc-1"


def test_an_unsafe_request_id_is_replaced(client):
    answer = client.get("/v1/things", headers=bearer("admin-token") | {"x-request-id": "a b\tc"})
    assert answer.headers["x-request-id"] != "a b\tc"


def test_listening_beyond_loopback_without_tokens_is_refused(tmp_path):
    with pytest.raises(RuntimeError, match="without a tokens file"):
        create_app(Settings(home=tmp_path, host="0.0.0.0"), "probe", [])


def test_listening_beyond_loopback_needs_tokens_or_issuers(tmp_path):
    (tmp_path / "issuers.json").write_text('{"issuers": []}')
    create_app(Settings(home=tmp_path, host="0.0.0.0", issuers_file=tmp_path / "issuers.json"), "probe", [])


def test_metrics_have_a_port_of_their_own_that_tells_nothing_else_and_ends_with_the_service(settings):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = create_app(settings.model_copy(update={"metrics_port": port}), "probe", [])
    with TestClient(app, base_url="http://localhost") as client:
        client.get("/healthz")
        found = httpx.get(f"http://127.0.0.1:{port}/metrics?name[]=millrace_http_requests_total")
        assert 'millrace_http_requests_total{method="GET",route="/healthz",status="200"}' in found.text
        for path in ("/", "/healthz", "/openapi.json"):
            assert httpx.get(f"http://127.0.0.1:{port}{path}").status_code == 404
        assert client.get("/metrics").status_code == 401
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("triton", "registry.artifacts.read", "registry.models.write"),
        ("job", "training.workspace.write", "training.jobs.write"),
        ("pipeline", "controller.runs.write", "controller.loops.write"),
        ("pipeline", "training.jobs.write", "serving.rollouts.write"),
        ("backtest", "controller.backtests.write", "registry.models.write"),
        ("backtest", "monitoring.labels.write", "serving.rollouts.write"),
    ],
)
def test_what_runs_in_pods_may_do_its_work_and_no_more(role, may, may_not):
    assert Actor("one", role).may(may)
    assert not Actor("one", role).may(may_not)
