"""Tokens of other issuers: a cluster's service accounts, and people's OpenID Connect; checked against published keys.

The issuers file: `{"issuers": [{"issuer", "audience", "jwks_url"?, "ca_file"?, "bearer_file"?, "roles": […]}]}`. A role
is given by subject (`{"subject", "role"}`) or by claim (`{"claim", "value", "role"}`). The issuer `kubernetes` is this
cluster's: its name and its keys are asked of the API server, with the pod's own token.
"""

import json
import ssl
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt

from millrace_core.log import log

ALGORITHMS = ("RS256", "ES256")
"""Asymmetric only: a published key must never serve to sign."""
REQUIRED = ["exp", "iat", "iss", "aud", "sub"]
LEEWAY = 10
"""Seconds by which clocks may differ."""
REFETCH_SECONDS = 10.0
"""Least time between two fetches of an issuer's keys, however many unknown keys are shown."""
KEYS_SECONDS = 3600.0
"""How long fetched keys are believed without another look."""
FETCH_SECONDS = 5.0
MOST_BYTES = 1 << 20
API_SERVER = "https://kubernetes.default.svc"
ACCOUNT = "system:serviceaccount:"


@dataclass(frozen=True)
class Identity:
    """Whom a token names, and the role that its issuer's entry gives them."""

    name: str
    role: str


@dataclass
class Issuer:
    """One issuer: who it is, where its keys are, and who has which role."""

    issuer: str
    audience: str
    roles: list[dict[str, str]]
    jwks_url: str = ""
    ca_file: str = ""
    bearer_file: str = ""
    _keys: dict[str, Any] = field(default_factory=dict)
    _fetched: float = -1e9
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def read(cls, entry: dict[str, Any]) -> "Issuer":
        """One entry of the file; the cluster's own is asked for its name. Raises: KeyError, OSError, ValueError."""
        wanted = ("issuer", "audience", "roles", "jwks_url", "ca_file", "bearer_file")
        made = cls(**{name: entry[name] for name in wanted if name in entry})
        if made.issuer == "kubernetes":
            made.jwks_url = f"{API_SERVER}/openid/v1/jwks"
            made.issuer = made._get(f"{API_SERVER}/.well-known/openid-configuration")["issuer"]
        elif not made.jwks_url:
            made.jwks_url = made._get(f"{made.issuer.rstrip('/')}/.well-known/openid-configuration")[
                "jwks_uri"
            ]
        return made

    def identity(self, token: str) -> Identity | None:
        """Whom *token* names; None unless it is ours in every respect and has a role here."""
        header = jwt.get_unverified_header(token)
        if "crit" in header or header.get("alg") not in ALGORITHMS:
            return None
        key = self._key(str(header.get("kid", "")))
        if key is None or key.algorithm_name != header["alg"]:
            return None
        claims = jwt.decode(
            token, key.key, algorithms=[header["alg"]], audience=self.audience, issuer=self.issuer,
            leeway=LEEWAY, options={"require": REQUIRED},
        )  # fmt: skip
        role = next((item["role"] for item in self.roles if _fits(item, claims)), None)
        return None if role is None else Identity(_name(claims), role)

    def _key(self, kid: str) -> Any:
        with self._lock:
            age = time.monotonic() - self._fetched
            if (kid not in self._keys and age > REFETCH_SECONDS) or age > KEYS_SECONDS:
                self._fetch()
            return self._keys.get(kid)

    def _fetch(self) -> None:
        """Take the published keys; without an answer the known ones stay."""
        self._fetched = time.monotonic()
        try:
            found = jwt.PyJWKSet.from_dict(self._get(self.jwks_url))
        except (OSError, ValueError, jwt.PyJWTError) as error:
            log.error("an issuer's keys cannot be had", issuer=self.issuer, error=type(error).__name__)
            return
        self._keys = {str(key.key_id): key for key in found.keys if key.algorithm_name in ALGORITHMS}

    def _get(self, url: str) -> dict[str, Any]:
        if not url.startswith("https://") and not url.startswith("http://127.0.0.1"):
            raise ValueError("keys come over https only")
        headers = {}
        if self.bearer_file:
            headers["authorization"] = f"Bearer {Path(self.bearer_file).read_text().strip()}"
        trust = ssl.create_default_context(cafile=self.ca_file or None)
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme is checked above
        with urllib.request.urlopen(request, timeout=FETCH_SECONDS, context=trust) as answer:  # noqa: S310
            found: dict[str, Any] = json.loads(answer.read(MOST_BYTES))
        return found


class Issuers:
    """The issuers file, read again when it changes; an issuer that cannot be asked now is tried again later."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._stamp: tuple[int, int] | None = None
        self._known: list[Issuer] = []
        self._tried = -1e9
        self._lock = threading.Lock()

    @property
    def present(self) -> bool:
        return self.path is not None and self.path.exists()

    def identity(self, token: str) -> Identity | None:
        """Whom *token* names; None for anything that is not a valid token of a known issuer."""
        if token.count(".") != 2 or not self.present:
            return None
        try:
            claimed = jwt.decode(token, options={"verify_signature": False}).get("iss")
            found = next((item for item in self._issuers() if item.issuer == claimed), None)
            return None if found is None else found.identity(token)
        except (jwt.PyJWTError, ValueError, TypeError):
            return None

    def _issuers(self) -> list[Issuer]:
        assert self.path is not None
        with self._lock:
            stat = self.path.stat()
            stamp, due = (stat.st_mtime_ns, stat.st_size), time.monotonic() > self._tried + REFETCH_SECONDS
            if stamp != self._stamp and due:
                self._tried = time.monotonic()
                self._read(stamp)
            return self._known

    def _read(self, stamp: tuple[int, int]) -> None:
        assert self.path is not None
        try:
            self._known = [Issuer.read(entry) for entry in json.loads(self.path.read_text())["issuers"]]
            self._stamp = stamp
        except (OSError, KeyError, ValueError, TypeError) as error:
            log.error("the issuers file cannot be used", error=f"{type(error).__name__}: {error}"[:300])


def _fits(given: dict[str, str], claims: dict[str, Any]) -> bool:
    if "subject" in given:
        return claims["sub"] == given["subject"]
    value = claims.get(given["claim"])
    return given["value"] in value if isinstance(value, list) else value == given["value"]


def _name(claims: dict[str, Any]) -> str:
    """A service account as `namespace/name`, a person by e-mail address or user name, else the subject."""
    subject = str(claims["sub"])
    if subject.startswith(ACCOUNT):
        return subject.removeprefix(ACCOUNT).replace(":", "/")
    return str(claims.get("email") or claims.get("preferred_username") or subject)
