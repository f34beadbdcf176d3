"""Rows that come as a stream: what became of a batch, and how a loop's stream stands."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from millrace_contracts.bodies import Read

BatchKey = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,200}$")]
BATCH_ROWS = 50_000
"""Most rows of one batch."""


def odd_name(row: Mapping[str, object]) -> str | None:
    """A name whose cell no column could hold: one of an object, or an empty one; None where all may be one."""
    return next((name for name, value in row.items() if not name or type(value) is dict), None)


class StreamedBatch(Read):
    """What became of a batch: its rows are on the disk, and will be a part of exactly one delivery."""

    rows: int = Field(description="Rows that were kept, those that cannot be read included.")
    unreadable: int = Field(
        description="Lines among them that are no JSON object; the delivery's report has each with its reason."
    )
    repeated: bool = Field(description="The key was here before with the same rows; nothing was added.")
    number: int = Field(description="The batch's place in the order of all.")


class StreamRead(Read):
    """How the stream of a loop stands: rows wait until there are enough of them, or have waited long enough."""

    loop: str
    state: str = Field(description="waiting, delivering or failing.")
    pending_rows: int = Field(description="Rows that are kept and not yet delivered.")
    pending_bytes: int = Field(description="Bytes that they take, packed.")
    limit_bytes: int = Field(
        description="From so many on, batches are answered 429 until some are delivered."
    )
    oldest_at: datetime | None = Field(
        description="Since when the oldest row waits that is in no delivery yet."
    )
    last_number: int = Field(description="The newest batch; 0 while there is none.")
    settled_number: int = Field(description="The newest batch whose delivery is over; 0 while there is none.")
    deliveries: int = Field(description="Deliveries that are over.")
    rows: int = Field(description="Rows of those deliveries.")
    new_rows: int = Field(description="Rows of them that were new to the dataset.")
    refused: int = Field(description="Deliveries that were refused and are kept in quarantine.")
    job: str | None = Field(description="The job of the delivery that is on its way, else of the last one.")
    message: str = Field(description="What came of the last delivery, or what is in the way.")
