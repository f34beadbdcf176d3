"""On which day a row lies, and whether it lies before a cut."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

DAY = 86_400_000_000


def numbers(times: pa.ChunkedArray, zone: str) -> np.ndarray:
    """Day numbers on the clocks of *zone*, int64 (rows,); -1 without a time."""
    moments = times.cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.timestamp("us", zone))
    local = pc.local_timestamp(moments).cast(pa.int64()).fill_null(-1)
    return np.asarray(np.asarray(local) // DAY)


def before(times: pa.ChunkedArray, cut: datetime) -> np.ndarray:
    """Which times lie before *cut*, bool (rows,)."""
    micros = times.cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.int64()).fill_null(-1)
    return np.asarray(np.asarray(micros) < round(cut.timestamp() * 1_000_000))
