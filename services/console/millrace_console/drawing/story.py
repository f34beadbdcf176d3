"""The story of a loop as one picture: its error by day, and on it everything that was decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from markupsafe import Markup

from millrace_console.drawing.expected import foreseen
from millrace_console.drawing.scale import Point, Scale, dates, line, round_numbers, rule, svg, text
from millrace_contracts.digits import legible
from millrace_contracts.estimates import EstimatedSpan
from millrace_contracts.overviews import DayPoint

WIDTH, HEIGHT = 960.0, 340.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 14.0, 26.0, 62.0
WEEK = 7
What = Literal["promoted", "back", "rejected", "aborted", "alarm"]
NAMES: dict[What, str] = {
    "promoted": "promoted",
    "back": "went back",
    "rejected": "rejected by a gate",
    "aborted": "rollout aborted",
    "alarm": "alarm",
}
SHAPES: dict[What, str] = {
    "promoted": "M0 -6L6 5L-6 5Z",
    "back": "M0 6L6 -5L-6 -5Z",
    "rejected": "M-5 -5L5 5M5 -5L-5 5",
    "aborted": "M-6 -2H-2V-6H2V-2H6V2H2V6H-2V2H-6Z",
    "alarm": "M0 -6L6 0L0 6L-6 0Z",
}
ROWS: dict[What, int] = {"promoted": 0, "back": 0, "aborted": 0, "rejected": 1, "alarm": 2}
"""In which line below the curve a mark stands, so that marks of one day do not hide each other."""


@dataclass(frozen=True)
class Mark:
    """Something that happened on an event day, and where it is explained."""

    day: date
    what: What
    words: str
    link: str = ""
    recorded: datetime | None = None
    """When it came to be known, on the clock."""


def story(
    days: Sequence[DayPoint], marks: Sequence[Mark], unit: str, expected: Sequence[EstimatedSpan] = ()
) -> Markup | None:
    """The picture; None before the first closed day.

    Args:
        days: in order.
        unit: what the error is, for the axis.
        expected: the loss that was estimated without labels, in order, of closed days and of those that wait.
    """
    if not days:
        return None
    first = min([days[0].day, *(mark.day for mark in marks)])
    last = max([days[-1].day, *(mark.day for mark in marks), *(span.until for span in expected)])
    across = Scale(first.toordinal(), last.toordinal(), LEFT, WIDTH - RIGHT)
    smooth = weekly(days)
    estimated = [span.metrics["loss"].value for span in expected if "loss" in span.metrics]
    shown = [value for value in (*smooth, *(item.baseline for item in days), *estimated) if value is not None]
    up = Scale(0.0, (max(shown) * 1.12 if shown else 1.0) or 1.0, HEIGHT - BOTTOM, TOP)
    parts = [*_frame(first, last, across, up, unit)]
    parts += [_upright(mark, across, up) for mark in marks if mark.what in ("promoted", "back", "alarm")]
    parts += foreseen(expected, across, up)
    daily = [_point(item.day, item.loss, across, up) for item in days]
    parts.append(line(daily, "daily"))
    parts.append(line([_point(item.day, item.baseline, across, up) for item in days], "baseline"))
    parts.append(
        line([_point(item.day, value, across, up) for item, value in zip(days, smooth, strict=True)], "loss")
    )
    parts += [_mark(mark, across) for mark in marks]
    return svg(WIDTH, HEIGHT, _told(days, marks), parts)


def weekly(days: Sequence[DayPoint]) -> list[float | None]:
    """The mean loss of the last seven rows of days, weighted with their labels; None on a day without any."""
    means: list[float | None] = []
    for place, item in enumerate(days):
        week = [one for one in days[max(0, place - WEEK + 1) : place + 1] if one.loss is not None]
        rows = sum(one.labelled for one in week)
        mean = sum((one.loss or 0.0) * one.labelled for one in week) / rows if rows else None
        means.append(mean if item.loss is not None else None)
    return means


def _point(day: date, value: float | None, across: Scale, up: Scale) -> Point | None:
    return None if value is None else (across.at(day.toordinal()), up.at(value))


def _frame(first: date, last: date, across: Scale, up: Scale, unit: str) -> list[Markup]:
    parts = [text(LEFT, 14, unit, kind="axis")]
    for value in round_numbers(up.low, up.high):
        y = up.at(value)
        parts += [rule(LEFT, y, WIDTH - RIGHT, y, "grid"), text(LEFT - 6, y + 4, legible(value), "end")]
    for day, words in dates(first, last):
        x = across.at(day.toordinal())
        if x < WIDTH - RIGHT - 20:
            parts += [rule(x, up.first, x, up.first + 4, "grid"), text(x, HEIGHT - 2, words)]
    return parts


def _upright(mark: Mark, across: Scale, up: Scale) -> Markup:
    x = across.at(mark.day.toordinal())
    return rule(x, TOP, x, up.first, f"upright {mark.what}")


def _mark(mark: Mark, across: Scale) -> Markup:
    """A sign with its words; the links stand in the list below the picture."""
    x, y = across.at(mark.day.toordinal()), HEIGHT - BOTTOM + 12 + 14 * ROWS[mark.what]
    words = f"{mark.day} {NAMES[mark.what]}: {mark.words}"
    return Markup(
        '<path class="mark {}" transform="translate({:.1f} {:.1f})" d="{}"><title>{}</title></path>'
    ).format(mark.what, x, y, SHAPES[mark.what], words)


def sign(what: What) -> Markup:
    """The sign of a mark alone, for a legend."""
    return Markup(
        '<svg class="sign" viewBox="-8 -8 16 16" aria-hidden="true"><path class="mark {}" d="{}"/></svg>'
    ).format(what, SHAPES[what])


def _told(days: Sequence[DayPoint], marks: Sequence[Mark]) -> str:
    kinds = [f"{sum(mark.what == what for mark in marks)} times {name}" for what, name in NAMES.items()]
    return (
        f"Error by day from {days[0].day} to {days[-1].day}; {', '.join(kinds)}. The table below lists them."
    )
