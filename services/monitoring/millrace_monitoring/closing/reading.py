"""A closed day as the feed tells it."""

from millrace_contracts.closings import ClosingRead
from millrace_monitoring.tables import Closing


def read(closing: Closing) -> ClosingRead:
    """A closed day's columns and what was found on it."""
    return ClosingRead(
        seq=closing.seq,
        project=closing.project,
        endpoint=closing.endpoint,
        day=closing.day,
        through=closing.through,
        rows=closing.rows,
        labelled=closing.labelled,
        **vars(closing.item),
    )
