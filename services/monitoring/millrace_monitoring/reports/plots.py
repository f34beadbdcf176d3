"""The report's pictures as SVG text; matplotlib is imported only when somebody asks for a report."""

import io
from collections.abc import Callable
from datetime import date
from typing import Any

INK, BLUE, RED, GREY = "#222222", "#1f6f8b", "#c8553d", "#b8b8b8"
WEEK = 7


def draw(paint: Callable[[Any], None], width: float = 9.0, height: float = 2.6) -> str:
    """One axes painted by *paint*, as an <svg> element."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, colors=INK)
    paint(axes)
    sink = io.StringIO()
    FigureCanvasSVG(figure).print_svg(sink, metadata={"Date": None})
    text = sink.getvalue()
    return text[text.index("<svg") :]


def losses(days: list[dict[str, Any]]) -> str:
    """Daily mean loss of the champion, with its reference band and the alarms."""

    def paint(axes: Any) -> None:
        known = [item for item in days if item["loss"] is not None]
        axes.plot([item["day"] for item in known], [item["loss"] for item in known], color=BLUE, lw=1.2)
        band = [item for item in known if "reference_mean" in item["performance"]]
        if band:
            low = [
                item["performance"]["reference_mean"] - item["performance"]["reference_scale"]
                for item in band
            ]
            high = [
                item["performance"]["reference_mean"] + item["performance"]["reference_scale"]
                for item in band
            ]
            axes.fill_between([item["day"] for item in band], low, high, color=BLUE, alpha=0.15, lw=0)
        for item in days:
            if item["alarms"]:
                axes.axvline(item["day"], color=RED, lw=0.8)
        _champions(axes, days)
        axes.set_ylabel("mean loss", fontsize=8)

    return draw(paint)


def _champions(axes: Any, days: list[dict[str, Any]]) -> None:
    before = None
    for item in days:
        if item["champion"] not in (None, before):
            axes.axvline(item["day"], color=INK, lw=0.8, ls=":")
            axes.annotate(
                f"v{item['champion']}",
                (item["day"], 1.0),
                xycoords=("data", "axes fraction"),
                fontsize=8,
                va="bottom",
            )
            before = item["champion"]


def evidence(days: list[dict[str, Any]]) -> str:
    """Log of the performance detector's value against its level."""

    def paint(axes: Any) -> None:
        known = [item for item in days if item["performance"].get("log_value") is not None]
        if known:
            dates = [item["day"] for item in known]
            axes.plot(dates, [item["performance"]["log_value"] for item in known], color=BLUE, lw=1.2)
            axes.plot(dates, [item["performance"]["log_level"] for item in known], color=RED, lw=0.8, ls="--")
        axes.set_ylabel("log evidence", fontsize=8)

    return draw(paint)


def paired(days: list[dict[str, Any]], level: float) -> str:
    """Daily difference champion - archived by version: above zero the archived one is better."""

    def paint(axes: Any) -> None:
        versions = sorted({int(number) for item in days for number in item["pairs"]})
        for number in versions:
            known = [
                item for item in days if item["loss"] is not None and str(number) in item["versions"]
                and number != item["champion"]
            ]  # fmt: skip
            gains = [item["loss"] - item["versions"][str(number)]["loss"] for item in known]
            axes.plot([item["day"] for item in known], gains, lw=1.0, label=f"v{number}")
        for item in days:
            if item["switch_back"]:
                axes.axvline(item["day"], color=RED, lw=0.8)
        axes.axhline(level, color=GREY, lw=0.8)
        axes.set_ylabel("champion − archived", fontsize=8)
        if versions:
            axes.legend(fontsize=7, frameon=False, ncols=6)

    return draw(paint)


def drift_map(days: list[dict[str, Any]], most: int = 20) -> str:
    """PSI by feature and week: the last value of each week, the most drifting features first."""
    weeks: dict[date, dict[str, float]] = {}
    for item in days:
        if item["drift"].get("psi"):
            weeks[date.fromordinal(item["day"].toordinal() // WEEK * WEEK)] = item["drift"]["psi"]
    peaks: dict[str, float] = {}
    for psi in weeks.values():
        for name, value in psi.items():
            peaks[name] = max(peaks.get(name, 0.0), value or 0.0)
    names = sorted(peaks, key=lambda name: -peaks[name])[:most]

    def paint(axes: Any) -> None:
        if not names:
            return
        grid = [[weeks[week].get(name) or 0.0 for week in sorted(weeks)] for name in names]
        image = axes.imshow(grid, aspect="auto", cmap="YlOrRd", vmin=0, vmax=0.5, interpolation="nearest")
        axes.set_yticks(range(len(names)), names, fontsize=7)
        ticks = list(range(0, len(weeks), max(1, len(weeks) // 10)))
        axes.set_xticks(ticks, [sorted(weeks)[place].isoformat() for place in ticks], fontsize=7)
        axes.figure.colorbar(image, ax=axes, label="PSI")

    return draw(paint, height=1.2 + 0.22 * len(names))


def null(window: dict[str, Any], most: int = 20) -> str:
    """PSI of each feature in one full window beside the highest that chance gave."""
    scores = window["scores"][:most][::-1]

    def paint(axes: Any) -> None:
        places = range(len(scores))
        colors = [RED if score["fires"] else BLUE for score in scores]
        axes.barh(places, [score["psi"] for score in scores], color=colors, height=0.6)
        axes.plot([score["null_high"] for score in scores], places, "|", color=INK, ms=10, mew=1.5)
        axes.set_yticks(places, [score["feature"] for score in scores], fontsize=7)
        axes.set_xlabel("PSI (bar) and the highest by chance (tick)", fontsize=8)

    return draw(paint, height=1.0 + 0.22 * len(scores))
