"""Bars side by side: what a model looks at, the most important on top."""

from collections.abc import Sequence

from markupsafe import Markup

from millrace_console.drawing.lettering import fitting
from millrace_console.drawing.scale import Scale, round_numbers, rule, svg, text
from millrace_contracts.digits import legible

WIDTH, ROW, LEFT, RIGHT, TOP, BOTTOM = 760.0, 24.0, 210.0, 90.0, 6.0, 40.0
SHOWN = 20
BAR = Markup(
    '<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
)


def bars(items: Sequence[tuple[str, float]], unit: str) -> Markup | None:
    """The picture; None without a bar. Values below nought are drawn as nought, and told as they are."""
    most = sorted(items, key=lambda item: -item[1])[:SHOWN]
    if not most:
        return None
    across = Scale(0.0, max(most[0][1], 1e-12), LEFT, WIDTH - RIGHT)
    height = TOP + ROW * len(most) + BOTTOM
    floor = height - BOTTOM
    parts = []
    for value in round_numbers(0.0, across.high):
        x = across.at(value)
        parts += [rule(x, TOP, x, floor, "grid"), text(x, floor + 16, legible(value), "middle")]
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, height - 6, unit, "middle", "axis"))
    for place, (name, value) in enumerate(most):
        parts += _bar(name, value, across, TOP + ROW * place)
    told = ", ".join(f"{name} {legible(value, 3)}" for name, value in most[:5])
    return svg(WIDTH, height, f"{unit}: {told}", parts)


def _bar(name: str, value: float, across: Scale, y: float) -> list[Markup]:
    end = across.at(value)
    return [
        text(LEFT - 8, y + ROW / 2 + 4, fitting(name, LEFT - 12), "end", "label"),
        BAR.format(LEFT, y + 4, max(end - LEFT, 0.6), ROW - 8, f"{name}: {legible(value)}"),
        text(end + 6, y + ROW / 2 + 4, legible(value, 3)),
    ]
