"""A call as data: method, path, query, body and patience; the same for both clients.

Every POST of Millrace is idempotent by a key, so connection errors are retried with back-off, and 503 and 429 after the
time that the service asks for. An answer that is held back (`wait`) is asked for again for longer: each attempt may
have taken all of `wait` before the service that held it went away.
"""

from collections.abc import AsyncIterable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypedDict
from urllib.parse import quote

import httpx
import structlog
from pydantic import BaseModel

from millrace.transport.errors import Busy
from millrace.transport.files import AsyncFileBody, FileBody
from millrace.transport.tokens import TokenFile
from millrace.transport.trust import trusted as trusted

RETRIED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.RemoteProtocolError,
    httpx.ReadError,
    httpx.WriteError,
)
PATIENCE = 45.0
"""Seconds for which a call is tried again."""
HELD = 6
"""How often a service that restarts may have held an answer back for all of `wait`, before that patience begins."""
SECONDS = 30.0
"""What an answer may take unless the call says otherwise."""
Query = str | int | float | bool | date | None
Content = bytes | FileBody | AsyncFileBody | AsyncIterable[bytes]


class Retrying(TypedDict):
    """How stamina is to try again."""

    on: Callable[[Exception], bool | float]
    attempts: int | None
    timeout: float
    wait_initial: float
    wait_max: float


class Prepared(TypedDict):
    """The arguments of httpx."""

    json: object
    content: Content | None
    headers: dict[str, str]
    params: dict[str, str | int | float | bool]
    timeout: float


@dataclass(frozen=True)
class Call:
    """One call to a service; *project* None: the client's own; *json* is what pydantic or orjson made of a body."""

    method: str
    path: str
    json: object = None
    content: Content | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Query] = field(default_factory=dict)
    project: str | None = None
    timeout: float | None = None
    retry: bool = True
    patience: float = PATIENCE

    def prepared(self, token: str | TokenFile, project: str, timeout: float) -> Prepared:
        """As httpx takes it; *token*, *project* and *timeout* (seconds) are the client's."""
        return {
            "json": self.json,
            "content": self.content,
            "headers": _signed(token) | dict(self.headers),
            "params": {"project": self.project or project, **self._query()},
            "timeout": self._patience(self.timeout or timeout),
        }

    def retrying(self) -> Retrying:
        """Back-off for a call that may be repeated; one attempt for one that may not."""
        return {
            "on": _again,
            "attempts": None if self.retry else 1,
            "timeout": self.patience + HELD * self._wait(),
            "wait_initial": 0.1,
            "wait_max": 5.0,
        }

    def _query(self) -> dict[str, str | int | float | bool]:
        """The query without what is None; times in ISO 8601."""
        given = {name: value for name, value in self.params.items() if value is not None}
        return {name: _written(value) if isinstance(value, date) else value for name, value in given.items()}

    def _patience(self, timeout: float) -> float:
        """Seconds for an answer that the service itself may hold back for `wait` seconds."""
        wait = self._wait()
        return max(timeout, wait + 15) if wait else timeout

    def _wait(self) -> float:
        """Seconds for which the service may hold the answer back."""
        wait = self.params.get("wait")
        return float(wait) if isinstance(wait, int | float) else 0.0


def _again(error: Exception) -> bool | float:
    """Whether to try once more: after back-off, or after the seconds that the service asks for."""
    return error.after if isinstance(error, Busy) else isinstance(error, RETRIED)


def get(path: str, *, project: str | None = None, timeout: float | None = None, **params: Query) -> Call:
    """Read; *params* that are None are left out of the query."""
    return Call("GET", path, params=params, project=project, timeout=timeout)


def post(
    path: str,
    body: BaseModel | None = None,
    *,
    project: str | None = None,
    timeout: float | None = None,
    retry: bool = True,
) -> Call:
    """Make, or do, something."""
    return Call("POST", path, written(body), project=project, timeout=timeout, retry=retry)


def put(path: str, body: BaseModel, *, project: str | None = None, timeout: float | None = None) -> Call:
    """Declare something."""
    return Call("PUT", path, written(body), project=project, timeout=timeout)


def patch(path: str, body: BaseModel, *, project: str | None = None) -> Call:
    """Change something."""
    return Call("PATCH", path, written(body), project=project)


def delete(path: str, *, project: str | None = None) -> Call:
    """Take something away."""
    return Call("DELETE", path, project=project)


def written(body: BaseModel | None) -> object:
    """*body* as JSON, with what was said and nothing else: the service knows its own defaults."""
    return None if body is None else body.model_dump(mode="json", by_alias=True, exclude_unset=True)


def part(value: object) -> str:
    """*value* as one safe segment of a path."""
    return quote(str(value), safe=":")


def _written(value: date) -> str:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value.isoformat()


def _signed(token: str | TokenFile) -> dict[str, str]:
    """The bearer token, and the request id that is bound to the log context."""
    shown = token() if isinstance(token, TokenFile) else token
    signed = {"authorization": f"Bearer {shown}"} if shown else {}
    bound = structlog.contextvars.get_contextvars().get("request_id")
    return signed | ({"x-request-id": bound} if bound else {})
