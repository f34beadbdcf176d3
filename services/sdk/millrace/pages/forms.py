"""The forms of a model version as a table and as a picture: loss against latency, kept or refused with the number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from millrace.pages.figures import BLUE, GREY, INK, RED, draw
from millrace.pages.page import Html, mark, table
from millrace_contracts.counting import counted
from millrace_contracts.variants import BASE_TARGET, SPEED_UP, Latency, ModelVariant, VariantState

HEADER = (
    "form", "state", "kB", "Q/DQ", "answers alike", "loss", "against the base form", "times as fast", "why",
)  # fmt: skip


def lines(variants: Sequence[ModelVariant]) -> list[tuple[str, ...]]:
    """One line for each form, as HEADER names its cells; what is not known is a dash."""
    return [
        (
            item.target,
            item.state,
            _told(None if item.size is None else item.size / 1000, ".0f"),
            _told(item.quantised, "d"),
            _told(item.agreement, ".2%"),
            _told(item.loss, ".5g"),
            _told(None if item.difference is None else item.difference.difference, "+.2%"),
            speeds(item),
            item.reason,
        )
        for item in variants
    ]


def speeds(item: ModelVariant) -> str:
    """Like `1.5 (1 row), 2.1 (8)`; a dash for what was not measured."""
    if item.measured is None:
        return "1" if item.target == BASE_TARGET else "—"
    told = [f"{speed.ratio:.2f} ({speed.batch})" for speed in item.measured.speed_up]
    return ", ".join(told)


def _told(value: float | None, form: str) -> str:
    return "—" if value is None else format(value, form)


def shown(variants: Sequence[ModelVariant]) -> Html:
    """The table, as a page shows it."""
    rows = [
        (name, mark(state, state == "kept"), *rest) for name, state, *rest in lines(variants)
    ]  # one with colours
    return table(HEADER, rows)


@dataclass(frozen=True)
class Point:
    """Where a form stands: ms a call (p10) and mean loss, each with the ends of its 95 % bounds."""

    name: str
    state: VariantState
    ms: tuple[float, float, float]
    loss: tuple[float, float, float]
    words: str
    """What refused it, with its number; empty for what was not refused."""


def points(variants: Sequence[ModelVariant]) -> list[Point]:
    """Each form whose speed and loss are known, at the smallest batch size, the base form first."""
    base = next((item for item in variants if item.target == BASE_TARGET), None)
    measured = [item for item in variants if item.measured is not None and item.loss is not None]
    if base is None or base.loss is None or not measured:
        return []
    return [_base(base, measured[0]), *(_point(item, base.loss) for item in measured)]


def _base(base: ModelVariant, beside: ModelVariant) -> Point:
    assert base.loss is not None
    assert beside.measured is not None
    least = _least(beside.measured.base)
    half = least.p10 * least.spread / 2
    span = (least.p10, least.p10 - half, least.p10 + half)
    return Point(base.target, base.state, span, (base.loss, base.loss, base.loss), "")


def _point(item: ModelVariant, base: float) -> Point:
    assert item.measured is not None
    assert item.loss is not None
    least = _least(item.measured.variant)
    speed, told = item.measured.at(least.batch), item.difference
    ms, loss = (least.p10,) * 3, (item.loss,) * 3
    if speed is not None and speed.lower > 0:
        ms = (least.p10, least.p10 * speed.ratio / speed.upper, least.p10 * speed.ratio / speed.lower)
    if told is not None and told.difference is not None and told.lower is not None and told.upper is not None:
        low, high = (base * (end - told.difference) for end in (told.lower, told.upper))
        loss = (item.loss, item.loss + low, item.loss + high)
    return Point(item.target, item.state, ms, loss, _why(item) if item.state == "refused" else "")


def _why(item: ModelVariant) -> str:
    """The number that refused a form, in few words."""
    told = item.difference
    if (
        told is not None
        and told.verdict != "passed"
        and told.difference is not None
        and told.upper is not None
    ):
        return f"loss {told.difference:+.1%}, up to {told.upper:+.1%}"
    for part in item.slices:
        if part.verdict != "passed":
            return f"{part.column} {part.value or 'missing'}: {part.verdict}"
    slow = [] if item.measured is None else [one for one in item.measured.speed_up if one.lower <= SPEED_UP]
    if slow:
        rows = counted(slow[0].batch, "row")
        return f"{slow[0].ratio:.2f} times as fast with {rows}, at least {slow[0].lower:.2f}"
    return item.reason.partition(";")[0][:60]


def _least(latencies: Sequence[Latency]) -> Latency:
    return min(latencies, key=lambda item: item.batch)


def picture(variants: Sequence[ModelVariant]) -> Html | None:
    """Loss against latency with 95 % bounds; a refused form has a cross, and beside it what refused it.

    None where nothing was measured.
    """
    found = points(variants)
    if not found:
        return None
    margins = [item.difference.margin for item in variants if item.difference is not None]

    def paint(axes: Any) -> None:
        base = found[0]
        axes.axhline(base.loss[0], color=GREY, lw=0.8)
        if margins:
            axes.axhline(base.loss[0] * (1 + margins[0]), color=GREY, lw=0.8, ls=":")
            told = f"most that may be lost: {margins[0]:+.0%}"
            place = (1.0, base.loss[0] * (1 + margins[0]))
            axes.annotate(
                told, place, xycoords=("axes fraction", "data"), xytext=(0, 2), textcoords="offset points",
                ha="right", fontsize=7, color=INK,
            )  # fmt: skip
        for point in found:
            _drawn(axes, point, point is base)
        axes.set_xlabel("ms a call with the fewest rows, p10, with 95 % bounds", fontsize=8)
        axes.set_ylabel("loss on unseen rows, with 95 % bounds", fontsize=8)
        axes.margins(0.25)

    return draw(paint, 3.4)


def _drawn(axes: Any, point: Point, base: bool) -> None:
    colour = GREY if base else BLUE if point.state == "kept" else RED
    (x, left, right), (y, low, high) = point.ms, point.loss
    axes.errorbar(
        [x], [y], xerr=[[max(x - left, 0)], [max(right - x, 0)]], yerr=[[max(y - low, 0)], [max(high - y, 0)]],
        fmt="X" if point.state == "refused" else "o", color=colour, ms=7, capsize=3, lw=1,
    )  # fmt: skip
    words = f"{point.name}\n{point.state}{': ' if point.words else ''}{point.words}"
    axes.annotate(
        "the form as exported" if base else words, (x, y), textcoords="offset points", xytext=(8, 6), fontsize=7,
        color=INK,
    )  # fmt: skip
