"""What every part of a loop's document is made of: its strictness, its numbers, its names, its durations.

Numbers and truth values are strict (`"12"` is no number), as they are for an API server.
"""

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Strict,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from millrace import durations

Int = Annotated[int, Strict()]
Float = Annotated[float, Strict()]
Bool = Annotated[bool, Strict()]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
ObjectName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
Column = Annotated[str, StringConstraints(min_length=1, max_length=200)]
DURATION, DAYS, WINDOW, ZONE = "duration-of-event-time", "whole-days", "all-or-whole-days", "time-zone"
"""Formats under which a schema names what the validators below check (see `millrace.crd`)."""


def _duration(text: str) -> str:
    durations.parse(text)
    return text


def _days(text: str) -> str:
    durations.whole_days(text)
    return text


def _window(text: str) -> str:
    return text if text == "all" else _days(text)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not a time zone; write it like Europe/Berlin") from error
    return name


def _text(longest: int, format: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "maxLength": longest, "format": format})


Duration = Annotated[str, StringConstraints(max_length=12), AfterValidator(_duration), _text(12, DURATION)]
Days = Annotated[str, StringConstraints(max_length=12), AfterValidator(_days), _text(12, DAYS)]
Window = Annotated[str, StringConstraints(max_length=12), AfterValidator(_window), _text(12, WINDOW)]
Zone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_zone), _text(64, ZONE)]


class Part(BaseModel):
    """A part of the document: camelCase outside, unknown fields refused."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, allow_inf_nan=False)
