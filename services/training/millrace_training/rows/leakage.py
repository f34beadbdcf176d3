"""The leakage screen: which features give the target away, by their values, their gaps or the order of the rows?

What counts as giving away is judged by `millrace_stats.leaks`; here tables become arrays.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from millrace_stats import leaks, telling
from millrace_stats.telling import Floats

ROWS = 50_000
IN_ORDER = 0.99
"""Concordance with event time from which a row number counts as one that follows time."""
AFTERWARDS = 0.5
"""Share of rows in which a time lies after the event time: what it says may be known afterwards only."""


@dataclass(frozen=True)
class Leak:
    """A column that gives the target away: how (`value`, `null pattern`, `row number`, `afterwards`) and how well.

    What is not *sure* may be an honest feature that is very strong.
    """

    column: str
    how: str
    score: str
    sure: bool = True


@dataclass(frozen=True)
class Labels:
    """What is to be predicted: *numbers* (rows,), the places of the *classes* where there are any (0: none)."""

    numbers: Floats
    classes: int


def screen(features: pa.Table, labels: Labels, event_time: pa.ChunkedArray | None = None) -> list[Leak]:
    """The columns of *features* that alone predict *labels* almost perfectly."""
    chosen = _sample(len(labels.numbers))
    features, target = features.take(pa.array(chosen)), labels.numbers[chosen]
    times = None if event_time is None else codes(event_time.take(pa.array(chosen)))
    found = []
    for name in features.column_names:
        leak = _of_column(name, features.column(name), target, labels.classes, times)
        if leak is not None:
            found.append(leak)
    return found


def _sample(rows: int) -> npt.NDArray[np.int64]:
    """Rows in a fixed random order, at most ROWS of them."""
    return np.random.default_rng(0).permutation(rows)[:ROWS]


def _of_column(
    name: str, values: pa.ChunkedArray, target: Floats, classes: int, times: Floats | None
) -> Leak | None:
    x = codes(values)
    told = leaks.judge(x, target, classes, named(values.type), not _follows(x, times))
    if told is not None:
        return Leak(name, told.how, told.score, told.sure)
    if times is not None and pa.types.is_timestamp(values.type):
        later = float(np.mean(x > times))
        if later > AFTERWARDS:
            return Leak(name, "afterwards", f"{later:.0%} of its times lie after the event time", False)
    return None


def _follows(x: Floats, times: Floats | None) -> bool:
    """Whether *x* numbers the rows in the order of their time."""
    if times is None or np.isnan(x).any() or not leaks.counts_rows(x):
        return False
    return bool(telling.concordance(x[:2000], times[:2000]) > IN_ORDER)


def named(type: pa.DataType) -> bool:
    """Whether values of this *type* are names, in no order."""
    return bool(pa.types.is_string(type) or pa.types.is_large_string(type))


def codes(values: pa.ChunkedArray) -> Floats:
    """Numbers as they are, times as microseconds, text as codes; nan where there is no value."""
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    if named(values.type):
        values = values.combine_chunks().dictionary_encode().indices
    return np.asarray(pc.cast(values, pa.float64(), safe=False).fill_null(np.nan), np.float64)
