"""What every request body and cursor must be, so that both databases and every reader can hold it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from millrace_core.pages import decode
from millrace_core.plain import plain

COLUMNS = 1
"""Levels whose texts are columns of their own, where PostgreSQL takes no null character; deeper is JSON."""


class Body(BaseModel):
    """A request body: no unknown fields, and only JSON that PostgreSQL and other languages can hold."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _holds(cls, value: Any) -> Any:
        return plain(value, columns=COLUMNS)


def after_number(cursor: str | None) -> int:
    """The number after which a page begins; 0 without a cursor. Raises BadInput for a forged cursor."""
    keys = decode(cursor, int)
    return min(max(int(keys[0]), 0), 2**31 - 1) if keys else 0


def after_name(cursor: str | None) -> str | None:
    """The name after which a page begins; None without a cursor. Raises BadInput for a forged cursor."""
    keys = decode(cursor, str)
    return str(keys[0]).replace("\0", "") if keys else None
