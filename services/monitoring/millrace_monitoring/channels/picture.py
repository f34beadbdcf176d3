"""The picture of a message: the champion's error by day, with its alarms, as the report draws it."""

from collections.abc import Sequence

from millrace.pages import figures
from millrace_contracts.closings import ClosingRead
from millrace_monitoring.reports import plots

DAYS = 60
"""Closed days that are drawn, the newest."""


DOTS, FEW_DOTS = 120, 60
"""An inch, for what takes a file, and for what takes all of a message in a few thousand bytes."""


def draw(days: Sequence[ClosingRead], dots: int = DOTS) -> bytes | None:
    """A PNG; None where no day has an error that is known."""
    paint = plots.loss_painter(days)
    return None if paint is None else figures.png(paint, dpi=dots)
