"""JSON of aliases and their moves."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from millrace_registry.bodies import Body

Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class AliasWrite(Body):
    version: Number | None = Field(description="Where it shall point; null: nowhere.")
    expected: Number | None = Field(description="Where the caller believes it points now; else 409.")
    event_time: AwareDatetime | None = Field(default=None, description="When the move holds in event time.")
    decision: str | None = Field(default=None, max_length=36, description="Id of the decision behind it.")
    reason: str = Field(default="", max_length=2000)


class AliasRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    name: str
    version: int | None


class AliasMoveRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    name: str
    number: int
    version: int | None
    previous: int | None
    event_time: datetime | None
    decision: str | None
    reason: str
    actor: str
    recorded_at: datetime
