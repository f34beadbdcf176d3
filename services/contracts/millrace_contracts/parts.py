"""What every part of a loop's document is made of: its strictness, its numbers, its names, its durations.

Numbers and truth values are strict (`"12"` is no number), as they are for an API server.
"""

from collections.abc import Sized
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

from millrace_contracts import durations, zones
from millrace_contracts.names import Name as Name
from millrace_contracts.names import ObjectName as ObjectName

Int = Annotated[int, Strict()]
Float = Annotated[float, Strict()]
Bool = Annotated[bool, Strict()]
Column = Annotated[str, StringConstraints(min_length=1, max_length=200)]
DURATION: Final = "duration-of-event-time"
DAYS: Final = "whole-days"
WINDOW: Final = "all-or-whole-days"
ALL, SEASON = "all", "season"
"""Windows that are no number of days: all rows; the newest ones and those of the same season in earlier years."""
SCHEDULE: Final = "whole-days-or-calendar"
RHYTHM: Final = "duration-or-calendar"
ZONE: Final = "time-zone"
"""Formats under which a schema names what the validators below check (see `millrace.crd`)."""
LONGEST = "36500d"
"""A hundred years: what is longer is a slip of the pen."""
LEAST, MOST = "x-least", "x-most"
"""Where a schema names the bounds of a duration."""


def unsaid(value: object) -> bool:
    """What is not said is left out of the JSON, not null."""
    return value is None


def nothing_in(value: Sized) -> bool:
    """What is empty is left out of the JSON."""
    return len(value) == 0


@dataclass(frozen=True)
class Lasting:
    """A text is a duration (or whole days, or `all`) between *least* and *most*; used inside `Annotated`."""

    format: Literal["duration-of-event-time", "whole-days", "all-or-whole-days"] = DURATION
    most: str = LONGEST
    least: str = "0s"

    def check(self, text: str) -> str:
        """The text as it is. Raises: ValueError in the words that every entrance uses."""
        if self.format == WINDOW and text in (ALL, SEASON):
            return text
        lasts = durations.parse(text)
        if self.format != DURATION:
            durations.whole_days(text)
        if lasts > durations.parse(self.most):
            raise ValueError(f"{text!r} is longer than {self.most}, the most there can be")
        if lasts < durations.parse(self.least):
            raise ValueError(f"{text!r} is shorter than {self.least}, the least there can be")
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        bounds = {LEAST: self.least} if self.least != "0s" else {}
        return {"type": "string", "maxLength": 12, "format": self.format, MOST: self.most, **bounds}


Written = Annotated[str, StringConstraints(max_length=12)]
Duration = Annotated[Written, Lasting()]
Days = Annotated[Written, Lasting(DAYS)]
Window = Annotated[Written, Lasting(WINDOW)]
Zone = Annotated[
    str,
    StringConstraints(max_length=64),
    AfterValidator(zones.check),
    WithJsonSchema({"type": "string", "maxLength": 64, "format": ZONE}),
]


class Part(BaseModel):
    """A part of the document: camelCase outside, unknown fields refused."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, allow_inf_nan=False)


class Strictly(BaseModel):
    """What a request brings: unknown fields and numbers that are not finite are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
