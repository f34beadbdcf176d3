"""What a key is: how one is made, what is kept of it, and how the gateway knows it."""

import hashlib
import secrets
import string
from datetime import datetime

from millrace_contracts.keys import PREFIX, KeyRead, KeyState
from millrace_serving.envoy import callers
from millrace_serving.tables import Key

LETTERS = string.ascii_letters + string.digits
LENGTH = 40
"""Random letters of a key: 238 bits, so its SHA-256 needs no salt and no delay."""


def new() -> str:
    """A key that nobody has."""
    return PREFIX + "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


def sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def state(key: Key, now: datetime) -> KeyState:
    """Whether it is let in at *now*."""
    if key.revoked_at is not None:
        return KeyState.REVOKED
    ended = key.expires_at is not None and key.expires_at <= now
    return KeyState.EXPIRED if ended else KeyState.VALID


def read(key: Key, now: datetime) -> KeyRead:
    """A key as its readers see it."""
    return KeyRead(
        project=key.project,
        name=key.name,
        state=state(key, now),
        endpoints=key.endpoints,
        expires_at=key.expires_at,
        requests_per_second=key.requests_per_second,
        max_body_bytes=key.max_body_bytes,
        made_at=key.made_at,
        made_by=key.made_by,
        revoked_at=key.revoked_at,
        revoked_by=key.revoked_by,
    )


def scope(key: Key) -> callers.Scope:
    """The endpoints that it may ask, as the gateway writes them."""
    return tuple(f"{key.project}/{name}" for name in key.endpoints or ("*",))


def of_key(key: Key) -> callers.Key:
    """A key as the gateway knows it."""
    return callers.Key(
        sha256=key.sha256,
        name=f"{key.project}/{key.name}",
        scope=scope(key),
        expires=0 if key.expires_at is None else max(1, int(key.expires_at.timestamp())),
        per_second=key.requests_per_second or 0,
        longest=key.max_body_bytes or 0,
    )
