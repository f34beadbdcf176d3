"""The body of a request for predictions: its frame is read by its type, its rows only when something is wrong."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress

import orjson
from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from millrace_contracts.bodies import Document
from millrace_contracts.predictions import PredictionRequest
from millrace_serving.predictions.rows import Row

MOST_ROWS = 100_000
LONG = re.compile(rb"\d{19}")
"""Whole numbers that may not fit 64 bits."""
STAND_IN: list[Document] = [{}]
"""One row of no columns, in the place of those that are not looked at yet."""
OBJECT = "Input should be a valid dictionary or object to extract fields from"


class Asked:
    """A request whose frame is right. *rows* are JSON objects as they came; `checked` says what is wrong with them."""

    __slots__ = ("_came", "frame", "rows")

    def __init__(self, came: Document) -> None:
        """Raises: RequestValidationError."""
        self._came = came
        rows = came.get("rows")
        plain = type(rows) is list and 0 < len(rows) <= MOST_ROWS and all(type(row) is dict for row in rows)
        bare = plain and len(came) == 1
        self.frame = BARE if bare else _validated(came | {"rows": STAND_IN} if plain else came)
        self.rows: Sequence[Row] = rows if plain and rows else self.frame.rows

    def checked(self) -> PredictionRequest:
        """All of it by its type. Raises: RequestValidationError."""
        return _validated(self._came)


async def read(request: Request) -> Asked:
    """Raises: RequestValidationError for what is no JSON object, or for a wrong frame; HTTPException for no text."""
    body = await _body(request)
    came = _parsed(body) if _is_json(request) else body
    if not body or came is None:
        raise _wrong("missing", "Field required")
    if not isinstance(came, dict):
        raise _wrong("model_attributes_type", OBJECT)
    return Asked(came)


async def _body(request: Request) -> bytes:
    """All of it; the usual way of a Request goes through a generator that each request pays for."""
    pieces, more = [], True
    while more:
        message = await request.receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


def _is_json(request: Request) -> bool:
    given = next((value for name, value in request.scope["headers"] if name == b"content-type"), b"")
    kind = given.decode("latin-1").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _parsed(body: bytes) -> object:
    """The fast reader takes all but what it would round or refuse: numbers of many digits, half characters, NaN."""
    if not LONG.search(body):
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(body)
    try:
        return json.loads(body) if body else None
    except json.JSONDecodeError as error:
        raise _wrong("json_invalid", "JSON decode error", error.pos) from error
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "There was an error parsing the body") from error


def _wrong(kind: str, words: str, *place: int) -> RequestValidationError:
    return RequestValidationError([{"type": kind, "loc": ("body", *place), "msg": words, "input": {}}])


def _validated(came: Document) -> PredictionRequest:
    try:
        return PredictionRequest.model_validate(came)
    except ValidationError as error:
        told = error.errors(include_url=False, include_context=False)
        raise RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in told]) from error


BARE = _validated({"rows": STAND_IN})
"""The frame of a request that says nothing but its rows."""
