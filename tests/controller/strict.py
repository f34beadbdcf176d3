"""What all stand-ins share: digests, instants, and the refusal of unknown fields."""

import hashlib
from datetime import datetime

from fastapi import HTTPException
from pydantic import ValidationError


def digest(text):
    return "sha256:" + hashlib.sha256(str(text).encode()).hexdigest()


def instant(text):
    return datetime.fromisoformat(text)


def exactly(body, shape):
    """Refuse a body that is not of this shape, as the real services do."""
    try:
        shape.model_validate(body)
    except ValidationError as error:
        raise HTTPException(422, str(error)) from error
