"""The change of a loop's route that is intended: kept with the loop until every service has followed it."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from millrace_contracts.bodies import Document

WayBack = Literal["switch-back", "rollback"]
"""By the evidence of many days, or because a person says so."""


class RouteIntent(BaseModel):
    """Back to an archived version: which, from which, why, and who says so."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    key: str = Field(description="The same key is the same change.")
    version: int
    left: int | None = Field(alias="from")
    kind: WayBack
    author: str
    at: str | None = Field(description="Event time, in ISO 8601; None: outside event time.")
    reason: str
    evidence: Document

    @property
    def moment(self) -> datetime | None:
        """The event time."""
        return None if self.at is None else datetime.fromisoformat(self.at)
