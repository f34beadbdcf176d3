"""Numbers whose differences 32 bits cannot hold, which is seven digits: kept in 64, less a centre, where that helps."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

SAMPLE = 25_000
"""So many of the first values are looked at, and as many of the last: a number that counts on grows."""
KEPT = 0.9
"""Share of the different values that must stay different."""


Values = npt.NDArray[np.int64] | npt.NDArray[np.float64]


@dataclass(frozen=True)
class Lost:
    """How many different values there are, how many 32 bits tell apart, and how many they do less the *centre*.

    `offset` could be subtracted before the data comes here; None if that would not help.
    """

    values: int
    told_apart: int
    centred: int
    centre: float
    offset: int | None

    @property
    def mended(self) -> bool:
        """Whether a model keeps the differences if it takes the column in 64 bits and subtracts the centre."""
        return self.centred >= KEPT * self.values

    @property
    def words(self) -> str:
        """What happens to the column, to be put behind its name."""
        seen = f"of {self.values} different values it can tell {self.told_apart} apart"
        return f"needs more digits than a model keeps: {seen}"

    @property
    def mend(self) -> str:
        """What to do about it."""
        first = "Take differences" if self.offset is None else f"Subtract an offset like {self.offset}"
        return f"{first}, make it text if it names something, or exclude the column."


def lost(values: pa.Array | pa.ChunkedArray) -> Lost | None:
    """What float32 makes of a column of numbers; None where it keeps nearly all differences."""
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        return None
    exact = _distinct(values)
    if len(exact) < 2:
        return None
    apart = _apart(exact)
    if apart >= KEPT * len(exact):
        return None
    centre = middle(exact)
    centred = _apart(exact.astype(np.float64) - centre)
    return Lost(len(exact), apart, centred, centre, _offset(exact))


def _offset(exact: Values) -> int | None:
    """A round number that would keep the differences if it were subtracted from every value; None without one."""
    low, high = int(exact.min()), int(exact.max())
    offset = low - low % 10 ** len(str(high - low))
    if exact.dtype.kind == "i" and not (high - offset < 2**63 and offset >= -(2**63)):
        return None
    return offset if _apart((exact - offset).astype(exact.dtype)) >= KEPT * len(exact) else None


def middle(values: Values) -> float:
    """One whole number in the middle of them."""
    return float(np.floor(np.quantile(values, 0.5, method="lower")))


def _distinct(values: pa.Array | pa.ChunkedArray) -> Values:
    """The different finite values of the first and the last rows."""
    ends = [values.slice(0, SAMPLE), values.slice(max(SAMPLE, len(values) - SAMPLE))]
    arrays = [np.asarray(pc.unique(end).drop_null()) for end in ends if len(end)]
    exact = np.unique(np.concatenate(arrays)) if arrays else np.empty(0)
    return exact[np.isfinite(exact)]


def _apart(values: Values) -> int:
    return len(np.unique(values.astype(np.float32)))
