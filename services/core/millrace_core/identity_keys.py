"""The published keys of an issuer: fetched when an unknown one is shown, kept while the issuer does not answer.

An issuer that answers with an empty set has withdrawn them all, and is not away: none of its tokens is believed.
"""

import json
import ssl
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt

from millrace_contracts.bodies import Document
from millrace_core.errors import Unauthorized, Unavailable
from millrace_core.log import log

ALGORITHMS = ("RS256", "ES256")
"""Asymmetric only: a published key must never serve to sign."""
REFETCH_SECONDS = 10.0
"""Least time between two fetches of an issuer's keys, however many unknown keys are shown."""
KEYS_SECONDS = 3600.0
"""How long fetched keys are believed without another look."""
FETCH_SECONDS = 5.0
NEVER = -1e9
MOST_BYTES = 1 << 20
KUBERNETES = "kubernetes"
API_SERVER = "https://kubernetes.default.svc"
DISCOVERY = "/.well-known/openid-configuration"


class NoKeys(Unauthorized):
    """The issuer publishes no key that could have signed a token."""


class Keys:
    """Where an issuer publishes its keys, and those last seen there. May be used by many threads."""

    def __init__(self, entry: Document) -> None:
        """Raises: ValueError if *entry* names no issuer, or one that is not to be asked over https."""
        self._url = str(entry.get("jwks_url") or "")
        self._ca_file, self._bearer_file = entry.get("ca_file") or None, entry.get("bearer_file") or None
        self._cluster = entry.get("issuer") == KUBERNETES
        self.issuer: str | None = None if self._cluster else str(entry["issuer"])
        """The name in its tokens; None until this cluster has told its own."""
        check_address(self._url or self.issuer or API_SERVER)
        self.place = (str(entry["issuer"]), self._url)
        """Issuer and address as they were given: keys that were kept of another place are not this one's."""
        self._keys: Document = {}
        self.published: list[Document] = []
        """The keys as they were published: those that may have signed a token of ours."""
        self._seen = self._tried = NEVER
        self._lock, self._taking = threading.Lock(), threading.Lock()

    def name(self) -> str:
        """The name in its tokens. Raises: Unavailable while the cluster does not tell it."""
        if self.issuer is None:
            self._look()
        if self.issuer is None:
            raise Unavailable("The issuer of this cluster's tokens does not answer; try again.")
        return self.issuer

    def find(self, kid: str) -> Any:
        """The key of that id, or None.

        Raises: Unavailable if it is unknown, and the issuer does not answer; NoKeys if the issuer has none.
        """
        key = self._keys.get(kid)
        if key is None or time.monotonic() > self._seen + KEYS_SECONDS:
            self._look(wait=key is None)
            key = self._keys.get(kid)
            if key is None and self._seen < self._tried:
                raise Unavailable("The issuer of this token does not answer; try again.")
            if not self._keys:
                raise NoKeys(
                    f"The issuer of this token, {self.issuer}, publishes no key for {' or '.join(ALGORITHMS)}: none of "
                    "its tokens is believed until it does."
                )
        return key

    def see(self, seconds: float) -> None:
        """Fetch keys that are older than *seconds* anew; they stay if nobody answers."""
        if time.monotonic() > self._seen + seconds:
            self._look()

    @property
    def told(self) -> bool:
        """Whether the issuer has answered since this process began, be it that it has no keys."""
        return self._seen > NEVER

    def recall(self, name: str, published: list[Document]) -> None:
        """Believe keys that were seen before this process began, until the issuer tells its own."""
        with self._taking:
            if not self.told and not self.published:
                self.issuer = self.issuer or name
                self._take(published)

    def age(self) -> float:
        """Seconds since the keys were seen at the issuer; more than a life of this process if they never were."""
        return time.monotonic() - self._seen

    def _look(self, wait: bool = True) -> None:
        """Fetch the keys unless that was tried a moment ago; who knows a key already does not wait for others."""
        if not self._lock.acquire(blocking=wait):
            return
        try:
            if time.monotonic() > self._tried + REFETCH_SECONDS:
                self._tried = time.monotonic()
                self._fetch()
        finally:
            self._lock.release()

    def _fetch(self) -> None:
        """Take the published keys; without an answer the known ones stay."""
        try:
            if self.issuer is None or not self._url:
                self._discover()
            answer = self._get(self._url)
            with self._taking:
                self._take(answer["keys"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError) as error:
            log.error("an issuer's keys cannot be had", issuer=self.issuer, error=type(error).__name__)
            return
        self._seen = time.monotonic()

    def _take(self, published: list[Document]) -> None:
        """Raises: what a set of keys that cannot be read raises; the known ones stay then."""
        keys = _usable(published)
        signing = [key for key in keys if key.public_key_use in (None, "sig")]
        self._keys = {str(key.key_id): key for key in signing if key.algorithm_name in ALGORITHMS}
        self.published = [item for item in published if str(item.get("kid")) in self._keys]

    def _discover(self) -> None:
        """Ask an issuer where its keys are; ask the cluster for its name (its own address for the keys is not ours)."""
        root = API_SERVER if self._cluster else str(self.issuer)
        document = self._get(root.rstrip("/") + DISCOVERY)
        self._url = self._url or (f"{API_SERVER}/openid/v1/jwks" if self._cluster else document["jwks_uri"])
        self.issuer = str(document["issuer"]) if self._cluster else self.issuer

    def _get(self, url: str) -> Any:
        check_address(url)
        headers = {}
        if self._bearer_file:
            headers["authorization"] = f"Bearer {Path(self._bearer_file).read_text().strip()}"
        trust = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=self._ca_file))
        opener = urllib.request.build_opener(trust, _NoRedirect, urllib.request.ProxyHandler({}))
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the scheme is checked above
        with opener.open(request, timeout=FETCH_SECONDS) as answer:
            return json.loads(answer.read(MOST_BYTES))


def _usable(published: list[Document]) -> list[jwt.PyJWK]:
    """Those that can be read, maybe none. Raises: ValueError for what is no list of keys."""
    if not isinstance(published, list):
        raise ValueError("not a set of keys")
    try:
        return jwt.PyJWKSet.from_dict({"keys": published}).keys
    except jwt.PyJWKSetError:
        return []


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Keys come from where the file says, and the bearer token goes nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def check_address(url: str) -> None:
    """Raises: ValueError for an address that an issuer is not asked at: keys and tokens come over https only."""
    parts = urlsplit(url)
    if parts.scheme != "https" and (parts.scheme, parts.hostname) != ("http", "127.0.0.1"):
        raise ValueError(f"{url} is not asked for keys: they come over https only")
