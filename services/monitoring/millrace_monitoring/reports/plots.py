"""What the report draws of closed days; matplotlib is imported only when somebody asks for a report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from millrace.pages import Html, figures
from millrace.pages.figures import BLUE, GREY, INK, RED
from millrace_contracts.closings import ClosingRead, DriftStanding, DriftWindow
from millrace_contracts.drift_windows import watched, widest, with_each_weekday

WEEK = 7
MOST = 20
"""Features that are shown one by one."""
Days = Sequence[ClosingRead]


def losses(days: Days) -> Html | None:
    """Daily mean loss of the champion, with its reference band and the alarms; None without a loss."""
    paint = loss_painter(days)
    return None if paint is None else figures.draw(paint)


def loss_painter(days: Days) -> Callable[[Any], None] | None:
    """What paints the daily mean loss onto axes; None without a loss."""
    labelled = [item for item in days if item.loss is not None]
    if not labelled:
        return None

    def paint(axes: Any) -> None:
        axes.plot([item.day for item in labelled], [item.loss for item in labelled], color=BLUE, lw=1.2)
        _band(axes, labelled)
        for item in days:
            if item.alarms:
                axes.axvline(item.day, color=RED, lw=0.8)
        _champions(axes, days)
        axes.set_ylabel("mean loss", fontsize=8)

    return paint


def _band(axes: Any, days: Days) -> None:
    """The reference's mean and scale, where the detector has one."""
    bands = [
        (item.day, item.performance.reference_mean, item.performance.reference_scale)
        for item in days
        if item.performance.reference_mean is not None and item.performance.reference_scale is not None
    ]
    if bands:
        dates, means, scales = zip(*bands, strict=True)
        low = [mean - scale for mean, scale in zip(means, scales, strict=True)]
        high = [mean + scale for mean, scale in zip(means, scales, strict=True)]
        axes.fill_between(dates, low, high, color=BLUE, alpha=0.15, lw=0)


def _champions(axes: Any, days: Days) -> None:
    before = None
    for item in days:
        if item.champion not in (None, before):
            axes.axvline(item.day, color=INK, lw=0.8, ls=":")
            where = (item.day, 1.0)
            axes.annotate(
                f"v{item.champion}", where, xycoords=("data", "axes fraction"), fontsize=8, va="bottom"
            )
            before = item.champion


def evidence(days: Days) -> Html | None:
    """Log of the performance detector's value against its level; None while it gathers its reference."""
    judged = [item for item in days if item.performance.log_value is not None]
    if not judged:
        return None

    def paint(axes: Any) -> None:
        dates = [item.day for item in judged]
        axes.plot(dates, [item.performance.log_value for item in judged], color=BLUE, lw=1.2)
        axes.plot(dates, [item.performance.log_level for item in judged], color=RED, lw=0.8, ls="--")
        axes.set_ylabel("log evidence", fontsize=8)

    return figures.draw(paint)


def paired(days: Days) -> Html | None:
    """Daily difference champion - archived by version: above zero the archived one is better; None without pairs."""
    versions = sorted({int(number) for item in days for number in item.pairs})
    gains = {number: _gains(days, number) for number in versions}
    if not any(gains.values()):
        return None

    def paint(axes: Any) -> None:
        for number, line in gains.items():
            axes.plot([day for day, _ in line], [gain for _, gain in line], lw=1.0, label=f"v{number}")
        for item in days:
            if item.switch_back:
                axes.axvline(item.day, color=RED, lw=0.8)
        axes.axhline(0.0, color=GREY, lw=0.8)
        axes.set_ylabel("champion − archived", fontsize=8)
        axes.legend(fontsize=7, frameon=False, ncols=6)

    return figures.draw(paint)


def _gains(days: Days, number: int) -> list[tuple[date, float]]:
    """By how much an archived version was better, on the days on which both have a loss."""
    return [
        (item.day, item.loss - item.versions[str(number)].loss)
        for item in days
        if item.loss is not None and str(number) in item.versions and number != item.champion
    ]


def drift_map(days: Days) -> Html | None:
    """PSI by feature and week: of its last widest window, the most drifting features first; None without any."""
    readings: dict[date, list[DriftStanding]] = defaultdict(list)
    known = [item for item in days if item.drift.psi]
    least = min((one.days or 0 for one in with_each_weekday(item.drift for item in known)), default=0)
    for item in known:
        if (item.drift.days or 0) >= least:
            readings[date.fromordinal(item.day.toordinal() // WEEK * WEEK)].append(item.drift)
    weeks = {monday: widest(several)[-1].psi or {} for monday, several in readings.items()}
    peaks: dict[str, float] = {}
    for psi in weeks.values():
        for name, value in psi.items():
            peaks[name] = max(peaks.get(name, 0.0), value or 0.0)
    names = sorted(peaks, key=lambda name: -peaks[name])[:MOST]
    if not names:
        return None
    ordered = sorted(weeks)

    def paint(axes: Any) -> None:
        grid = [[weeks[week].get(name) or 0.0 for week in ordered] for name in names]
        image = axes.imshow(grid, aspect="auto", cmap="YlOrRd", vmin=0, vmax=0.5, interpolation="nearest")
        axes.set_yticks(range(len(names)), [watched(name) for name in names], fontsize=7)
        ticks = list(range(0, len(weeks), max(1, len(weeks) // 10)))
        axes.set_xticks(ticks, [ordered[place].isoformat() for place in ticks], fontsize=7)
        axes.figure.colorbar(image, ax=axes, label="PSI")

    return figures.draw(paint, figures.height_of(len(names), least=1.2))


def null(window: DriftWindow) -> Html:
    """PSI of each feature in one full window beside the highest that chance gave."""
    scores = window.scores[:MOST][::-1]

    def paint(axes: Any) -> None:
        places = range(len(scores))
        colors = [RED if score.fires else BLUE for score in scores]
        axes.barh(places, [score.psi for score in scores], color=colors, height=0.6)
        axes.plot([score.null_high for score in scores], places, "|", color=INK, ms=10, mew=1.5)
        axes.set_yticks(places, [watched(score.feature) for score in scores], fontsize=7)
        axes.set_xlabel("PSI (bar) and the highest by chance (tick)", fontsize=8)

    return figures.draw(paint, figures.height_of(len(scores)))
