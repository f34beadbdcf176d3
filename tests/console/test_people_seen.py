"""People's pages in Chromium: the ways in, and the page about oneself, with a password and from a provider."""

import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest
import uvicorn

from millrace.accounts import Accounts
from millrace_console.main import ConsoleSettings, build
from millrace_console.sessions import Entry
from millrace_contracts.accounts import Grant
from millrace_contracts.people import TokenGrant, TokenRead, WhoRead

from . import browser
from .test_accounts import COOKIE, GOOD, cheap

__all__ = ["cheap"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
LONG = "nightly push of everything that the shops sold, which has a long name"


@contextmanager
def served(tmp_path):
    """The real console on a port, with one account; nobody stands behind it."""
    (tmp_path / "run").mkdir()
    accounts = Accounts(tmp_path / "run")
    accounts.add("ada", [Grant(role="approver")], GOOD)
    app = build(ConsoleSettings(home=tmp_path, answer_seconds=0.3, registry_url="http://127.0.0.1:1"))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield app, accounts, f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def console(tmp_path):
    if lacks := browser.missing():
        pytest.skip(lacks)
    with served(tmp_path) as found:
        yield found


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


def test_who_has_a_password_meets_no_serious_fault(console, out):
    _, accounts, base = console
    account = accounts.find("ada")
    accounts.begin(account, "session", "a command line", timedelta(hours=1))
    accounts.begin(account, "token", LONG, timedelta(days=30))
    with httpx.Client(base_url=base, trust_env=False) as client:
        answer = client.post("/login", data={"name": "ada", "password": GOOD, "to": "/you"})
        assert answer.status_code == 303, answer.text
        cookie = (COOKIE, client.cookies[COOKIE])
    pages = {
        "login": "/login", "over": "/login?over=true", "wrong": "/login", "link": "/link?word=x",
        "you": "/you", "refused": "/you", "token": "/you",
    }  # fmt: skip
    steps = {
        "wrong": [["fill", "name", "nobody"], ["fill", "password", "wrong wrong wrong"], ["press", "Sign in"]],
        "refused": [
            ["fill", "old", "wrong wrong wrong"], ["fill", "new", "rivers carry barley"],
            ["fill", "again", "rivers carry wheat"], ["press", "Change it, and end every session"],
        ],
        "token": [["fill", "label", LONG], ["press", "Make a token with your roles"]],
    }  # fmt: skip
    assert browser.walked(base, cookie, pages, out, steps) == []
    assert len(list(out.glob("*.png"))) == 4 * len(pages)


def test_who_came_from_a_provider_meets_no_serious_fault(console, out):
    app, _, base = console
    services = app.state.services
    app.state.services = replace(services, provider=SimpleNamespace(label="login.firm.example"))
    clients = services.people.clients("a-token")
    grants = [TokenGrant(role="operator", project="shop"), TokenGrant(role="viewer", project="depot")]
    kept = TokenRead(
        id="4be1c2d0", name="ada@firm.example", identifier="https://login.firm.example#ada", label=LONG,
        grants=grants, made_at=NOW, ends_at=datetime(2999, 1, 1, tzinfo=UTC), revoked_at=None, revoked_by=None,
    )  # fmt: skip

    async def whoami():
        return WhoRead(name=kept.name, role=None, project="shop", projects=[], grants=grants)

    async def tokens():
        return [kept]

    clients.registry = SimpleNamespace(whoami=whoami, tokens=tokens)
    key = services.people.begin(kept.name, clients, Entry("provider", of=kept.identifier, browser="Firefox"))
    pages = {"login": "/login", "out": "/login?out=true", "you": "/you"}
    assert browser.walked(base, (COOKIE, key), pages, out) == []
