"""What the cells of a column in its type add up to: all that a guess of its promise needs to know of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

MOST_VALUES = 1000
"""Different values of a column that are told apart."""
Value = bool | int | float | str


@dataclass(frozen=True)
class Facts:
    """A column of so many *rows*, of which some are *missing*.

    Attributes:
        low, high: of numbers; None where there is none.
        distinct: different values; of more than `MOST_VALUES` it may be told only that there are more.
        each_once: whether no value comes twice.
        counts: how often each value of a column that is no tensor comes; None where there are too many.
    """

    rows: int
    missing: int
    low: float | None = None
    high: float | None = None
    distinct: int = 0
    each_once: bool = False
    counts: Mapping[Value, int] | None = field(default_factory=dict)

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing


def of(values: pa.Array | pa.ChunkedArray) -> Facts:
    """The facts of a whole column in its type."""
    rows, missing, present = len(values), values.null_count, values.drop_null()
    if pa.types.is_nested(values.type):
        return Facts(rows, missing, counts=None)
    low, high = ends(present)
    distinct = len(pc.unique(present))
    counts = counted(present) if distinct <= MOST_VALUES else None
    return Facts(rows, missing, low, high, distinct, distinct == len(present), counts)


def ends(present: pa.Array | pa.ChunkedArray) -> tuple[Any, Any]:
    """The least and the greatest of numbers or times; None for others, and where there is none."""
    if not len(present) or pa.types.is_string(present.type) or pa.types.is_boolean(present.type):
        return None, None
    found = pc.min_max(present.cast(pa.int64()) if pa.types.is_timestamp(present.type) else present).as_py()
    return found["min"], found["max"]


def counted(present: pa.Array | pa.ChunkedArray) -> dict[Value, int]:
    """How often each value comes."""
    plain = present.cast(pa.int64()) if pa.types.is_timestamp(present.type) else present
    return {item["values"]: item["counts"] for item in pc.value_counts(plain).to_pylist()}
