"""Whether a file of a folder is still being written: half of its last line would be another value."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from millrace_contracts.names import DataFormat

SETTLED = timedelta(seconds=2)
"""A file that has not been changed for so long is as it is meant, whatever it ends with."""
ENDS: dict[DataFormat, tuple[bytes, ...]] = {
    "csv": (b"\n", b"\r", b"\n\0", b"\r\0"),
    "jsonl": (b"\n", b"\r", b"]", b"}"),
    "parquet": (b"PAR1",),
}
"""What whole files end with; of other formats half of one cannot be read at all."""


class State(NamedTuple):
    """When a file was last changed, and its bytes."""

    changed: datetime
    size: int


def is_done(data: bytes, format: DataFormat, state: Callable[[], State | None]) -> bool:
    """Whether *data* is a whole file; waits until it has settled, and is not if it was changed meanwhile.

    state: how the file stands now; None where files are never seen half.
    """
    if format not in ENDS or data.endswith(ENDS[format]):
        return True
    seen = state()
    if seen is None:
        return True
    rest = seen.changed + SETTLED - datetime.now(UTC)
    if rest > timedelta(0):
        time.sleep(min(rest, SETTLED).total_seconds())
    return seen.size == len(data) and state() == seen
