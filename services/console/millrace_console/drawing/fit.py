"""How answers lie beside the truth: a calibration curve, or the errors of numbers by tenths of the answers."""

from collections.abc import Sequence

from markupsafe import Markup

from millrace_console.drawing.scale import Scale, line, round_numbers, rule, svg, text
from millrace_contracts.digits import legible
from millrace_contracts.fits import CalibrationCurve, ErrorSpan

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760.0, 300.0, 70.0, 20.0, 26.0, 46.0
DOT = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="4.5"><title>{}</title></circle>')


def calibration(curve: CalibrationCurve) -> Markup | None:
    """The picture: what was predicted against how often it was so; None without a point."""
    if not curve.points:
        return None
    across, up = Scale(0.0, 1.0, LEFT, WIDTH - RIGHT), Scale(0.0, 1.0, HEIGHT - BOTTOM, TOP)
    parts = [text(LEFT, 14, "how often it was so", kind="axis")]
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts += [
            rule(LEFT, up.at(value), WIDTH - RIGHT, up.at(value), "grid"),
            text(LEFT - 6, up.at(value) + 4, f"{100 * value:g} %", "end"),
            text(across.at(value), HEIGHT - 24, f"{100 * value:g} %", "middle"),
        ]
    parts.append(text((LEFT + WIDTH) / 2, HEIGHT - 6, curve.what, "middle", "axis"))
    parts.append(rule(across.at(0), up.at(0), across.at(1), up.at(1), "baseline"))
    places = [(across.at(item.predicted), up.at(item.observed)) for item in curve.points]
    parts.append(line(places, "loss"))
    parts += [
        DOT.format("dot", x, y, f"predicted {100 * item.predicted:.3g} %, so {100 * item.observed:.3g} %")
        for (x, y), item in zip(places, curve.points, strict=True)
    ]
    worst = max(abs(item.predicted - item.observed) for item in curve.points)
    told = f"{curve.title}; at most {100 * worst:.2g} points from what was predicted"
    return svg(WIDTH, HEIGHT, told, parts)


def errors(spans: Sequence[ErrorSpan]) -> Markup | None:
    """The picture: for each tenth of the answers the median error, and where four of five lie; None without one."""
    if not spans:
        return None
    across = Scale(0, len(spans), LEFT, WIDTH - RIGHT)
    low, high = min(0.0, *(item.p10 for item in spans)), max(0.0, *(item.p90 for item in spans))
    room = (high - low) * 0.08 or 0.01
    up = Scale(low - room, high + room, HEIGHT - BOTTOM, TOP)
    parts = [text(LEFT, 14, "answer minus truth", kind="axis")]
    for value in round_numbers(up.low, up.high):
        y = up.at(value)
        parts += [rule(LEFT, y, WIDTH - RIGHT, y, "grid"), text(LEFT - 6, y + 4, legible(value), "end")]
    parts.append(rule(LEFT, up.at(0), WIDTH - RIGHT, up.at(0), "zero"))
    for place, item in enumerate(spans):
        x = across.at(place + 0.5)
        of = f"answers {legible(item.lowest)} to {legible(item.highest)}"
        words = (
            f"{of}: error {legible(item.p50)}, four of five from {legible(item.p10)} to {legible(item.p90)}"
        )
        parts += [
            rule(x, up.at(item.p10), x, up.at(item.p90), "interval inconclusive"),
            DOT.format("dot", x, up.at(item.p50), words),
            text(x, HEIGHT - 24, legible(item.lowest, 3), "middle"),
        ]
    parts.append(text((LEFT + WIDTH) / 2, HEIGHT - 6, "tenths of the answers, from", "middle", "axis"))
    worst = max(spans, key=lambda item: abs(item.p50))
    most = f"{legible(abs(worst.p50), 3)}, for answers from {legible(worst.lowest)}"
    told = f"Errors by tenths of the answers; the median is at most {most}"
    return svg(WIDTH, HEIGHT, told, parts)
