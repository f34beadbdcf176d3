"""Loss against latency: every trial of a search for both, its front, and the one that was taken."""

import math

from markupsafe import Markup

from millrace_console.drawing.scale import Scale, line, round_numbers, rule, svg, text
from millrace_contracts.digits import legible
from millrace_contracts.searching import FrontPoint, SearchFront

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760.0, 300.0, 70.0, 20.0, 26.0, 46.0


def front(found: SearchFront | None) -> Markup | None:
    """The picture; None for a search that looked at the loss alone."""
    if found is None or not found.points:
        return None
    times = [math.log10(max(item.at(found.rows).p10, 1e-6)) for item in found.points]
    losses = [item.loss for item in found.points]
    across = Scale(min(times) - 0.1, max(times) + 0.1, LEFT, WIDTH - RIGHT)
    room = (max(losses) - min(losses)) * 0.08 or 0.01
    up = Scale(min(losses) - room, max(losses) + room, HEIGHT - BOTTOM, TOP)
    parts = [text(LEFT, 14, "loss on rows it was not fitted on", kind="axis")]
    for value in round_numbers(up.low, up.high):
        parts += [
            rule(LEFT, up.at(value), WIDTH - RIGHT, up.at(value), "grid"),
            text(LEFT - 6, up.at(value) + 4, legible(value, 6), "end"),
        ]
    for power in round_numbers(across.low, across.high, 5):
        parts.append(text(across.at(power), HEIGHT - 24, f"{10**power:.3g}", "middle"))
    axis = f"ms for {found.rows} row{'s' if found.rows > 1 else ''} a call"
    parts.append(text((LEFT + WIDTH) / 2, HEIGHT - 6, axis, "middle", "axis"))
    best = sorted(_place(item, found, across, up) for item in found.points if item.on_front)
    parts.append(line(best, "daily"))
    parts += [_dot(item, found, across, up) for item in found.points]
    told = f"Loss against latency of {len(found.points)} trials; {found.chosen} was taken: {found.reason}"
    return svg(WIDTH, HEIGHT, told, parts)


def _place(item: FrontPoint, found: SearchFront, across: Scale, up: Scale) -> tuple[float, float]:
    return across.at(math.log10(max(item.at(found.rows).p10, 1e-6))), up.at(item.loss)


def _dot(item: FrontPoint, found: SearchFront, across: Scale, up: Scale) -> Markup:
    x, y = _place(item, found, across, up)
    kind = "taken" if item.id == found.chosen else "front" if item.on_front else "other"
    words = f"{item.id}: loss {legible(item.loss, 5)}, {item.at(found.rows).p10:.3g} ms"
    shape = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}"><title>{}</title></circle>')
    return shape.format(f"trial {kind}", x, y, 6 if kind == "taken" else 4, words)
