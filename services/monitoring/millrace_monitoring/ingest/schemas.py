"""JSON of rows that come over REST."""

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, field_validator

from millrace_monitoring.ingest.records import FIRST, LAST

RequestId = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$")]
Value = bool | int | float | Annotated[str, Field(max_length=10_000)] | None


class RowWrite(BaseModel):
    """One row that was predicted, or is to be scored when its day closes."""

    model_config = ConfigDict(extra="forbid")

    request_id: RequestId
    index: int = Field(default=0, ge=0, le=2**31 - 1)
    event_time: AwareDatetime
    features: dict[str, Value] = Field(
        description="By data column or tensor name; null or left out: missing."
    )
    prediction: float | None = Field(
        default=None, description="Null: scored in batch with the champion's graph."
    )
    revision: str | None = Field(default=None, max_length=80)

    @field_validator("event_time")
    @classmethod
    def _in_range(cls, moment: Any) -> Any:
        if not FIRST <= moment < LAST:
            raise ValueError("is not in 1970 to 2199")
        return moment


class RowsWrite(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rows: list[RowWrite] = Field(max_length=100_000)


class RowsRead(BaseModel):
    """What is durable now; repeats are noticed and not stored again."""

    rows: int
