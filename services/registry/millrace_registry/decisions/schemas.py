"""JSON of decisions and of their chain."""

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field, model_validator

from millrace.decisions import Decision
from millrace_core.plain import plain
from millrace_registry.bodies import COLUMNS


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


class DecisionRead(Decision):
    number: int = Field(description="Place in the chain, from 1.")
    recorded_at: datetime
    hash: str
    previous: str


class DecisionDetail(DecisionRead):
    followed_by: list[DecisionRead] = Field(description="Decisions that this one led to.")


class Verification(BaseModel):
    ok: bool
    count: int = Field(description="Links that fit, from the first.")
    head: str = Field(description="Hash of the last of them; keep it elsewhere to notice a truncated log.")
    first_bad: int | None = Field(description="Number of the first link that does not fit or is not there.")


class DecisionDigest(BaseModel):
    digest: str
    count: int
