"""How far the clocks of a zone are ahead of UTC at any instant, once in numpy and once as ONNX nodes.

Clocks change some two hundred times in a century; each change is a constant of the graph. Before the first and after
the last one the nearest offset holds.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import onnx

from millrace_training.graph.builder import Graph

FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2070, 1, 1, tzinfo=UTC)
STEP = timedelta(days=3)
"""No zone changes its clocks and changes them back within it."""


@dataclass(frozen=True)
class Clock:
    """Seconds ahead of UTC: *first*, and from each instant *at* (epoch seconds) on as many *more* as are beside it."""

    first: int
    at: tuple[int, ...] = ()
    more: tuple[int, ...] = ()

    def ahead(self, seconds: np.ndarray) -> np.ndarray:
        """Of each instant, int64 (n,)."""
        totals = self.first + np.concatenate([[0], np.cumsum(np.array(self.more, np.int64))])
        return totals.astype(np.int64)[np.searchsorted(np.array(self.at, np.int64), seconds, side="right")]

    def emit(self, graph: Graph, tensor: str) -> str:
        """The same from an INT64 [N,1] tensor, as one: float32 holds these sums exactly."""
        first = graph.constant(np.int64(self.first))
        if not self.at:
            return first
        passed = graph.add("GreaterOrEqual", [tensor, graph.constant(np.array([self.at], np.int64))])
        weights = graph.constant(np.array(self.more, np.float32)[:, None])
        sums = graph.add("MatMul", [graph.cast_float(passed), weights])
        return graph.add("Add", [graph.add("Cast", [sums], to=onnx.TensorProto.INT64), first])


@lru_cache(maxsize=16)
def of_zone(zone: str) -> Clock:
    """The clock of a zone, from 1970 to 2069."""
    tz = ZoneInfo(zone)
    at, more, then = [], [], FIRST
    while then < LAST:
        if (change := ahead(then + STEP, tz) - ahead(then, tz)) != 0:
            at.append(_first_with(then, then + STEP, tz))
            more.append(change)
        then += STEP
    return Clock(ahead(FIRST, tz), tuple(at), tuple(more))


def ahead(moment: datetime, tz: ZoneInfo) -> int:
    """Seconds that the clocks of a zone are ahead of UTC at one moment."""
    delta = moment.astimezone(tz).utcoffset()
    return 0 if delta is None else round(delta.total_seconds())


def _first_with(old: datetime, new: datetime, tz: ZoneInfo) -> int:
    """The first second whose offset is that of *new*; *old* has another."""
    low, high, target = int(old.timestamp()), int(new.timestamp()), ahead(new, tz)
    while high - low > 1:
        middle = (low + high) // 2
        here = ahead(datetime.fromtimestamp(middle, UTC), tz)
        low, high = (low, middle) if here == target else (middle, high)
    return high
