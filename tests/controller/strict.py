"""What all stand-ins share: digests, instants, and the refusal of unknown fields."""

import hashlib
from datetime import datetime

from fastapi import HTTPException


def digest(text):
    return "sha256:" + hashlib.sha256(str(text).encode()).hexdigest()


def instant(text):
    return datetime.fromisoformat(text)


def exactly(body, required, optional=()):
    """Refuse a body with other fields, as the real services do."""
    unknown, missing = set(body) - set(required) - set(optional), set(required) - set(body)
    if unknown or missing:
        raise HTTPException(422, f"unknown {sorted(unknown)}, missing {sorted(missing)}")
