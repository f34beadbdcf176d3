"""What a provider of OpenID Connect is asked by the console itself: what it says of itself, and for tokens."""

import time
from collections.abc import Callable
from urllib.parse import quote, urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from millrace.transport.trust import trusted
from millrace_console.settings import ConsoleSettings
from millrace_core.errors import Unavailable
from millrace_core.identity_keys import DISCOVERY, check_address
from millrace_core.log import log

KNOWN_SECONDS = 3600.0
"""How long what a provider says of itself is believed."""
ANSWER_SECONDS = 10.0
MOST_BYTES = 1 << 20
STANDARD = ("email", "profile")
USUAL_SCOPES = (*STANDARD, "groups")
"""Whoever somebody is, and which groups they are in."""


class Refused(Exception):
    """A sign-in that does not go on, in words for whoever tried."""


class Discovered(BaseModel):
    """What a provider says of itself (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    end_session_endpoint: str = ""
    revocation_endpoint: str = ""
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic"]
    authorization_response_iss_parameter_supported: bool = False
    scopes_supported: list[str] | None = None

    def usual_scopes(self) -> str:
        """What is asked for unless the operator says otherwise: nothing that it does not know, which some refuse.

        One that does not tell is asked for those that OpenID Connect Core 5.4 defines.
        """
        told = STANDARD if self.scopes_supported is None else self.scopes_supported
        return " ".join(["openid", *(scope for scope in USUAL_SCOPES if scope in told)])


class Granted(BaseModel):
    """What it gives for a code."""

    id_token: str = ""
    access_token: str = ""
    refresh_token: str = ""


class Endpoints:
    """Those of the provider that the settings name.

    Args:
        now: seconds since 1970.
    """

    def __init__(self, settings: ConsoleSettings, now: Callable[[], float] = time.time) -> None:
        """Raises: ValueError for an issuer that is not to be asked over https."""
        check_address(settings.oidc_issuer)
        self._settings, self._now = settings, now
        self._known: tuple[float, Discovered] | None = None
        self.host = urlsplit(settings.oidc_issuer).hostname or settings.oidc_issuer

    async def metadata(self) -> Discovered:
        """What the provider says of itself. Raises: Unavailable."""
        if self._known is not None and self._known[0] > self._now():
            return self._known[1]
        issuer = self._settings.oidc_issuer
        try:
            async with _client() as client:
                answer = await client.get(issuer.rstrip("/") + DISCOVERY)
            known = Discovered.model_validate_json(_body(answer))
            if known.issuer != issuer:
                raise ValueError(f"it calls itself {known.issuer}")
            for url in (known.authorization_endpoint, known.token_endpoint):
                check_address(url)
        except (httpx.HTTPError, ValueError) as error:
            told = f"{type(error).__name__}: {error}"[:300]
            log.error("a provider does not say where people sign in", issuer=issuer, error=told)
            raise Unavailable(
                f"{self.host} does not answer, so nobody can sign in there now. Try again."
            ) from error
        self._known = (self._now() + KNOWN_SECONDS, known)
        return known

    async def tokens(self, known: Discovered, fields: dict[str, str]) -> Granted:
        """What the token endpoint gives. Raises: Refused, Unavailable."""
        try:
            return Granted.model_validate_json(await self.post(known, known.token_endpoint, fields))
        except ValidationError as error:
            raise Refused(f"{self.host} answered with something else than tokens.") from error

    async def post(self, known: Discovered, url: str, fields: dict[str, str]) -> bytes:
        """Post as this client. Raises: Refused, Unavailable."""
        name, secret = self._settings.oidc_client_id, self._settings.client_secret()
        basic = "client_secret_basic" in known.token_endpoint_auth_methods_supported
        headers, sent = {"accept": "application/json"}, dict(fields)
        if secret and basic:
            pair = httpx.BasicAuth(quote(name, safe=""), quote(secret, safe=""))
        else:
            pair = None
            sent |= {"client_id": name} | ({"client_secret": secret} if secret else {})
        try:
            check_address(url)
            async with _client() as client:
                answer = await client.post(
                    url, data=sent, headers=headers, auth=pair or httpx.USE_CLIENT_DEFAULT
                )
            if answer.status_code >= 500:
                raise httpx.HTTPError(f"status {answer.status_code}")
        except (httpx.HTTPError, ValueError) as error:
            log.error("a provider does not answer", issuer=self.host, error=type(error).__name__)
            raise Unavailable(f"{self.host} does not answer. Try again.") from error
        if answer.status_code >= 400:
            raise Refused(f"{self.host} refuses: {_why(answer)}.")
        return _body(answer)


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(
        trust_env=False, verify=trusted(), timeout=ANSWER_SECONDS, follow_redirects=False
    )


def _body(answer: httpx.Response) -> bytes:
    """Raises: ValueError for an answer that is none, or far too long."""
    if not answer.is_success or len(answer.content) > MOST_BYTES:
        raise ValueError(f"status {answer.status_code}, {len(answer.content)} bytes")
    return answer.content


def _why(answer: httpx.Response) -> str:
    try:
        told = answer.json()
        return str(told.get("error_description") or told.get("error"))[:200]
    except (ValueError, AttributeError):
        return f"status {answer.status_code}"
