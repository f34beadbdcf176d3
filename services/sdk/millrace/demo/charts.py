"""The demo's pictures: error curves with the decisions on them, gates as intervals, drift by week."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from millrace.demo.marks import Interval, Mark, Shares
from millrace.demo.summary import Rmse
from millrace.pages import Html, figures

COLOURS = {"static": "#b0413e", "loop": "#1f6f8b", "hindsight": "#7a9e48"}
LABELS = {"static": "never retrained", "loop": "Millrace", "hindsight": "best in hindsight"}
MARKS = {
    "promoted": ("^", "#2a7f3f", "promoted"),
    "switch-back": ("v", "#8e44ad", "went back"),
    "rejected": ("x", "#888888", "rejected by a gate"),
    "aborted": ("X", "#c0392b", "rollout aborted"),
}
VERDICTS = {"passed": "#2a7f3f", "failed": "#c0392b", "inconclusive": "#b8860b"}


def daily(errors: pd.DataFrame, events: list[Mark], unit: str) -> Figure:
    """RMSE of each day, smoothed over a week, with promotions, switch-backs and alarms.

    Args:
        errors: columns `day` and the mean squared error of `static`, `loop`, `hindsight`, and `n`.
        events: what to mark; its `what` is one of MARKS or "alarm".
    """
    figure, axes = _new(4.6)
    days = pd.to_datetime(errors["day"])
    for name, colour in COLOURS.items():
        smooth = np.sqrt(_weekly(errors[name] * errors["n"]) / _weekly(errors["n"]))
        axes.plot(days, smooth, color=colour, lw=2.2 if name == "loop" else 1.5, label=LABELS[name])
    _mark(axes, events, np.sqrt(errors["loop"]).to_numpy(), days)
    axes.set_ylabel(f"RMSE, 7 days ({unit})")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(mdates.MonthLocator())
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%b"))
    axes.legend(ncols=4, frameon=False, fontsize=8, loc="upper left")
    return figure


def _weekly(values: pd.Series) -> pd.Series:
    return values.rolling(7, min_periods=1).sum()


def _mark(axes: Axes, events: list[Mark], loop: np.ndarray, days: pd.Series) -> None:
    seen: set[str] = set()
    height = float(np.nanmax(loop)) if len(loop) else 1.0
    for event in events:
        day: Any = pd.Timestamp(event.day)
        if event.what == "alarm":
            axes.axvline(day, color="#e08e0b", lw=0.8, ls=":", label=None if "alarm" in seen else "alarm")
            seen.add("alarm")
            continue
        marker, colour, label = MARKS[event.what]
        axes.axvline(day, color=colour, lw=0.7, alpha=0.6)
        axes.plot(day, height * 0.06, marker, color=colour, ms=8, label=None if label in seen else label)
        axes.annotate(event.label, (day, height * 0.1), rotation=90, fontsize=7, color=colour, va="bottom")
        seen.add(label)


def monthly(rmse: dict[str, Rmse], unit: str) -> Figure:
    """RMSE by month as grouped bars."""
    figure, axes = _new(3.2)
    months = list(rmse["loop"].by_month)
    places = np.arange(len(months))
    for shift, (name, colour) in zip((-0.27, 0.0, 0.27), COLOURS.items(), strict=True):
        values = [rmse[name].by_month[month] for month in months]
        axes.bar(places + shift, values, 0.25, color=colour, label=f"{LABELS[name]} {rmse[name].overall:.1f}")
    axes.set_xticks(places, [pd.Timestamp(f"{month}-01").strftime("%b") for month in months])
    axes.set_ylabel(f"RMSE ({unit})")
    axes.legend(ncols=3, frameon=False, fontsize=8)
    return figure


def gates(verdicts: list[Interval]) -> Figure:
    """Each gate's relative loss difference with its confidence bound against the margin."""
    figure, axes = _new(0.8 + 0.34 * max(len(verdicts), 1))
    for place, item in enumerate(reversed(verdicts)):
        colour = VERDICTS[item.verdict]
        bounds = [100 * share for share in (item.lower, item.difference, item.upper)]
        axes.plot([bounds[0], bounds[2]], [place, place], color=colour, lw=3, solid_capstyle="butt")
        axes.plot(bounds[1], place, "o", color=colour)
        axes.plot([100 * item.margin] * 2, [place - 0.3, place + 0.3], color="black", lw=1)
    axes.set_yticks(range(len(verdicts)), [f"{item.label}  {item.verdict}" for item in reversed(verdicts)])
    axes.axvline(0, color="#999999", lw=0.8)
    axes.set_xlabel(
        "candidate's loss against the champion's, % (left is better; the black tick is the margin)"
    )
    axes.grid(axis="y", visible=False)
    return figure


def rollouts(steps: list[Shares]) -> Figure:
    """Share of traffic that each version serves, over event time.

    Args:
        steps: in the order of event time; the last one ends the picture.
    """
    figure, axes = _new(2.6)
    versions = sorted({version for step in steps for version in step.weights})
    times = pd.to_datetime([step.at for step in steps])
    shares = [[step.weights.get(version, 0.0) for step in steps] for version in versions]
    colours = mpl.colormaps["tab20"](np.linspace(0, 1, max(len(versions), 2)))
    if steps:
        axes.stackplot(times, shares, step="post", colors=colours, labels=[f"version {v}" for v in versions])
        axes.legend(ncols=6, frameon=False, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.12))
    axes.set_ylabel("share of traffic")
    axes.set_ylim(0, 1)
    return figure


def drift(psi: pd.DataFrame) -> Figure:
    """PSI by feature and week as a heat map.

    Args:
        psi: one row a feature, one column a week (its Monday), values PSI or NaN.
    """
    figure, axes = _new(0.9 + 0.24 * max(len(psi), 1))
    image = axes.imshow(psi.to_numpy(float), aspect="auto", cmap="YlOrRd", vmin=0, vmax=0.3)
    axes.set_yticks(range(len(psi)), list(psi.index), fontsize=7)
    places = range(0, psi.shape[1], max(psi.shape[1] // 12, 1))
    axes.set_xticks(list(places), [str(psi.columns[place])[5:10] for place in places], fontsize=7)
    axes.grid(visible=False)
    figure.colorbar(image, ax=axes, label="PSI", pad=0.01)
    return figure


def _new(height: float) -> tuple[Figure, Axes]:
    figure, axes = figures.new(height, width=10.0)
    axes.grid(alpha=0.25)
    return figure, axes


def draw(path: Path, name: str, make: Callable[[], Figure]) -> Html:
    """Make the picture once, write it as `<name>.png` into *path*, and return it as SVG."""
    figure = make()
    figure.savefig(path / f"{name}.png", dpi=110)
    return figures.svg(figure)
