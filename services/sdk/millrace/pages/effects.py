"""Effects as a table that a card and a page of an evaluation show alike."""

from collections.abc import Iterator
from datetime import UTC, datetime

from millrace_contracts.digits import legible, signed
from millrace_contracts.effects import Effect, EffectKind

SHOWN = 11
"""Points of a curve that a table tells: its ends, and those between at equal steps."""
LEAD = (
    "By how much an input moves the answer on average over the rows that it was judged on; nought is their mean. What "
    "has an order is told by accumulated local effects (Apley & Zhu 2020), categories by asking each row as if it had "
    "each. This is what the model does, not what causes what."
)


def unit(told: Effect) -> str:
    """What the numbers of an effect are in."""
    if told.of_classes:
        return "in points of probability"
    return f"in the unit of {told.outputs[0]}"


def name(told: Effect) -> str:
    return f"{told.column}, {unit(told)}:"


def headings(told: Effect) -> tuple[str, ...]:
    return (told.column, *(["rows"] if told.categories else []), *told.outputs)


def rows(told: Effect) -> Iterator[tuple[object, ...]]:
    """One line for each category, or for some points of the curve, in texts."""
    for item in told.categories:
        yield item.value or "missing", item.rows, *(moved(told, by) for by in item.moved)
    last = len(told.points) - 1
    places = sorted({round(step * last / (SHOWN - 1)) for step in range(SHOWN)}) if told.points else []
    for point in (told.points[place] for place in places):
        yield value(told.kind, point.at), *(moved(told, by) for by in point.moved)


def moved(told: Effect, by: float) -> str:
    """A difference as people read it: points of a probability, or the target's own unit."""
    return signed(100 * by if told.of_classes else by, 3)


def value(kind: EffectKind, at: float) -> str:
    """A value of a column that has an order."""
    if kind == "timestamp":
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
    if kind == "boolean":
        return "yes" if at else "no"
    return legible(at, 4)
