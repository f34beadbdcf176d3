"""The front of a search for loss and latency as a table and as a picture: every trial, and which one was taken."""

from __future__ import annotations

from typing import Any

from millrace.pages.figures import BLUE, GREY, INK, RED, draw
from millrace.pages.page import Html, bullets, quiet, table
from millrace_contracts.searching import FrontPoint, PointLatency, SearchFront
from millrace_contracts.variants import Latency

SHOWN = 20


def header(front: SearchFront) -> tuple[str, ...]:
    """What the cells of `lines` are."""
    return ("model", "loss", f"ms, {calls(front.rows)} (95 % bounds)", "p99", "kB", "settings", "taken")


def calls(rows: int) -> str:
    """Like `8 rows a call`."""
    return f"{rows} row{'s' if rows > 1 else ''} a call"


def lines(front: SearchFront) -> list[tuple[str, ...]]:
    """One line for each point of the front, fastest first, and for the one that was taken."""
    shown = [point for point in front.points if point.on_front or point.id == front.chosen]
    return [_line(front, point) for point in shown[:SHOWN]]


def _line(front: SearchFront, point: FrontPoint) -> tuple[str, ...]:
    took = point.at(front.rows)
    settings = ", ".join(f"{name} {value:g}" for name, value in point.params.items())
    taken = "yes" if point.id == front.chosen else "best" if point.id == front.best else ""
    size = f"{point.size / 1000:.0f}"
    return point.id, f"{point.loss:.5g}", bounds(took), f"{took.p99:.3g}", size, settings, taken


def bounds(took: PointLatency) -> str:
    """Like `0.031 (0.030 to 0.032)`."""
    return f"{took.p10:.3g} ({took.lower:.3g} to {took.upper:.3g})"


def figures(front: SearchFront, served: list[Latency] | None = None) -> list[tuple[str, ...]]:
    """The latency of what was taken, side by side: (rows in a call, in the search, its final graph, where it serves).

    Args:
        served: what serving measured of the same version on its own node, if it did.
    """
    final = {item.batch: item for item in front.final}
    there = {item.batch: item for item in served or []}
    return [
        (
            str(item.batch),
            bounds(item),
            bounds(final[item.batch]) if item.batch in final else "—",
            f"{there[item.batch].p10:.3g} (spread {there[item.batch].spread:.0%})"
            if item.batch in there
            else "—",
        )
        for item in front.point(front.chosen).latencies
    ]


FIGURES = ("rows a call", "in the search, ms", "the version's graph, ms", "where it serves, ms")


def shown(front: SearchFront) -> Html:
    """All of it, for a page."""
    words = (
        f"{front.chosen} was taken: {front.reason}. {front.trials} trials, each timed alone on "
        f"{front.node.key}, one thread; p10 with its bounds, of calls of onnxruntime without gateway and network."
    )
    parts = [
        quiet(words),
        picture(front),
        table(header(front), lines(front)),
        table(FIGURES[:3], [line[:3] for line in figures(front)]),
    ]
    return Html("".join(parts + ([bullets(front.notes)] if front.notes else [])))


def picture(front: SearchFront) -> Html:
    """Loss against latency: the front as a line, other trials beside it, error bars, and the budget."""

    def paint(axes: Any) -> None:
        line = [point for point in front.points if point.on_front]
        rest = [point for point in front.points if not point.on_front]
        for points, colour, name in ((rest, GREY, "other trials"), (line, BLUE, "front")):
            at = [point.at(front.rows) for point in points]
            errors = [
                [took.p10 - took.lower for took in at],
                [took.upper - took.p10 for took in at],
            ]
            if points:
                axes.errorbar(
                    [took.p10 for took in at], [point.loss for point in points], xerr=errors, fmt="o", ms=4,
                    color=colour, label=name, elinewidth=0.8,
                )  # fmt: skip
        ordered = sorted(line, key=lambda point: point.at(front.rows).p10)
        axes.plot(
            [point.at(front.rows).p10 for point in ordered],
            [point.loss for point in ordered],
            "-",
            color=BLUE,
            lw=0.8,
        )
        taken = front.point(front.chosen)
        axes.plot([taken.at(front.rows).p10], [taken.loss], "o", ms=11, mfc="none", color=RED, label="taken")
        axes.annotate(
            taken.id,
            (taken.at(front.rows).p10, taken.loss),
            textcoords="offset points",
            xytext=(8, 8),
            fontsize=8,
        )
        if front.under_ms is not None:
            axes.axvline(front.under_ms, color=INK, lw=0.8, ls="--", label=f"{front.under_ms:g} ms")
        axes.set_xscale("log")
        axes.set_xlabel(f"ms, {calls(front.rows)}", fontsize=8)
        axes.set_ylabel("loss on rows it was not fitted on", fontsize=8)
        axes.legend(frameon=False, fontsize=8)

    return draw(paint, 3.4)
