"""Tokens of other issuers: a cluster's service accounts, and people's OpenID Connect; checked against published keys.

The issuers file: `{"issuers": [{"issuer", "audience", "jwks_url"?, "ca_file"?, "bearer_file"?, "roles": […]}]}`. A role
is given by subject (`{"subject", "role"}`) or by claim (`{"claim", "value", "role"}`); the first that fits counts.
With a `project` it is given in that one alone, and all that fit count. An issuer may stand there once for each of its
audiences: the first entry that finds a token valid says what it gives. The issuer `kubernetes` is this cluster's: its
name and its keys are asked of the API server, with the pod's own token.

An address counts as somebody's name only where the token says that it was verified. An entry with `"trust_email": true`
is of a provider that gives its people their addresses itself, and says nothing of it.

An entry with `known_as` names those whom the API server knows too (`millrace_core.reviews`): `{}` for the cluster's own
tokens, else `{"username", "username_prefix", "groups", "groups_prefix"}` as the API server is configured. `"spaces":
{"watched": […], "projects": {namespace: project}}` beside the issuers tells which namespace is which project.
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import jwt

from millrace_contracts.bodies import Document
from millrace_core import identity_roles
from millrace_core.errors import Unavailable
from millrace_core.identity_keys import ALGORITHMS, KUBERNETES, Keys, NoKeys
from millrace_core.log import log
from millrace_core.reviews import Spaces, Subject
from millrace_core.roles import PEOPLE

REQUIRED = ["exp", "iat", "iss", "aud", "sub"]
LEEWAY = 10
"""Seconds by which clocks may differ."""
READ_SECONDS = 1.0
"""Least time between two looks at a file that could not be used."""
SYSTEM = "system:"
ACCOUNT = "system:serviceaccount:"
EVERYBODY = "system:authenticated"
Read = TypeVar("Read")


@dataclass(frozen=True)
class Identity:
    """Whom a token names, and the roles that its issuer's entry gives them; *pod*: the one that it was given to.

    *role* holds everywhere, and is empty if there is none; *given* are roles in projects, as (project, role).
    *identifier*: issuer and subject, by which a person is known; *name* is what is shown, and may change.
    """

    name: str
    role: str
    pod: str = ""
    given: tuple[tuple[str, str], ...] = ()
    subject: Subject | None = None
    identifier: str = ""
    kind: str = ""
    """Of its token: others of the same issuer may say less of the same person, or more."""


class Issuer:
    """One issuer: whom its tokens are for, and who has which role."""

    def __init__(self, entry: Document) -> None:
        """Raises: ValueError for an entry that names no issuer, audience or role, or that cannot be understood."""
        if not entry.get("audience") or not isinstance(entry.get("roles"), list):
            raise ValueError("an issuer needs an audience and roles")
        if not all(identity_roles.complete(given) for given in entry["roles"]):
            raise ValueError(
                "a role is given by 'subject', or by 'claim' and 'value'; in a project: one of people's"
            )
        self.audience, self.roles = str(entry["audience"]), entry["roles"]
        self.known_as = entry.get("known_as")
        self.trusts_email = entry.get("trust_email") is True
        self.keys = Keys(entry)
        self.cluster = entry.get("issuer") == KUBERNETES
        """Whether its subjects are service accounts of this cluster."""

    def claims(self, token: str) -> Document:
        """What *token* says.

        Raises: Unavailable while the issuer's keys cannot be had; NoKeys if it has none; jwt.PyJWTError unless it is
        ours in every respect.
        """
        header = jwt.get_unverified_header(token)
        if "crit" in header or header.get("alg") not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError("not a way of signing that is believed")
        key = self.keys.find(str(header.get("kid", "")))
        if key is None or key.algorithm_name != header["alg"]:
            raise jwt.InvalidKeyError("not signed by a published key")
        claims: Document = jwt.decode(
            token, key.key, algorithms=[header["alg"]], audience=self.audience, issuer=self.keys.issuer,
            leeway=LEEWAY, options={"require": REQUIRED},
        )  # fmt: skip
        return claims

    def identity(self, claims: Document) -> Identity | None:
        """Whom the *claims* of a valid token name; None if they have no role here."""
        fitting = [given for given in self.roles if identity_roles.fits(given, claims)]
        role = next((given["role"] for given in fitting if "project" not in given), "")
        given = tuple((item["project"], item["role"]) for item in fitting if "project" in item)
        subject = None if role and role not in PEOPLE else _subject(self.known_as, claims)
        if not role and not given and subject is None:
            return None
        name, pod, identifier = _name(claims, self.trusts_email), _pod(claims), _identifier(claims)
        return Identity(name, role, pod, given, subject, identifier, self._kind(claims))

    def nobody(self, claims: Document) -> tuple[str, str]:
        """Issuer and subject of a valid token whose owner has no role here, and its kind; empty: they have one."""
        known = self.identity(claims) is not None
        return ("", "") if known else (_identifier(claims), self._kind(claims))

    def _kind(self, claims: Document) -> str:
        return identity_roles.kind(self.audience, self.roles, claims)


class Issuers:
    """The issuers file, read again when it changes; a file that cannot be used leaves the known issuers in place."""

    def __init__(self, path: Path | None) -> None:
        """Raises: ValueError if there is a file, and it cannot be used."""
        self.path = path
        self._stamp: tuple[int, int] | None = None
        self._known: list[Issuer] = []
        self._spaces = Spaces()
        self._tried = -1e9
        self._lock = threading.Lock()
        if self.present:
            self._known = self._read()

    @property
    def present(self) -> bool:
        return self.path is not None and self.path.exists()

    @property
    def spaces(self) -> Spaces:
        """Which namespace is which project, as last read."""
        return self._spaces

    def may_know(self, token: str) -> bool:
        """Whether *token* looks like one that an issuer signed, and there are issuers."""
        return token.count(".") == 2 and self.present

    def identity(self, token: str) -> Identity | None:
        """Whom *token* names; None for anything that is not a valid token of a known issuer.

        Raises: Unavailable while an issuer that may know it cannot be asked; NoKeys if that publishes none. May wait
        for the network: not for the event loop.
        """
        if not self.may_know(token):
            return None
        try:
            claimed = jwt.decode(token, options={"verify_signature": False}).get("iss")
            return _first(self._named(claimed), token, Issuer.identity)
        except (jwt.PyJWTError, ValueError, TypeError):
            return None

    def roleless(self, token: str) -> tuple[str, str]:
        """Issuer and subject of a valid *token* whose owner has no role here, and its kind; empty for any other.

        May wait.
        """
        with suppress(jwt.PyJWTError, ValueError, TypeError, Unavailable, NoKeys):
            claimed = jwt.decode(token, options={"verify_signature": False}).get("iss")
            return _first(self._named(claimed), token, Issuer.nobody) or ("", "")
        return "", ""

    def all(self) -> list[Issuer]:
        """Every known issuer, whether it has told its keys or not."""
        return list(self._issuers()) if self.present else []

    def _named(self, issuer: str | None) -> list[Issuer]:
        """Those with a known name first: only for a token of none of them is the cluster asked for its own."""
        issuers = self._issuers()
        known = [item for item in issuers if item.keys.issuer == issuer is not None]
        unknown = (item for item in issuers if item.keys.issuer is None)
        return known or [item for item in unknown if item.keys.name() == issuer]

    def _issuers(self) -> list[Issuer]:
        with self._lock:
            stat = self.path.stat() if self.path else None
            changed = stat is not None and self._stamp != (stat.st_mtime_ns, stat.st_ino)
            if changed and time.monotonic() > self._tried + READ_SECONDS:
                self._tried = time.monotonic()
                self._reread()
            return self._known

    def _reread(self) -> None:
        try:
            self._known = self._read()
        except (OSError, ValueError) as error:
            log.error("the issuers file cannot be used", error=f"{type(error).__name__}: {error}"[:300])

    def _read(self) -> list[Issuer]:
        assert self.path is not None
        stat = self.path.stat()
        try:
            document = json.loads(self.path.read_text())
            issuers = [Issuer(entry) for entry in document["issuers"]]
            identity_roles.check_twice(document["issuers"])
            spaces = document.get("spaces") or {}
            self._spaces = Spaces(tuple(spaces.get("watched") or ()), dict(spaces.get("projects") or {}))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{self.path} does not list issuers") from error
        self._stamp = (stat.st_mtime_ns, stat.st_ino)
        return issuers


def _first(issuers: Sequence[Issuer], token: str, read: Callable[[Issuer, Document], Read]) -> Read | None:
    """What the first entry *reads* that finds *token* valid: one for another audience says nothing about it.

    Raises: Unavailable or NoKeys if none does, and one cannot be asked, or has no keys.
    """
    away: Unavailable | NoKeys | None = None
    for issuer in issuers:
        try:
            return read(issuer, issuer.claims(token))
        except jwt.PyJWTError:
            continue
        except (Unavailable, NoKeys) as error:
            away = error
    if away is not None:
        raise away
    return None


def _pod(claims: Document) -> str:
    """Name of the pod into which the cluster projected the token; empty for a token that is nobody's."""
    bound = claims.get("kubernetes.io")
    pod = bound.get("pod") if isinstance(bound, dict) else None
    return str(pod.get("name") or "") if isinstance(pod, dict) else ""


def _name(claims: Document, trusts_email: bool) -> str:
    """A service account as `namespace/name`; a person always with an @, so that nobody goes by a service's name.

    An address that the provider does not say it has verified is no name, nor is it as a user name: where people
    register with an address of their choice, the two are the same.

    Args:
        trusts_email: a provider that says nothing of it is taken at its word.
    """
    subject = str(claims["sub"])
    if subject.startswith(ACCOUNT):
        return subject.removeprefix(ACCOUNT).replace(":", "/")
    verified = claims.get("email_verified", trusts_email) is True
    called = str(claims.get("preferred_username") or "")
    name = str(
        (verified and claims.get("email")) or (called if verified or "@" not in called else "") or subject
    )
    return name if "@" in name else f"{name}@{urlsplit(str(claims['iss'])).hostname}"


def _identifier(claims: Document) -> str:
    """Issuer and subject, the only claims that OpenID Connect Core 5.7 lets one rely on; an account is its name."""
    subject = str(claims["sub"])
    return "" if subject.startswith(ACCOUNT) else f"{claims['iss']}#{subject}"


def _subject(known_as: Document | None, claims: Document) -> Subject | None:
    """Who that is for the API server; None where it does not know the issuer, or would not take the name.

    An address whose verification is not told is taken here, as the API server takes it: it decides what the name may.

    No provider of people can make somebody one of the cluster's own, whatever its claims say.
    """
    if known_as is None:
        return None
    subject = str(claims["sub"])
    if subject.startswith(ACCOUNT) and not known_as:
        space = subject.removeprefix(ACCOUNT).partition(":")[0]
        return Subject(subject, (f"{ACCOUNT[:-1]}s", f"{ACCOUNT[:-1]}s:{space}", EVERYBODY))
    if not known_as:
        return None
    claim = known_as.get("username") or "sub"
    user = claims.get(claim)
    if (
        not isinstance(user, str)
        or not user
        or (claim == "email" and claims.get("email_verified", True) is not True)
    ):
        return None
    user = f"{known_as.get('username_prefix', '')}{user}"
    listed = claims.get(known_as.get("groups") or "", ())
    listed = [listed] if isinstance(listed, str) else listed if isinstance(listed, list) else []
    groups = [f"{known_as.get('groups_prefix', '')}{group}" for group in listed if isinstance(group, str)]
    kept = sorted(group for group in groups if not group.startswith(SYSTEM))
    return None if user.startswith(SYSTEM) else Subject(user, (*kept, EVERYBODY))
