"""What a model sees of a time: parts of the date and days gone by, once in numpy and once as ONNX nodes.

Both count in whole numbers, so that no second is lost before they are few enough for 32 bits.

Algorithm: days to civil date by Howard Hinnant, `civil_from_days`; exact from year 1 to 9999.
"""

import numpy as np
from onnx import TensorProto

from millrace_training.features.clocks import Clock
from millrace_training.features.frame import MISSING_TIME
from millrace_training.graph.builder import Graph

PARTS = ("month", "day", "weekday", "hour")
"""month 1-12, day of the month 1-31, weekday 0 (Monday) - 6, hour 0-23."""
FIRST, LAST = -62_135_596_800, 253_402_300_799
"""Epoch seconds of the first and last second that can be told: years 1 and 9999."""


def parts(seconds: np.ndarray, clock: Clock) -> np.ndarray:
    """Date parts of UTC epoch *seconds* (n,) on a zone's clock.

    Returns: float32 of shape (n, len(PARTS)); NaN where the time is missing.
    """
    inside = np.clip(seconds, FIRST, LAST)
    local = inside + clock.ahead(inside)
    days, second = np.divmod(local, 86_400)
    month, day = _month_and_day(days)
    table = np.stack([month, day, (days + 3) % 7, second // 3_600], axis=1).astype(np.float32)
    table[seconds == MISSING_TIME] = np.nan
    return table


def _month_and_day(days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    of_era = (days + 719_468) % 146_097
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted + 2) // 5 + 1
    return np.where(shifted < 10, shifted + 3, shifted - 9), day


def emit(graph: Graph, tensor: str, clock: Clock) -> str:
    """The same as `parts`, as nodes: from an INT64 [N,1] tensor to a float [N, len(PARTS)] tensor."""
    whole = _Whole(graph)
    inside = _inside(graph, tensor)
    local = graph.add("Add", [inside, clock.emit(graph, inside)])
    second = whole.modulo(local, 86_400)
    days = whole.quotient(whole.minus(local, second), 86_400)
    month, day = _emit_month_and_day(graph, whole, days)
    weekday = whole.modulo(whole.plus(days, 3), 7)
    hour = whole.quotient(second, 3_600)
    table = graph.cast_float(graph.concat([month, day, weekday, hour]))
    return _unless_missing(graph, tensor, table)


def elapsed(seconds: np.ndarray, origin: int) -> np.ndarray:
    """Days from *origin* (epoch seconds) to UTC epoch *seconds* (n,): float32 (n, 1); NaN where the time is missing."""
    days = ((np.clip(seconds, FIRST, LAST) - np.int64(origin)) / np.float64(86_400)).astype(np.float32)
    days[seconds == MISSING_TIME] = np.nan
    return days[:, None]


def emit_elapsed(graph: Graph, tensor: str, origin: int) -> str:
    """The same as `elapsed`, as nodes: from an INT64 [N,1] tensor to a float one."""
    gone = graph.add("Sub", [_inside(graph, tensor), graph.constant(np.int64(origin))])
    exact = graph.add("Cast", [gone], to=TensorProto.DOUBLE)
    days = graph.cast_float(graph.add("Div", [exact, graph.constant(np.float64(86_400))]))
    return _unless_missing(graph, tensor, days)


def _inside(graph: Graph, tensor: str) -> str:
    return graph.add("Clip", [tensor, graph.constant(np.int64(FIRST)), graph.constant(np.int64(LAST))])


def _unless_missing(graph: Graph, tensor: str, numbers: str) -> str:
    missing = graph.add("Equal", [tensor, graph.constant(np.int64(MISSING_TIME))])
    return graph.add("Where", [missing, graph.constant(np.float32(np.nan)), numbers])


def _emit_month_and_day(graph: Graph, whole: "_Whole", days: str) -> tuple[str, str]:
    of_era = whole.modulo(whole.plus(days, 719_468), 146_097)
    years = whole.minus(of_era, whole.quotient(of_era, 1_460))
    years = graph.add("Add", [years, whole.quotient(of_era, 36_524)])
    year = whole.quotient(whole.minus(years, whole.quotient(of_era, 146_096)), 365)
    leaps = whole.minus(whole.quotient(year, 4), whole.quotient(year, 100))
    of_year = whole.minus(of_era, graph.add("Add", [whole.times(year, 365), leaps]))
    shifted = whole.quotient(whole.plus(whole.times(of_year, 5), 2), 153)
    begun = whole.quotient(whole.plus(whole.times(shifted, 153), 2), 5)
    day = whole.plus(whole.minus(of_year, begun), 1)
    early = graph.add("Less", [shifted, graph.constant(np.int64(10))])
    month = graph.add("Where", [early, whole.plus(shifted, 3), whole.plus(shifted, -9)])
    return month, day


class _Whole:
    """Arithmetic of int64 tensors with whole constants; `quotient` is for numbers that are not negative
    or divide without a rest, because ONNX rounds integer division towards zero."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def _with(self, operator: str, tensor: str, number: int) -> str:
        return self.graph.add(operator, [tensor, self.graph.constant(np.int64(number))])

    def plus(self, tensor: str, number: int) -> str:
        return self._with("Add", tensor, number)

    def times(self, tensor: str, number: int) -> str:
        return self._with("Mul", tensor, number)

    def quotient(self, tensor: str, number: int) -> str:
        return self._with("Div", tensor, number)

    def modulo(self, tensor: str, number: int) -> str:
        return self._with("Mod", tensor, number)

    def minus(self, tensor: str, other: str) -> str:
        return self.graph.add("Sub", [tensor, other])
