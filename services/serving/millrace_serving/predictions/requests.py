"""The body of a request for predictions: its frame is read by its type, its rows only when something is wrong."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress

import orjson
from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import ClientDisconnect

from millrace_contracts.bodies import Document
from millrace_contracts.predictions import PredictionRequest
from millrace_serving.predictions.rows import Row

MOST_ROWS = 100_000
LONG = re.compile(rb"\d{19}")
"""Whole numbers that may not fit 64 bits."""
STAND_IN: list[Document] = [{}]
"""One row of no columns, in the place of those that are not looked at yet."""
CELL = 3
"""Steps to a cell: the rows, its row, its column."""
NO_CELL = "is no number, text, truth value or list of numbers; send null if it is not known"
NOT_FINITE = "is no finite number; send null if it is not known"
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
    _check_encoding(request)
    body = await _body(request)
    came = _parsed(body) if _is_json(request) else body
    if not body or came is None:
        raise _wrong("missing", "Field required")
    if not isinstance(came, dict):
        raise _wrong("model_attributes_type", OBJECT)
    return Asked(came)


def _check_encoding(request: Request) -> None:
    given = request.headers.get("content-encoding", "identity").strip().lower()
    if given != "identity":
        raise HTTPException(
            415, f"A body in the encoding {given[:40]} is not read here; send it as plain JSON."
        )


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
        words = 'The body is no UTF-8, or is nested too deeply; send JSON like {"rows": [{"column": 1}]}.'
        raise HTTPException(400, words) from error


def _wrong(kind: str, words: str, *place: int) -> RequestValidationError:
    return RequestValidationError([{"type": kind, "loc": ("body", *place), "msg": words, "input": {}}])


def _validated(came: Document) -> PredictionRequest:
    try:
        return PredictionRequest.model_validate(came)
    except ValidationError as error:
        told = _cells(error.errors(include_url=False, include_context=False))
        raise RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in told]) from error


def _cells(told: list[ErrorDetails]) -> list[ErrorDetails]:
    """One mistake for each cell, not one for each type that it might have been."""
    kept: dict[object, ErrorDetails] = {}
    for number, item in enumerate(told):
        loc = item["loc"]
        is_cell = len(loc) > CELL and loc[0] == "rows"
        place = loc[:CELL] if is_cell else number
        if is_cell and item["type"] == "string_too_long":
            kept[place] = {**item, "loc": loc[:CELL]}
        elif is_cell:
            words = NOT_FINITE if isinstance(item["input"], float) else NO_CELL
            kept.setdefault(place, {**item, "loc": loc[:CELL], "type": "cell", "msg": words})
        else:
            kept[place] = item
    return list(kept.values())


BARE = _validated({"rows": STAND_IN})
"""The frame of a request that says nothing but its rows."""
