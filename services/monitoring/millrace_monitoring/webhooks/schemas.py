"""JSON of webhooks."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Event = Literal["alarm.opened", "alarm.closed", "switch-back"]


class WebhookWrite(BaseModel):
    """Where to post, and what."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(
        min_length=1, max_length=2000, description="http(s)://…; its host must be allowed by the operator."
    )
    events: list[Event] = Field(default=["alarm.opened", "switch-back"], min_length=1, max_length=3)


class WebhookRead(BaseModel):
    """A webhook."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    url: str
    events: list[str]
