"""JSON of decisions as they come in."""

from typing import Any

from pydantic import AwareDatetime, Field, model_validator

from millrace_contracts.bodies import COLUMNS
from millrace_contracts.decisions import Decision
from millrace_contracts.plain import plain


class DecisionWrite(Decision):
    """A decision as a service tells it, and as both databases can hold it."""

    project: str = Field(
        default="default", max_length=63, description="Left out: the project of the request."
    )
    run: int | None = Field(default=None, ge=0, le=2**31 - 1)
    event_time: AwareDatetime | None
    cause: str | None = Field(default=None, pattern=r"^[0-9a-f-]{36}$")

    @model_validator(mode="before")
    @classmethod
    def _holds(cls, value: Any) -> Any:
        return plain(value, columns=COLUMNS)
