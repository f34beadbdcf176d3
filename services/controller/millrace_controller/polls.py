"""How a loop's source is looked at: kept with the loop, so that one look is one job whatever is killed when."""

from datetime import datetime

from pydantic import BaseModel


class Poll(BaseModel):
    """The last look at a source, and the next.

    declared: digest of the source as it was declared. number: of the look. key: of its job while that goes on.
    failures: in a row. new_rows: that all looks brought together. refused: deliveries, likewise.
    """

    declared: str
    number: int = 0
    key: str | None = None
    job: str | None = None
    next_at: datetime | None = None
    looked_at: datetime | None = None
    failures: int = 0
    message: str = ""
    new_rows: int = 0
    refused: int = 0
