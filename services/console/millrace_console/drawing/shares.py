"""Who served the traffic: the share of each version over event time, one on top of the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from millrace_console.drawing.scale import Scale, dates, rule, svg, text

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 960.0, 150.0, 58.0, 14.0, 8.0, 24.0
COLOURS = 8
NAMED = 26.0, 0.3
"""Pixels and share from which the place of a version has its name in it."""


@dataclass(frozen=True)
class Shares:
    """Share of the traffic that each version serves from *at* on."""

    at: datetime
    weights: Mapping[int, float]


def shares(steps: Sequence[Shares], through: datetime) -> Markup | None:
    """The picture; None without a step.

    Args:
        steps: in order of event time.
        through: where the picture ends.
    """
    if not steps:
        return None
    ends = [*(step.at for step in steps[1:]), max(through, steps[-1].at)]
    across = Scale(steps[0].at.timestamp(), ends[-1].timestamp(), LEFT, WIDTH - RIGHT)
    up = Scale(0.0, 1.0, HEIGHT - BOTTOM, TOP)
    parts = [piece for step, end in zip(steps, ends, strict=True) for piece in _stack(step, end, across, up)]
    for value, words in ((0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")):
        parts += [
            rule(LEFT, up.at(value), WIDTH - RIGHT, up.at(value), "grid"),
            text(LEFT - 6, up.at(value) + 4, words, "end"),
        ]
    for day, words in dates(steps[0].at.date(), ends[-1].date()):
        x = across.at(datetime.combine(day, datetime.min.time(), steps[0].at.tzinfo).timestamp())
        if LEFT <= x < WIDTH - RIGHT - 20:
            parts.append(text(x, HEIGHT - 6, words))
    newest = ", ".join(
        f"version {version} {100 * part:g} %" for version, part in steps[-1].weights.items() if part
    )
    return svg(WIDTH, HEIGHT, f"Share of the traffic by version; at the end {newest or 'none'}", parts)


def _stack(step: Shares, end: datetime, across: Scale, up: Scale) -> list[Markup]:
    pieces, below = [], 0.0
    left, right = across.at(step.at.timestamp()), across.at(end.timestamp())
    for version, part in sorted(step.weights.items()):
        top, floor = up.at(below + part), up.at(below)
        words = f"version {version}: {100 * part:g} % from {step.at:%Y-%m-%d %H:%M}"
        pieces.append(
            Markup(
                '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
            ).format(f"share v{version % COLOURS}", left, top, max(right - left, 0.6), floor - top, words)
        )
        if right - left >= NAMED[0] and part >= NAMED[1]:
            pieces.append(text((left + right) / 2, (top + floor) / 2 + 16, f"v{version}", "middle", "inside"))
        below += part
    return pieces
