"""The front of a search for loss and latency as a table and as a picture: every trial, and which one was taken."""

from __future__ import annotations

from typing import Any

from millrace.pages.figures import BLUE, GREY, INK, RED, draw
from millrace.pages.page import Html, bullets, quiet, table
from millrace_contracts.digits import legible
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
    return point.id, legible(point.loss, 5), bounds(took), f"{took.p99:.3g}", size, settings, taken


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

    from matplotlib.ticker import LogFormatter

    def paint(axes: Any) -> None:
        best = [point for point in front.points if point.on_front]
        rest = [point for point in front.points if not point.on_front]
        _paint_points(axes, front, rest, GREY, "other trials")
        _paint_points(axes, front, best, BLUE, "front")
        _paint_line(axes, front, best)
        _paint_taken(axes, front)
        if front.under_ms is not None:
            axes.axvline(front.under_ms, color=INK, lw=0.8, ls="--", label=f"{front.under_ms:g} ms")
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(LogFormatter())
        axes.xaxis.set_minor_formatter(LogFormatter())
        axes.set_xlabel(f"ms, {calls(front.rows)}", fontsize=8)
        axes.set_ylabel("loss on rows it was not fitted on", fontsize=8)
        axes.legend(frameon=False, fontsize=8)

    return draw(paint, 3.4)


def _paint_points(axes: Any, front: SearchFront, points: list[FrontPoint], colour: str, name: str) -> None:
    """Points, each with the bounds of its latency."""
    if not points:
        return
    took = [point.at(front.rows) for point in points]
    bars = [[item.p10 - item.lower for item in took], [item.upper - item.p10 for item in took]]
    axes.errorbar(
        [item.p10 for item in took], [point.loss for point in points], xerr=bars, fmt="o", ms=4,
        color=colour, label=name, elinewidth=0.8,
    )  # fmt: skip


def _paint_line(axes: Any, front: SearchFront, points: list[FrontPoint]) -> None:
    """The front, from the fastest to the slowest."""
    places = sorted(((point.at(front.rows).p10, point.loss) for point in points), key=lambda place: place[0])
    axes.plot([place[0] for place in places], [place[1] for place in places], "-", color=BLUE, lw=0.8)


def _paint_taken(axes: Any, front: SearchFront) -> None:
    """A ring around what was taken, and its name."""
    taken = front.point(front.chosen)
    place = taken.at(front.rows).p10, taken.loss
    axes.plot(*([value] for value in place), "o", ms=11, mfc="none", color=RED, label="taken")
    axes.annotate(taken.id, place, textcoords="offset points", xytext=(8, 8), fontsize=8)
