"""Pages of a list: a cursor that says where the next one begins, never an offset."""

import base64
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Query

from millrace_contracts.bodies import Page as Page
from millrace_core.errors import BadInput, FieldError

Limit = Annotated[int, Query(ge=1, le=1000, description="Most items in one page.")]
Item = TypeVar("Item")
Row = TypeVar("Row")
Cursor = Annotated[str | None, Query(max_length=512, description="`next` of the page before.")]


def encode(*keys: str | int) -> str:
    """A cursor that stands after the row with these sort keys."""
    return base64.urlsafe_b64encode(orjson.dumps(keys)).decode().rstrip("=")


def decode(cursor: str | None, *types: type) -> tuple[str | int, ...] | None:
    """The sort keys in *cursor*; BadInput when it was not made by `encode` with *types*."""
    if cursor is None:
        return None
    try:
        keys = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        keys = None
    matches = isinstance(keys, list) and [type(key) for key in keys] == list(types)
    if not matches or any(type(key) is int and not -(2**63) <= key < 2**63 for key in keys):
        raise BadInput(
            "The cursor is not valid.", [FieldError("query.cursor", "unknown", "use `next` as it came")]
        )
    return tuple(keys)


def paginate(rows: Sequence[Any], limit: int, key: Callable[[Any], tuple[str | int, ...]]) -> dict[str, Any]:
    """A page from *rows*, of which the query fetched `limit + 1`; *key* gives a row's sort keys."""
    kept = list(rows[:limit])
    return {"items": kept, "next": encode(*key(kept[-1])) if len(rows) > limit else None}


def page(
    rows: Sequence[Row], limit: int, key: Callable[[Row], tuple[str | int, ...]], shown: Callable[[Row], Item]
) -> Page[Item]:
    """A typed page from *rows*, of which the query fetched `limit + 1`; *key* gives a row's sort keys."""
    kept = rows[:limit]
    following = encode(*key(kept[-1])) if len(rows) > limit else None
    return Page(items=[shown(row) for row in kept], next=following)
