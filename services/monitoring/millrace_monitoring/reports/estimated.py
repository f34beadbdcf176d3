"""The report's section of what is expected before labels come, beside what was measured."""

from __future__ import annotations

from typing import Any

from millrace import pages
from millrace.pages import Html, figures
from millrace.pages.figures import BLUE, GREEN
from millrace_contracts.estimates import EstimatedSpan, Estimates

TITLE = "Loss estimated before labels come"


def section(told: Estimates) -> Html:
    """A picture with what it means, or why there is none."""
    words = [pages.paragraph(sentence) for sentence in told.words]
    if not told.days:
        return pages.section(TITLE, *words)
    about = (
        "Blue: estimated, with its 95 % band. Green: measured on labelled rows; behind the last, labels wait."
    )
    return pages.section(TITLE, picture(told.days), pages.quiet(about), *words)


def picture(days: list[EstimatedSpan]) -> Html:
    """Estimated and measured loss by day."""
    banded = [(day.since, day.metrics["loss"].lower, day.metrics["loss"].upper) for day in days]
    banded = [line for line in banded if None not in line]
    measured = [
        (day.since, day.metrics["loss"].measured) for day in days if day.metrics["loss"].measured is not None
    ]

    def paint(axes: Any) -> None:
        if banded:
            dates, low, high = zip(*banded, strict=True)
            axes.fill_between(dates, low, high, color=BLUE, alpha=0.15, lw=0)
        axes.plot(
            [day.since for day in days], [day.metrics["loss"].value for day in days], color=BLUE, lw=1.2
        )
        if measured:
            axes.plot(*zip(*measured, strict=True), ".", color=GREEN, ms=4)
        axes.set_ylabel("mean loss", fontsize=8)

    return figures.draw(paint)
