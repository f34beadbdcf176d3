"""The forms of a model version as a table and as a picture: loss against latency, kept or refused with the number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from millrace.pages.figures import BLUE, GREY, RED, draw
from millrace.pages.page import Html, mark, table
from millrace_contracts.variants import BASE_TARGET, Latency, ModelVariant

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


def points(variants: Sequence[ModelVariant]) -> dict[str, tuple[float, float, bool]]:
    """Latency (ms, p10 of the smallest batch), loss, and whether it is kept, of each form that has both."""
    found: dict[str, tuple[float, float, bool]] = {}
    base = next((item for item in variants if item.target == BASE_TARGET), None)
    measured = [item for item in variants if item.measured is not None]
    if base is not None and base.loss is not None and measured and measured[0].measured:
        found[base.target] = (_least(measured[0].measured.base).p10, base.loss, True)
    for item in measured:
        if item.measured is not None and item.loss is not None:
            found[item.target] = (_least(item.measured.variant).p10, item.loss, item.state == "kept")
    return found


def _least(latencies: Sequence[Latency]) -> Latency:
    return min(latencies, key=lambda item: item.batch)


def picture(variants: Sequence[ModelVariant]) -> Html | None:
    """Loss against latency; None where nothing was measured."""
    found = points(variants)
    if not found:
        return None

    def paint(axes: Any) -> None:
        for name, (latency, loss, kept) in found.items():
            colour = GREY if name == BASE_TARGET else BLUE if kept else RED
            axes.plot([latency], [loss], "o", color=colour, ms=7)
            axes.annotate(name, (latency, loss), textcoords="offset points", xytext=(6, 6), fontsize=8)
        axes.set_xlabel("ms a call, smallest batch, p10", fontsize=8)
        axes.set_ylabel("loss on unseen rows", fontsize=8)
        axes.margins(0.25)

    return draw(paint, 3.0)
