"""JSON of predictions for people and low traffic."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Value = bool | int | float | Annotated[str, StringConstraints(max_length=10_000)] | None
Text = Annotated[str, StringConstraints(max_length=200)]


class Question(BaseModel):
    """Rows to be predicted."""

    model_config = ConfigDict(extra="forbid")

    rows: list[dict[Text, Value]] = Field(
        min_length=1, max_length=1024, description="One object per row, by column; null is a missing value."
    )
    key: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,256}$")] | None = Field(
        default=None, description="Sticky key: the same key always meets the same revision."
    )
    event_time: AwareDatetime | None = Field(
        default=None, description="When the event happens; now if absent."
    )


class Answer(BaseModel):
    """What the gateway answered."""

    request_id: str = Field(description="A row is (request id, index in the batch); labels refer to it.")
    revision: str
    version: int | None
    predictions: list[float | None] = Field(description="One per row; null: not a finite number.")
