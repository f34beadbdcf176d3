"""What all bodies of MLflow's API have in common: unknown fields are passed over, empty ones are left out."""

import math
import time
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from millrace_core.errors import BadInput, Conflict, Forbidden
from millrace_core.pages import decode, encode

Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Instant = Annotated[int, Field(ge=0, lt=2**63, description="Milliseconds since 1970.")]
Key = Annotated[str, StringConstraints(min_length=1, max_length=250)]
PAGE, DEAR_PAGE = 10_000, 1000
"""Most that one page holds, however much is asked for: PostgreSQL takes 32,767 parameters. *DEAR_PAGE*: of what takes
several queries each. Clients go on by the token."""
Most = Annotated[int, Field(ge=1, le=50_000), AfterValidator(lambda asked: min(asked, PAGE))]
MostDear = Annotated[int, Field(ge=1, le=200_000), AfterValidator(lambda asked: min(asked, DEAR_PAGE))]
LARGEST = 1.7976931348623157e308


def _finite(value: Any) -> Any:
    """A number; what is beyond the largest becomes the largest, as MLflow keeps it. NaN stays."""
    number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else value
    return max(min(number, LARGEST), -LARGEST) if isinstance(number, float) and math.isinf(number) else number


Number = Annotated[float, BeforeValidator(_finite)]


class Sent(BaseModel):
    """A body or a query as clients send it: what a newer client adds is passed over."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _can_be_kept(cls, value: Any) -> Any:
        return _kept(value)


def _kept(value: Any) -> Any:
    """Refuse what no database keeps (ValueError)."""
    if isinstance(value, str) and ("\0" in value or any("\ud800" <= sign <= "\udfff" for sign in value)):
        raise ValueError("a text has a null character, or half of one")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _kept(part) if isinstance(part, str) else None
    return value


class Told(BaseModel):
    """An answer; absent values are left out, and NaN is the text that protobuf writes."""

    model_config = ConfigDict(ser_json_inf_nan="strings")


class Nothing(Told):
    """An answer that says no more than that it was done."""


class KeyValue(Sent):
    """A tag or a parameter."""

    key: Key
    value: str = Field(default="", max_length=100_000)


class Pair(Told):
    """A tag or a parameter as it is shown."""

    key: str
    value: str


def pairs(texts: dict[str, str]) -> list[Pair] | None:
    """Tags or parameters for an answer; None if there are none."""
    return [Pair(key=key, value=value) for key, value in texts.items()] or None


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def exists(what: str) -> Conflict:
    """The refusal of a name that is taken."""
    return Conflict(f"{what} already exists.")


def invalid(what: str) -> BadInput:
    """The refusal of a value that cannot be."""
    return BadInput(what)


def of_loop(what: str, loop: str) -> Forbidden:
    """The refusal to write what a loop writes."""
    return Forbidden(
        f"{what} belongs to the loop {loop} and is written by Millrace alone: its versions become champion by the "
        "loop's gates. Keep what is yours in an experiment or a registered model of your own; an ONNX model of "
        f"yours becomes a candidate by `millrace adopt {loop} --model NAME --version N`."
    )


def place(token: str | None) -> int:
    """The row at which a page begins. Raises: BadInput for a token that was not given out here."""
    keys = decode(token or None, int)
    return 0 if keys is None else max(0, min(int(keys[0]), 2**31 - 1))


def following(begin: int, limit: int, found: int) -> str | None:
    """The token of the next page, if *found* rows (one more than *limit* was asked for) say there is one."""
    return encode(begin + limit) if found > limit else None
