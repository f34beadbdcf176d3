"""JSON that every database and every reader can hold."""

import math
from typing import Any

DEPTH = 20


def plain(value: Any, depth: int = DEPTH) -> Any:
    """*value* if every database and every JSON reader can hold it (ValueError says what cannot be)."""
    if depth == 0:
        raise ValueError(f"is nested more than {DEPTH} levels deep")
    if isinstance(value, dict):
        for key, item in value.items():
            plain(key, depth - 1), plain(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            plain(item, depth - 1)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("has a number that is not finite")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("has an integer beyond 64 bits")
    elif isinstance(value, str) and ("\0" in value or not _encodable(value)):
        raise ValueError("has text that is not valid Unicode, or a null character")
    return value


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
