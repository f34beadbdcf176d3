"""JSON that every database, every reader and every language can hold."""

import math
from typing import Any

LEVELS = 64
"""Levels of nesting that JSON may have."""


def plain(value: Any, levels: int = LEVELS, columns: int | None = None) -> Any:
    """*value*, if it is JSON that can be kept anywhere (ValueError says what cannot).

    Args:
        levels: how deep it may be nested.
        columns: how deep a text may become a column of its own, where PostgreSQL takes no null character; None: any.
    """
    level, depth = [value], 0
    while level:
        if depth > levels:
            raise ValueError(f"the body is nested more than {levels} levels deep")
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                deeper += item
                deeper += item.values()
            elif isinstance(item, list):
                deeper += item
            else:
                _scalar(item, columns is None or depth <= columns)
        level, depth = deeper, depth + 1
    return value


def _scalar(item: Any, is_column: bool) -> None:
    if isinstance(item, str):
        _text(item, is_column)
    elif isinstance(item, float) and not math.isfinite(item):
        raise ValueError("the body has a number that is not finite")
    elif isinstance(item, int) and not -(2**63) <= item < 2**63:
        raise ValueError("the body has an integer beyond 64 bits")


def _text(item: str, is_column: bool) -> None:
    if not item.isascii() and any("\ud800" <= sign <= "\udfff" for sign in item):
        raise ValueError("the body has text with half a character")
    if is_column and "\0" in item:
        raise ValueError("the body has text with a null character")
