"""A backtest as one picture: the loss by month of each way, and below it what the loop decided."""

from collections.abc import Sequence

from markupsafe import Markup

from millrace.backtests.told import HINDSIGHT, NEVER, Comparison
from millrace.backtests.variants import DECLARED
from millrace_console.drawing.scale import Scale, line, round_numbers, rule, svg, text
from millrace_console.drawing.story import SHAPES, What
from millrace_contracts.backtests import PolicyLoss
from millrace_contracts.digits import legible

WIDTH, HEIGHT = 960.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 14.0, 40.0, 44.0
STYLES = {NEVER: "way never", DECLARED: "way mine", HINDSIGHT: "way hindsight"}
SIGNS: dict[str, What] = {
    "promoted": "promoted",
    "went back": "back",
    "rejected": "rejected",
    "alarm": "alarm",
}
LABELS = 12


def ways(found: Comparison, marks: Sequence[tuple[str, str]]) -> Markup | None:
    """The picture; None where no month has a loss.

    Args:
        marks: event day (`2024-03-01…`) and kind of what was decided.
    """
    mine = found.results[DECLARED]
    curves = {NEVER: mine.static, DECLARED: mine.loop, HINDSIGHT: mine.hindsight}
    months = list(mine.loop.by_month)
    values = [value for curve in curves.values() for value in curve.by_month.values() if value is not None]
    if not values:
        return None
    across = Scale(-0.5, len(months) - 0.5, LEFT, WIDTH - RIGHT)
    low, high = min(values), max(values)
    up = Scale(
        min(low, high - 0.05 * abs(high)) if low > 0 else low, high * 1.05 or 1.0, HEIGHT - BOTTOM, TOP
    )
    parts = [*_frame(months, across, up, found.metric)]
    for name, curve in curves.items():
        parts.append(line(_points(curve, months, across, up), STYLES[name]))
    parts += [_mark(day, SIGNS[kind], months, across) for day, kind in marks if kind in SIGNS]
    return svg(WIDTH, HEIGHT, f"{found.metric} by month of each way; the table below has the figures.", parts)


def _points(
    curve: PolicyLoss, months: Sequence[str], across: Scale, up: Scale
) -> list[tuple[float, float] | None]:
    values = [curve.by_month.get(month) for month in months]
    return [None if value is None else (across.at(place), up.at(value)) for place, value in enumerate(values)]


def _frame(months: Sequence[str], across: Scale, up: Scale, unit: str) -> list[Markup]:
    parts = [text(LEFT, 14, f"{unit} by month", kind="axis")]
    for place, (name, style) in enumerate(STYLES.items()):
        x = LEFT + 170 + 190 * place
        parts += [line([(x, 10), (x + 26, 10)], style), text(x + 32, 14, name)]
    for value in round_numbers(up.low, up.high):
        y = up.at(value)
        parts += [rule(LEFT, y, WIDTH - RIGHT, y, "grid"), text(LEFT - 6, y + 4, legible(value), "end")]
    step = max(1, -(-len(months) // LABELS))
    parts += [
        text(across.at(place), HEIGHT - 4, months[place], "middle") for place in range(0, len(months), step)
    ]
    return parts


def _mark(day: str, what: What, months: Sequence[str], across: Scale) -> Markup:
    month = day[:7]
    place = months.index(month) if month in months else 0 if month < months[0] else len(months) - 1
    x = across.at(place - 0.5 + int(day[8:10]) / 31)
    return Markup(
        '<path class="mark {}" transform="translate({:.1f} {:.1f})" d="{}"><title>{} {}</title></path>'
    ).format(what, x, HEIGHT - BOTTOM + 14, SHAPES[what], day[:10], what)
