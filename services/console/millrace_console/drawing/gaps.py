"""How far a group lies from its reference, month by month: intervals, with nought and the bound of the gate."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from millrace_console.drawing.scale import Scale, round_numbers, rule, svg, text
from millrace_contracts.digits import legible, signed

WIDTH, ROW, LEFT, RIGHT, TOP, BOTTOM = 760.0, 26.0, 110.0, 24.0, 8.0, 40.0
DOT = Markup('<circle class="inconclusive" cx="{:.1f}" cy="{:.1f}" r="4.5"><title>{}</title></circle>')


@dataclass(frozen=True)
class Gap:
    """One month's difference with its 95 % bounds; None where too few rows say."""

    month: date
    difference: float | None = None
    lower: float = 0.0
    upper: float = 0.0


def gaps(shown: Sequence[Gap], what: str, bound: float | None) -> Markup | None:
    """The picture, one line a month; None without a difference. It judges nothing, so nothing is red or green.

    Args:
        bound: of a gate, either way, in the metric's own unit; None: no gate holds it.
    """
    known = [item for item in shown if item.difference is not None]
    if not known:
        return None
    edges = [] if bound is None else [-bound, bound]
    values = [0.0, *edges, *(value for item in known for value in (item.lower, item.upper))]
    room = (max(values) - min(values)) * 0.06 or 0.01
    across = Scale(min(values) - room, max(values) + room, LEFT, WIDTH - RIGHT)
    height = TOP + ROW * len(shown) + BOTTOM
    floor = height - BOTTOM
    parts = [rule(across.at(0), TOP, across.at(0), floor, "zero")]
    parts += [rule(across.at(value), TOP, across.at(value), floor, "baseline") for value in edges]
    for value in round_numbers(across.low, across.high, 6):
        x = across.at(value)
        parts += [rule(x, TOP, x, floor, "grid"), text(x, floor + 16, legible(value, 3), "middle")]
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, height - 6, what, "middle", "axis"))
    for place, item in enumerate(shown):
        parts += _line(item, across, TOP + ROW * (place + 0.5))
    bounded = "" if bound is None else f"; the gate's bound is {legible(bound, 3)} either way"
    return svg(WIDTH, height, f"{what}, in {len(known)} of {len(shown)} months{bounded}", parts)


def _line(item: Gap, across: Scale, y: float) -> list[Markup]:
    name = text(LEFT - 10, y + 4, f"{item.month:%b %Y}", "end", "label")
    if item.difference is None:
        return [name, text(LEFT + 6, y + 4, "too few rows")]
    words = (
        f"{item.month:%B %Y}: {signed(item.difference, 3)} "
        f"({signed(item.lower, 3)} to {signed(item.upper, 3)})"
    )
    return [
        name,
        rule(across.at(item.lower), y, across.at(item.upper), y, "interval inconclusive"),
        DOT.format(across.at(item.difference), y, words),
    ]
