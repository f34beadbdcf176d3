"""Seeds and keys by hash, so that what a trial draws depends on what it is and never on when it ran."""

import hashlib
import json
from typing import Any


def key_of(*parts: Any) -> str:
    """A name for work: equal parts (JSON-like) give the same 32 hex digits."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def seed_of(*parts: Any) -> int:
    """A seed below 2**31 for the same *parts*."""
    return int(key_of(*parts)[:8], 16) % 2**31
