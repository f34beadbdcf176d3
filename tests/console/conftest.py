"""The real console, with nobody behind it unless a test puts somebody there."""

import re

import httpx
import pytest
from tests.console.behind import stand_behind

from millrace_console.main import ConsoleSettings, build

CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def app(tmp_path):
    settings = ConsoleSettings(home=tmp_path, answer_seconds=0.3, registry_url="http://127.0.0.1:1")
    return build(settings)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def client(app, clock):
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app):
        app.state.services.people._now = clock
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client


@pytest.fixture
def signed(app, client):
    """The same browser, signed in as ada with a token that nobody behind the console has asked about."""
    people = app.state.services.people
    key = people.begin("ada", people.clients("a-token"))
    client.cookies.set("millrace_session", key)
    return client


@pytest.fixture
def person(app, signed):
    """Who is signed in there."""
    return app.state.services.people.find(signed.cookies["millrace_session"])


@pytest.fixture
def behind(person):
    """The services, with what a test prepared."""
    return stand_behind(person)
