"""The error of the last days against what is normal, as small as a word."""

from collections.abc import Sequence

from markupsafe import Markup

from millrace_console.drawing.scale import Scale, line, rule, svg
from millrace_contracts.digits import legible

WIDTH, HEIGHT, EDGE = 132.0, 30.0, 3.0


def sparkline(losses: Sequence[float | None], baseline: float | None) -> Markup | None:
    """The picture; None without two days that have a loss."""
    known = [loss for loss in losses if loss is not None]
    if len(known) < 2:
        return None
    top = max([*known, baseline or 0.0]) * 1.05 or 1.0
    across = Scale(0, len(losses) - 1, EDGE, WIDTH - EDGE)
    up = Scale(0, top, HEIGHT - EDGE, EDGE)
    points = [None if loss is None else (across.at(place), up.at(loss)) for place, loss in enumerate(losses)]
    parts = []
    if baseline is not None:
        parts.append(rule(EDGE, up.at(baseline), WIDTH - EDGE, up.at(baseline), "baseline"))
    worse = baseline is not None and known[-1] > 1.25 * baseline
    parts.append(line(points, "loss worse" if worse else "loss"))
    last = next(point for point in reversed(points) if point is not None)
    parts.append(
        Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="2.2"/>').format(
            "dot worse" if worse else "dot", *last
        )
    )
    return svg(WIDTH, HEIGHT, _told(known, baseline), parts, "spark")


def _told(known: list[float], baseline: float | None) -> str:
    lowest, highest, last = (legible(value) for value in (min(known), max(known), known[-1]))
    words = f"Error over {len(known)} days, from {lowest} to {highest}, last {last}"
    return words if baseline is None else f"{words}; normal is {legible(baseline)}"
