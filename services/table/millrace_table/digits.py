"""Numbers whose differences a model cannot see: it keeps 24 bits of each (float32), which is seven digits."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SAMPLE = 50_000
KEPT = 0.9
"""Share of the different values that must stay different."""


@dataclass(frozen=True)
class Lost:
    """How many different values there are, how many a model can tell apart, and what could be subtracted."""

    values: int
    told_apart: int
    offset: int

    @property
    def words(self) -> str:
        """What happens to the column, to be put behind its name."""
        seen = f"of {self.values} different values it can tell {self.told_apart} apart"
        return f"needs more digits than a model keeps: {seen}"

    @property
    def mend(self) -> str:
        """What to do about it."""
        return f"Subtract an offset like {self.offset}, take differences, or exclude the column."


def lost(values: pa.Array | pa.ChunkedArray) -> Lost | None:
    """What float32 makes of a column of numbers; None where it keeps nearly all differences."""
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        return None
    distinct = pc.unique(values.slice(0, SAMPLE)).drop_null()
    exact = np.asarray(distinct)
    if len(exact) < 2:
        return None
    apart = len(np.unique(exact.astype(np.float32)))
    if apart >= KEPT * len(exact):
        return None
    low, high = int(exact.min()), int(exact.max())
    return Lost(len(exact), apart, low - low % 10 ** len(str(high - low)))
