"""Which version was champion at an instant of event time, as it was known at an instant of the clock."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from millrace_contracts.models import AliasMoveRead

LATEST = datetime.max.replace(tzinfo=UTC)
A_DAY = len("2026-11-21")


def holding(moves: Sequence[AliasMoveRead], at: datetime, known: datetime) -> AliasMoveRead | None:
    """Of the moves that hold at *at* the one that was recorded last, of those that were recorded by *known*.

    Args:
        moves: of one alias, in the order in which they were recorded.
    """
    before = [
        move for move in moves if (move.event_time or move.recorded_at) <= at and move.recorded_at <= known
    ]
    return before[-1] if before else None


def instant(text: str | None) -> datetime:
    """An ISO 8601 time, in UTC without an offset; a day means its end, nothing the latest there is.

    Raises: ValueError.
    """
    if not text:
        return LATEST
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return moment + timedelta(days=1, microseconds=-1) if len(text) == A_DAY else moment
