"""Which moments can be told: beyond them a clock is wrong, and arithmetic ends."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def in_range(moment: datetime) -> datetime:
    """The moment; one without an offset counts as UTC. Raises: ValueError."""
    if not FIRST <= (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) < LAST:
        raise ValueError("is not in 1970 to 2199")
    return moment


Instant = Annotated[AwareDatetime, AfterValidator(in_range)]
"""A moment with its offset."""
Clock = Annotated[datetime, AfterValidator(in_range)]
"""A moment with its offset, or a clock time of a zone that is known from elsewhere."""
