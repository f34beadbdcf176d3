"""What every request body and cursor must be, so that both databases and every reader can hold it."""

import math
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from millrace_core.pages import decode

DEPTH = 64
"""Levels of nesting that a body may have."""
COLUMNS = 1
"""Levels whose texts are columns of their own, where PostgreSQL takes no null character; deeper is JSON."""


class Body(BaseModel):
    """A request body: no unknown fields, and only JSON that PostgreSQL and other languages can hold."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _holds(cls, value: Any) -> Any:
        return plain(value)


def plain(value: Any) -> Any:
    """*value*, if it is JSON that can be kept anywhere (ValueError says what cannot)."""
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > DEPTH:
            raise ValueError(f"the body is nested more than {DEPTH} levels deep")
        if isinstance(item, dict):
            waiting += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            waiting += [(part, depth + 1) for part in item]
        else:
            _scalar(item, depth)
    return value


def _scalar(item: Any, depth: int) -> None:
    if isinstance(item, float) and not math.isfinite(item):
        raise ValueError("the body has a number that is not finite")
    if isinstance(item, int) and not -(2**63) <= item < 2**63:
        raise ValueError("the body has an integer beyond 64 bits")
    if isinstance(item, str) and any("\ud800" <= sign <= "\udfff" for sign in item):
        raise ValueError("the body has text with half a character")
    if isinstance(item, str) and depth <= COLUMNS and "\0" in item:
        raise ValueError("the body has text with a null character")


def after_number(cursor: str | None) -> int:
    """The number after which a page begins; 0 without a cursor. Raises BadInput for a forged cursor."""
    keys = decode(cursor, int)
    return min(max(int(keys[0]), 0), 2**31 - 1) if keys else 0


def after_name(cursor: str | None) -> str | None:
    """The name after which a page begins; None without a cursor. Raises BadInput for a forged cursor."""
    keys = decode(cursor, str)
    return str(keys[0]).replace("\0", "") if keys else None
