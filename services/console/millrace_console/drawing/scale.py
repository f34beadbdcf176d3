"""From values to places in a picture, and the round numbers at its edge."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

Point = tuple[float, float]
MONTHS_SHOWN = 12


@dataclass(frozen=True)
class Scale:
    """Maps [low, high] to [first, last], in pixels; a value outside lands at the nearer end."""

    low: float
    high: float
    first: float
    last: float

    def at(self, value: float) -> float:
        """The place of *value*."""
        if self.high <= self.low:
            return (self.first + self.last) / 2
        part = min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))
        return self.first + part * (self.last - self.first)


def round_numbers(low: float, high: float, wanted: int = 4) -> list[float]:
    """Some round numbers within [low, high]."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low]
    raw = (high - low) / max(wanted, 1)
    step = 10 ** math.floor(math.log10(raw))
    step *= next(factor for factor in (1, 2, 2.5, 5, 10) if factor * step >= raw)
    first = math.ceil(low / step)
    return [round(place * step, 12) for place in range(first, math.floor(high / step + 1e-9) + 1)]


def dates(first: date, last: date) -> list[tuple[date, str]]:
    """Days to name at a time axis: firsts of months in a long span, else days."""
    span = (last - first).days
    if span <= 45:
        step = max(1, math.ceil(span / 7))
        days = [first + timedelta(days=place) for place in range(0, span + 1, step)]
        return [(day, f"{day.day} {day:%b}") for day in days]
    months = [month for month in _months(first, last) if month >= first]
    step = max(1, math.ceil(len(months) / MONTHS_SHOWN))
    return [
        (month, f"{month:%b %Y}" if month.month == 1 or span > 800 else f"{month:%b}")
        for month in months[::step]
    ]


def _months(first: date, last: date) -> Iterable[date]:
    month = first.replace(day=1)
    while month <= last:
        yield month
        month = (month + timedelta(days=32)).replace(day=1)


def path(points: Sequence[Point | None]) -> str:
    """The d of a <path> through the points; None is a gap."""
    words, pen = [], False
    for point in points:
        if point is not None:
            words.append(f"{'L' if pen else 'M'}{point[0]:.1f} {point[1]:.1f}")
        pen = point is not None
    return "".join(words)


def line(points: Sequence[Point | None], kind: str) -> Markup:
    """A line through the points, of the style *kind*."""
    return Markup('<path class="{}" d="{}"/>').format(kind, path(points))


def text(x: float, y: float, words: str, anchor: str = "start", kind: str = "tick") -> Markup:
    """Words at a place; *anchor*: start, middle or end."""
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, words
    )


def rule(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A straight line."""
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(
        kind, x1, y1, x2, y2
    )


def svg(width: float, height: float, title: str, parts: Iterable[Markup], kind: str = "chart") -> Markup:
    """The picture, with a title for those who do not see it."""
    return (
        Markup(
            '<svg class="{}" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}" preserveAspectRatio="xMidYMid meet">'
        ).format(kind, width, height, title)
        + Markup("").join(parts)
        + Markup("</svg>")
    )
