"""How an answer is read: an error in problem+json, plain JSON, bytes, or the type that the caller names."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter

from millrace.transport.errors import ApiError, Busy
from millrace_contracts.bodies import Page as Page

Answer = TypeVar("Answer")
LONGEST = 60.0
"""Seconds that are waited at most because a service asks for it."""


class Event(BaseModel):
    """One server-sent event: its name, its data as JSON text, and its id, by which a stream is taken up behind it."""

    name: str
    data: str
    id: str = ""


def checked(response: httpx.Response) -> httpx.Response:
    """*response* if it is a good one. Raises: ApiError; Busy for 503 and 429."""
    if response.is_success:
        return response
    try:
        problem = response.json()
    except ValueError:
        problem = {"title": response.reason_phrase, "detail": response.text[:300]}
    error = ApiError(response.status_code, problem, str(response.request.url))
    if response.status_code in (429, 503):
        raise Busy(error, _seconds(response))
    raise error


def told(name: str, data: str, url: str, id: str = "") -> Event:
    """An event of a stream. Raises: ApiError for the one by which a service says why it ends the stream."""
    if name == "error":
        problem = TypeAdapter(dict[str, object]).validate_json(data)
        raise ApiError(int(str(problem.get("status", 500))), problem, url)
    return Event(name=name, data=data, id=id)


def _seconds(response: httpx.Response) -> float:
    """How long the service asks to wait; a date, which none of ours sends, is one second."""
    asked = response.headers.get("retry-after", "")
    return min(float(asked), LONGEST) if asked.isdigit() else 1.0


def plain(response: httpx.Response) -> Any:
    """JSON as Python's own types, anything else as bytes."""
    kind = response.headers.get("content-type", "")
    return response.json() if kind.startswith("application/json") else response.content


def typed(shape: type[Answer], response: httpx.Response) -> Answer:
    """JSON as *shape*. Raises: pydantic.ValidationError when the service speaks of something else."""
    return read(shape, response.content)


def read(shape: type[Answer], text: str | bytes) -> Answer:
    """JSON text as *shape*. Raises: pydantic.ValidationError."""
    reader: TypeAdapter[Answer] = _reader(shape)  # type: ignore[arg-type]
    return reader.validate_json(text)


@cache
def _reader(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


@contextmanager
def plain_errors() -> Iterator[None]:
    """A service that stays busy refuses like any other."""
    try:
        yield
    except Busy as busy:
        raise busy.error from None
