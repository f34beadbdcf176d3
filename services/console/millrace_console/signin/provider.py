"""Sign-in at a provider of OpenID Connect: authorization code with PKCE (S256), state, nonce and the issuer's name.

What is begun is kept here and bound to the browser by a cookie; no token ever reaches the browser. Signatures are not
looked at here: the token comes from the provider itself over TLS (OpenID Connect Core 3.1.3.7, 6), and the services
that it is shown to check it by the issuer's published keys, at the first call and at each one after.
"""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx
import jwt
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError

from millrace_console.settings import ConsoleSettings
from millrace_console.signin.endpoints import Discovered, Endpoints, Granted, Refused
from millrace_console.signin.renewing import Held, Renewal
from millrace_core.errors import Unavailable
from millrace_core.log import log

MOST = 1000
"""Sign-ins under way; the oldest makes room."""
BEGUN_SECONDS = 600.0
EARLY_SECONDS = 60.0
"""How long before its end a token is renewed."""
LEEWAY = 10
"""Seconds by which clocks may differ."""


class Over(Exception):
    """A session whose token has ended, and is not renewed."""


@dataclass(frozen=True)
class Begun:
    """A sign-in that a browser has begun."""

    state: str
    nonce: str
    verifier: str
    redirect: str
    to: str
    ends: float


@dataclass(frozen=True)
class Arrived:
    """Who has come back from the provider: the token for the services, and the page that was asked for."""

    renewal: Renewal
    subject: str
    name: str
    to: str


class Provider:
    """The provider that the settings name. For one event loop.

    Args:
        now: seconds since 1970.
    """

    def __init__(self, settings: ConsoleSettings, now: Callable[[], float] = time.time) -> None:
        """Raises: ValueError for an issuer that is not to be asked over https."""
        self._settings, self._now = settings, now
        self._begun: OrderedDict[str, Begun] = OrderedDict()
        self._asked = Endpoints(settings, now)
        self.host = self._asked.host

    @property
    def label(self) -> str:
        """How people are told of it."""
        return self._settings.oidc_name or self.host

    async def begin(self, redirect: str, to: str) -> tuple[str, str]:
        """The provider's page for this sign-in, and a word for the browser to come back with. Raises: Unavailable."""
        known, word = await self._asked.metadata(), secrets.token_urlsafe(32)
        begun = Begun(
            state=secrets.token_urlsafe(32), nonce=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(48),
            redirect=redirect, to=to, ends=self._now() + BEGUN_SECONDS,
        )  # fmt: skip
        self._begun[_digest(word)] = begun
        while len(self._begun) > MOST:
            self._begun.popitem(last=False)
        url = prepare_grant_uri(
            known.authorization_endpoint, self._settings.oidc_client_id, "code", redirect,
            self._settings.oidc_scopes or known.usual_scopes(), begun.state, nonce=begun.nonce,
            code_challenge=create_s256_code_challenge(begun.verifier), code_challenge_method="S256",
        )  # fmt: skip
        return str(url), word

    async def finish(self, word: str, told: Mapping[str, str]) -> Arrived:
        """Who has come back with what the provider *told*; once for each sign-in. Raises: Refused, Unavailable."""
        begun = self._begun.pop(_digest(word), None)
        if begun is None or begun.ends < self._now():
            raise Refused("This sign-in was begun in another browser, or too long ago. Begin it again.")
        if not hmac.compare_digest(told.get("state", "").encode(), begun.state.encode()):
            raise Refused("What came back is not of this sign-in. Begin it again.")
        known = await self._asked.metadata()
        said = told.get("iss", "" if known.authorization_response_iss_parameter_supported else known.issuer)
        if said != known.issuer:
            raise Refused("Another provider answered than the one that was asked.")
        if "error" in told or not told.get("code"):
            why = told.get("error_description") or told.get("error") or "it gave no code"
            raise Refused(f"{self.host} did not sign you in: {why[:200]}.")
        fields = {"grant_type": "authorization_code", "code": told["code"], "redirect_uri": begun.redirect,
                  "code_verifier": begun.verifier}  # fmt: skip
        given = await self._asked.tokens(known, fields)
        claims = self._claims(known, given, begun.nonce)
        held = Held(self._shown(given))
        renewal = Renewal(held, given.refresh_token, _ends(held.token), str(claims["sub"]))
        name = str(claims.get("email") or claims.get("preferred_username") or claims["sub"])
        return Arrived(renewal, f"{known.issuer}#{claims['sub']}", name, begun.to)

    async def keep(self, renewal: Renewal) -> None:
        """Renew a session's token if it ends soon. Raises: Over; Unavailable if it has ended, and nobody answers."""
        if renewal.ends - self._now() > EARLY_SECONDS:
            return
        async with renewal.lock:
            if renewal.refresh and renewal.ends - self._now() <= EARLY_SECONDS:
                await self._renew(renewal)
            if renewal.ends <= self._now():
                raise Over

    async def forget(self, renewal: Renewal) -> None:
        """Tell the provider that nothing is renewed any more, as far as it listens."""
        if not renewal.refresh:
            return
        try:
            known = await self._asked.metadata()
            if known.revocation_endpoint:
                fields = {"token": renewal.refresh, "token_type_hint": "refresh_token"}
                await self._asked.post(known, known.revocation_endpoint, fields)
        except (Refused, Unavailable) as error:
            log.warning("a provider did not take a token back", issuer=self.host, error=str(error)[:200])

    async def way_out(self, back: str) -> str:
        """Where somebody signs out at the provider too; empty if it has no such page. Raises: Unavailable.

        Its own page asks: no token stands in an address as proof of who that is.
        """
        known = await self._asked.metadata()
        if not known.end_session_endpoint:
            return ""
        parts = {"client_id": self._settings.oidc_client_id, "post_logout_redirect_uri": back}
        return str(httpx.URL(known.end_session_endpoint).copy_merge_params(parts))

    async def _renew(self, renewal: Renewal) -> None:
        """A new token for an old one; while nobody answers the old one stays. Raises: Unavailable if that has ended."""
        try:
            known = await self._asked.metadata()
            fields = {"grant_type": "refresh_token", "refresh_token": renewal.refresh}
            given = await self._asked.tokens(known, fields)
            if given.id_token and self._claims(known, given, None)["sub"] != renewal.of:
                raise Refused("the new token is another person's")
            token = self._shown(given)
        except Refused as error:
            log.info("a session is not renewed", issuer=self.host, why=str(error)[:200])
            renewal.refresh = ""
            return
        except Unavailable:
            if renewal.ends <= self._now():
                raise
            return
        renewal.held.token, renewal.ends = token, _ends(token)
        renewal.refresh = given.refresh_token or renewal.refresh

    def _claims(self, known: Discovered, given: Granted, nonce: str | None) -> Mapping[str, object]:
        """What the ID token says, if it is of this sign-in. Raises: Refused."""
        name = self._settings.oidc_client_id
        options = {
            "iss": {"essential": True, "value": known.issuer},
            "aud": {"essential": True, "value": name},
            "sub": {"essential": True},
            "exp": {"essential": True},
        } | ({} if nonce is None else {"nonce": {"essential": True, "value": nonce}})
        params = {"client_id": name, "access_token": given.access_token} | (
            {} if nonce is None else {"nonce": nonce}
        )
        try:
            header = jwt.get_unverified_header(given.id_token)
            told = jwt.decode(given.id_token, options={"verify_signature": False})
            claims = CodeIDToken(told, header, options, params)
            claims.validate(now=int(self._now()), leeway=LEEWAY)
        except (jwt.PyJWTError, JoseError, ValueError, KeyError, TypeError) as error:
            log.warning(
                "an ID token is not of this sign-in",
                issuer=self.host,
                error=f"{type(error).__name__}: {error}"[:200],
            )
            raise Refused(
                f"What {self.host} says of you is not of this sign-in, or too old. Begin it again."
            ) from error
        return dict(told)

    def _shown(self, given: Granted) -> str:
        """The token for the services. Raises: Refused if it was not given."""
        token = given.id_token if self._settings.oidc_token == "id" else given.access_token  # noqa: S105
        if token.count(".") != 2:
            raise Refused(f"{self.host} gave no {self._settings.oidc_token} token that services can check.")
        return token


def _ends(token: str) -> float:
    """Until when a token holds; one that does not say so has ended."""
    try:
        return float(jwt.decode(token, options={"verify_signature": False}).get("exp", 0))
    except (jwt.PyJWTError, TypeError, ValueError):
        return 0.0


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
