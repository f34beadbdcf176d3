"""How many rows the day's requests had: what other forms of a model are measured with.

Only what came through the gateway counts, and once, by whichever revision answered it: rows that were logged over REST
tell no duration, and were never one request.
"""

from collections import Counter
from math import ceil

import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.traffic import LARGEST

EXACT = 100
"""Up to so many rows each size counts by itself."""


def of_day(table: pa.Table) -> dict[str, int]:
    """Requests by their rows, smallest first; rows as text, as they travel.

    Args:
        table: lines of the day, one for each row of a request (see `segments`).
    """
    online = pc.and_(pc.greater_equal(table["index"], 0), pc.equal(table["listener"], "inference"))
    online = pc.and_(online, pc.is_finite(table["duration_ms"]))
    counts = pc.value_counts(table.filter(online)["request_id"]).field("counts")
    sizes = Counter(rounded(rows.as_py()) for rows in counts)
    return {str(rows): sizes[rows] for rows in sorted(sizes)}


def rounded(rows: int) -> int:
    """A size as it is told: up to EXACT as it is, beyond it up to two digits, and LARGEST at most."""
    if rows <= EXACT:
        return rows
    unit = 10 ** (len(str(rows)) - 2)
    return min(ceil(rows / unit) * unit, LARGEST)
