"""JSON of alarms."""

from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class AlarmRead(BaseModel):
    """A finding that calls for action."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    endpoint: str
    kind: str = Field(description="performance, drift or quality.")
    cause: str = Field(description="What exactly, like 'quality:nulls:origin'; at most one is open for each.")
    state: str = Field(description="open, acknowledged or closed.")
    opened_day: date = Field(description="The day, in the loop's time zone, whose closing opened it.")
    last_day: date = Field(description="The last day on which it was found.")
    closed_day: date | None
    count: int = Field(description="On how many days it was found.")
    reason: str
    evidence: dict[str, Any]
    acknowledged_by: str | None
