"""How far apart event times lie, and so what is one sample in time: a day, a week or a month."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.names import BlockUnit

DENSE = 0.3
"""Share of all days that have rows, from which a day is a sample of its own; below, days come in clusters."""
FILLED = 0.5
"""Share of all weeks that have rows, from which a week is a sample; below it is a month."""
DAY = 86_400_000_000
MONTH = 365.25 / 12


@dataclass(frozen=True)
class Spacing:
    """What the event times of a table show.

    days, blocks: how many of them have rows. span: days from the first to the last one. rows: of the median block.
    """

    unit: BlockUnit
    days: int
    blocks: int
    span: int
    rows: int

    @property
    def gap(self) -> float:
        """Mean days from one block with rows to the next, never less than a block is long."""
        length = {"day": 1.0, "week": 7.0, "month": MONTH}[self.unit]
        return max(length, (self.span - 1) / (self.blocks - 1)) if self.blocks > 1 else length


def of_times(times: pa.ChunkedArray, zone: str) -> Spacing | None:
    """The spacing of event times (timestamps in UTC) on the clocks of *zone*; None if there is none."""
    days = days_of(times, zone)
    return look(days) if len(days) else None


def days_of(times: pa.ChunkedArray, zone: str) -> np.ndarray:
    """The day number since 1970 of event times that are there, on the clocks of *zone*, int64."""
    local = pc.local_timestamp(times.drop_null().cast(pa.timestamp("us", zone)))
    return np.asarray(local.cast(pa.int64())) // DAY


def look(days: np.ndarray) -> Spacing:
    """The spacing of event times; the unit is the shortest one that does not come in clusters.

    Args:
        days: day number since 1970 of each row, int64 (rows,); there is one at least.
    """
    return counted(*np.unique(days, return_counts=True))


def counted(present: np.ndarray, rows: np.ndarray) -> Spacing:
    """The spacing of the days *present*, ascending, of which each has so many *rows*."""
    span = int(present[-1] - present[0]) + 1
    unit: BlockUnit = "day"
    if len(present) >= 3 and len(present) < DENSE * span:
        weeks = np.unique(numbers(present, "week"))
        unit = "week" if len(weeks) >= FILLED * (weeks[-1] - weeks[0] + 1) else "month"
    return _in_blocks(present, rows, unit)


def of(days: np.ndarray, unit: BlockUnit) -> Spacing:
    """The spacing of event times in blocks of this *unit*."""
    return _in_blocks(*np.unique(days, return_counts=True), unit)


def _in_blocks(present: np.ndarray, rows: np.ndarray, unit: BlockUnit) -> Spacing:
    blocks, places = np.unique(numbers(present, unit), return_inverse=True)
    span = int(present[-1] - present[0]) + 1
    return Spacing(unit, len(present), len(blocks), span, int(np.median(np.bincount(places, rows))))


def numbers(days: np.ndarray, unit: BlockUnit) -> np.ndarray:
    """The block of each day number, int64: itself, its week (from Monday on) or its month, counted since 1970."""
    if unit == "day":
        return days
    if unit == "week":
        return (days + 3) // 7
    return np.asarray(days, "datetime64[D]").astype("datetime64[M]").astype(np.int64)


def first_day(day: int, unit: BlockUnit) -> int:
    """The first day number of the block that has *day*."""
    if unit == "week":
        return day - (day + 3) % 7
    if unit == "month":
        return int(np.datetime64(day, "D").astype("datetime64[M]").astype("datetime64[D]").astype(np.int64))
    return day


def name(number: int, unit: BlockUnit) -> str:
    """What a block is called, like `2024-03-01`, `week of 2024-02-26` or `2024-03`."""
    if unit == "month":
        return str(np.datetime64(number, "M"))
    return (
        f"week of {np.datetime64(7 * number - 3, 'D')}" if unit == "week" else str(np.datetime64(number, "D"))
    )
