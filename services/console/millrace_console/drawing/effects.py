"""How the answer moves with one input: a curve over its values, or a dot for each category."""

from collections.abc import Iterator

from markupsafe import Markup

from millrace.pages import effects as told
from millrace_console.drawing.lettering import fitting
from millrace_console.drawing.scale import Scale, line, round_numbers, rule, svg, text
from millrace_contracts.digits import legible
from millrace_contracts.effects import Effect

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760.0, 260.0, 70.0, 20.0, 44.0, 46.0
BARE = 10.0
"""Room above categories without a legend."""
ROW, NAMES = 24.0, 210.0
DOT = Markup('<circle class="v{}" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>')


def effect(found: Effect) -> Markup | None:
    """The picture; None without a point or a category."""
    if found.categories:
        return _categories(found)
    return _curve(found) if len(found.points) > 1 else None


def _curve(found: Effect) -> Markup:
    low, high = _span(found)
    across = Scale(found.points[0].at, found.points[-1].at, LEFT, WIDTH - RIGHT)
    up = Scale(low, high, HEIGHT - BOTTOM, TOP)
    parts = [text(LEFT, 14, _axis(found), kind="axis"), *_legend(found)]
    for mark in round_numbers(low, high):
        y = up.at(mark)
        parts += [rule(LEFT, y, WIDTH - RIGHT, y, "grid"), text(LEFT - 6, y + 4, legible(mark, 4), "end")]
    parts.append(rule(LEFT, up.at(0), WIDTH - RIGHT, up.at(0), "zero"))
    for at in _named(found):
        parts.append(text(across.at(at), HEIGHT - 24, told.value(found.kind, at), "middle"))
    parts.append(
        text((LEFT + WIDTH) / 2, HEIGHT - 6, fitting(found.column, WIDTH - LEFT - RIGHT), "middle", "axis")
    )
    for place, name in enumerate(found.outputs):
        drawn = [(across.at(item.at), up.at(_shown(found, item.moved[place]))) for item in found.points]
        parts.append(line(drawn, f"moved m{place}"))
        parts += [
            DOT.format(
                place,
                x,
                y,
                f"{found.column} {told.value(found.kind, item.at)}: {name} {told.moved(found, item.moved[place])}",
            )
            for (x, y), item in zip(drawn, found.points, strict=True)
        ]
    return svg(WIDTH, HEIGHT, _said(found), parts)


def _categories(found: Effect) -> Markup:
    low, high = _span(found)
    top = TOP if len(found.outputs) > 1 else BARE
    height = top + ROW * len(found.categories) + BOTTOM
    floor = height - BOTTOM
    across = Scale(low, high, NAMES, WIDTH - RIGHT)
    parts = [*_legend(found)]
    for mark in round_numbers(low, high):
        x = across.at(mark)
        parts += [rule(x, top, x, floor, "grid"), text(x, floor + 16, legible(mark, 4), "middle")]
    parts.append(rule(across.at(0), top, across.at(0), floor, "zero"))
    parts.append(text((NAMES + WIDTH) / 2, height - 6, _axis(found), "middle", "axis"))
    for row, item in enumerate(found.categories):
        y, name = top + ROW * (row + 0.5), item.value or "missing"
        parts.append(text(NAMES - 8, y + 4, fitting(name, NAMES - 12), "end", "label"))
        parts += [
            DOT.format(
                place,
                across.at(_shown(found, by)),
                y,
                f"{name}, {item.rows} rows: {output} {told.moved(found, by)}",
            )
            for place, (output, by) in enumerate(zip(found.outputs, item.moved, strict=True))
        ]
    return svg(WIDTH, height, _said(found), parts)


def _shown(found: Effect, by: float) -> float:
    return 100 * by if found.of_classes else by


def _all(found: Effect) -> Iterator[float]:
    lines = [*(item.moved for item in found.points), *(item.moved for item in found.categories)]
    yield from (_shown(found, by) for moved in lines for by in moved)


def _span(found: Effect) -> tuple[float, float]:
    """From the lowest to the highest, with nought, and some room."""
    values = [0.0, *_all(found)]
    room = (max(values) - min(values)) * 0.08 or 0.01
    return min(values) - room, max(values) + room


def _axis(found: Effect) -> str:
    what = f"the answer is moved, {told.unit(found)}"
    return f"{what} of {found.outputs[0]}" if found.of_classes and len(found.outputs) == 1 else what


def _legend(found: Effect) -> list[Markup]:
    """The classes in their colours, where there are several."""
    if len(found.outputs) < 2:
        return []
    step = (WIDTH - LEFT - RIGHT) / len(found.outputs)
    return [
        text(LEFT + step * place, 32, f"● {fitting(name, step - 24)}", kind=f"tick v{place}")
        for place, name in enumerate(found.outputs)
    ]


def _named(found: Effect) -> list[float]:
    """Values that are named on the axis."""
    low, high = found.points[0].at, found.points[-1].at
    if found.kind == "timestamp":
        return [low + (high - low) * part for part in (0.1, 0.5, 0.9)]
    return [0.0, 1.0] if found.kind == "boolean" else round_numbers(low, high, 6)


def _said(found: Effect) -> str:
    values = list(_all(found))
    return (
        f"How the answer moves with {found.column}: from {legible(min(values), 3)} to {legible(max(values), 3)}, "
        f"{told.unit(found)}"
    )
