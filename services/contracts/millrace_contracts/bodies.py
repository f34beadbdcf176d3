"""What every request body must be, so that both databases and every reader can hold it."""

from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from millrace_contracts.plain import plain

HEAD_BYTES = 60 * 1024
"""Bytes of a request's line and headers, at services as at the gateway (Envoy's own default). A token that names a
thousand groups fits, and nobody's memory is filled by a head without an end."""
COLUMNS = 1
"""Levels whose texts are columns of their own, where PostgreSQL takes no null character; deeper is JSON."""


def _kept_as_json(value: dict[str, Any]) -> dict[str, Any]:
    plain(value, columns=-1)
    return value


Document = Annotated[dict[str, Any], AfterValidator(_kept_as_json)]
"""JSON of somebody else's making, kept and shown as it came."""


class Body(BaseModel):
    """A request body: no unknown fields, and only JSON that PostgreSQL and other languages can hold."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _can_be_kept(cls, value: Any) -> Any:
        return plain(value, columns=COLUMNS)


class Read(BaseModel):
    """An answer: read from a row or from JSON; what a newer service adds is left aside."""

    model_config = ConfigDict(from_attributes=True, populate_by_name=True)


Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next: str | None = Field(description="Cursor of the next page; null on the last one.")
