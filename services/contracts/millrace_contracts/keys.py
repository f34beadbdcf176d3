"""Keys for inference: who may ask which endpoints of a project, until when, and how much."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from millrace_contracts.bodies import Read
from millrace_contracts.instants import Instant
from millrace_contracts.names import Name
from millrace_contracts.parts import Strictly

PREFIX = "mrk_"
"""Every key begins with it, so that people and scanners of secrets know one when they see it."""
MOST_ENDPOINTS = 100
MOST_PER_SECOND = 1_000_000
MOST_BYTES = 2**30
PerSecond = Annotated[int, Field(ge=1, le=MOST_PER_SECOND)]
Bytes = Annotated[int, Field(ge=1, le=MOST_BYTES)]


class KeyState(StrEnum):
    """Whether a key is let in."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


class KeyWrite(Strictly):
    """What a new key is for."""

    name: Name = Field(description="By which it is told and revoked; never used again in its project.")
    endpoints: list[Name] = Field(
        default=[],
        max_length=MOST_ENDPOINTS,
        description="What it may ask, also endpoints that are not there yet; empty: every endpoint of the project.",
    )
    expires_at: Instant | None = Field(
        default=None, description="When it is no longer let in; null: when it is revoked."
    )
    requests_per_second: PerSecond | None = Field(
        default=None, description="What each gateway takes from it in a second, and at once; null: no limit."
    )
    max_body_bytes: Bytes | None = Field(
        default=None, description="Longest request, in bytes; null: what the gateway takes of anybody."
    )


class KeyExpiry(Strictly):
    """When a key ends."""

    at: Instant


class KeyRead(Read):
    """A key without what opens the door: that is stored nowhere."""

    project: str
    name: str
    state: KeyState
    endpoints: list[str] = Field(description="What it may ask; empty: every endpoint of the project.")
    expires_at: datetime | None
    requests_per_second: int | None = Field(description="Of each gateway; null: no limit.")
    max_body_bytes: int | None
    made_at: datetime
    made_by: str
    revoked_at: datetime | None
    revoked_by: str | None


class KeyMade(KeyRead):
    """A new key; it is told this once."""

    key: str = Field(description="Show it as `Authorization: Bearer <key>`. It cannot be read again.")
