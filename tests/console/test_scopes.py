"""What a provider is asked for, where nobody says it."""

from urllib.parse import parse_qs, urlsplit

import pytest

from millrace_console.settings import ConsoleSettings
from millrace_console.signin.endpoints import Discovered, Endpoints
from millrace_console.signin.provider import Provider


@pytest.mark.parametrize(
    ("supported", "asked"),
    [
        (None, "openid email profile"),
        (["openid", "email", "profile", "groups", "offline_access"], "openid email profile groups"),
        (["openid", "profile", "email"], "openid email profile"),
        (["openid"], "openid"),
    ],
)
async def test_unless_the_operator_says_otherwise_no_provider_is_asked_for_what_it_does_not_know(
    tmp_path, monkeypatch, supported, asked
):
    """Some refuse a sign-in that asks for a scope of which they know nothing, like `groups`."""
    told = {"issuer": "https://login.example", "authorization_endpoint": "https://login.example/auth"}
    known = Discovered(**told, token_endpoint="https://login.example/token", scopes_supported=supported)

    async def metadata(_):
        return known

    monkeypatch.setattr(Endpoints, "metadata", metadata)
    settings = {"home": tmp_path, "oidc_issuer": "https://login.example", "oidc_client_id": "millrace"}
    usual, _ = await Provider(ConsoleSettings(**settings)).begin("https://c.example/oidc/callback", "/")
    assert parse_qs(urlsplit(usual).query)["scope"] == [asked]
    own, _ = await Provider(ConsoleSettings(**settings, oidc_scopes="openid roles")).begin(
        "https://c.example", "/"
    )
    assert parse_qs(urlsplit(own).query)["scope"] == ["openid roles"]
