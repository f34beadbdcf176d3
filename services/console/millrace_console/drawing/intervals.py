"""Gates as intervals: how much better or worse a candidate is than the champion, with its bounds and the margin."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from millrace_console.drawing.scale import Scale, round_numbers, rule, svg, text

WIDTH, ROW, LEFT, RIGHT, TOP, BOTTOM = 960.0, 28.0, 262.0, 24.0, 8.0, 40.0


@dataclass(frozen=True)
class Interval:
    """A champion gate's interval; numbers are shares of the champion's loss, less is better."""

    label: str
    lower: float
    difference: float
    upper: float
    margin: float
    verdict: str
    link: str = ""


def intervals(shown: Sequence[Interval]) -> Markup | None:
    """The picture, one line each, the newest on top; None if there is none."""
    if not shown:
        return None
    values = [value for item in shown for value in (item.lower, item.upper, item.margin, 0.0)]
    room = (max(values) - min(values)) * 0.06 or 0.01
    across = Scale(min(values) - room, max(values) + room, LEFT, WIDTH - RIGHT)
    height = TOP + ROW * len(shown) + BOTTOM
    floor = height - BOTTOM
    parts = [rule(across.at(0), TOP, across.at(0), floor, "zero")]
    for value in round_numbers(across.low, across.high, 6):
        x = across.at(value)
        parts += [rule(x, TOP, x, floor, "grid"), text(x, floor + 16, f"{100 * value:g} %", "middle")]
    words = "candidate's loss against the champion's (left is better; the upright tick is the margin)"
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, height - 6, words, "middle", "axis"))
    for place, item in enumerate(shown):
        parts += _line(item, across, TOP + ROW * (place + 0.5))
    told = "; ".join(f"{item.label}: {item.verdict}" for item in shown)
    return svg(WIDTH, height, f"Gates against the champion. {told}", parts)


def _line(item: Interval, across: Scale, y: float) -> list[Markup]:
    place = across.at(item.difference)
    dot = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="4.5"/>').format(
        f"point {item.verdict}", place, y
    )
    margin = across.at(item.margin)
    return [
        text(LEFT - 10, y + 4, item.label, "end", "label"),
        rule(across.at(item.lower), y, across.at(item.upper), y, f"interval {item.verdict}"),
        dot,
        rule(margin, y - 8, margin, y + 8, "margin"),
    ]
