"""Chooses a drafted loop's spans (holdout, folds, schedule, drift window) from how far apart its event times lie.

What is asked for is a holdout with enough blocks for the gate, in days or in weeks or months where rows come in such.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from millrace_contracts.names import BlockUnit

if TYPE_CHECKING:
    from millrace_table.spacing import Spacing

LEAST, ENOUGH = 3, 14
"""Blocks without which a gate decides nothing, and those with which it decides often."""
SPARSE_DAYS = 0.6
"""Share of days with rows below which a holdout is counted in days that have rows."""
LONGEST_WINDOW, LONGEST_HOLDOUT, LONGEST_SCHEDULE = 60, 3650, 3650
SEASONS = 365 + 60
"""Days from which on a season of an earlier year is worth a window of its own."""
FOLDS = 5
REGULAR_HOLDOUT, REGULAR_HISTORY = 28, 112


@dataclass(frozen=True)
class Spans:
    """What is written into the document; days, but for *least* (blocks), *folds* and *new_rows*."""

    block: BlockUnit
    holdout: int
    least: int
    folds: int
    windows: str
    schedule: int
    window: int
    cooldown: int
    new_rows: int
    why: str


def choose(spacing: "Spacing", rows: int) -> Spans:
    """The spans for a sample of so many *rows*."""
    blocks = _held(spacing)
    holdout = _holdout(spacing, blocks)
    least = _least(spacing, blocks, holdout)
    before = spacing.blocks - blocks
    seldom = spacing.unit == "month"
    return Spans(
        block=spacing.unit,
        holdout=holdout,
        least=least,
        folds=FOLDS if before >= 2 * FOLDS else max(2, before // 2),
        windows=_windows(spacing),
        schedule=min(LONGEST_SCHEDULE, 3 * math.ceil(spacing.gap)) if seldom else 30,
        window=_window(spacing),
        cooldown=28 if seldom else 14,
        new_rows=spacing.rows if spacing.unit != "day" else max(1000, rows // 10),
        why=_why(spacing, holdout, least),
    )


def notes(spacing: "Spacing") -> list[str]:
    """What a person should know of event times that do not come every day; nothing where they do."""
    told = []
    if spacing.unit != "day":
        told.append(
            f"Rows come by the {spacing.unit}: {spacing.blocks} of them in {spacing.span} days. One is one sample for "
            "the gates, however many rows it has; holdout and schedule are drafted for that."
        )
    if spacing.blocks < 4 * LEAST:
        count = f"{spacing.blocks} {spacing.unit}" + ("s" if spacing.blocks != 1 else "")
        told.append(
            f"There are event times of {count} only: a gate needs {LEAST} that no model has learnt from, and decides "
            f"often from {ENOUGH} on. Add older rows if you have them."
        )
    return told


def _held(spacing: "Spacing") -> int:
    """Blocks to keep out: a quarter of all, as many as are enough at most."""
    return min(ENOUGH, max(LEAST, spacing.blocks // 4))


def _holdout(spacing: "Spacing", blocks: int) -> int:
    """Days that hold so many blocks; of regular days 28, or a quarter of a short history."""
    if _regular(spacing):
        return REGULAR_HOLDOUT if spacing.span >= REGULAR_HISTORY else max(LEAST, spacing.span // 4)
    rounded = math.floor if spacing.unit == "month" else math.ceil
    return min(LONGEST_HOLDOUT, max(LEAST, min(rounded(blocks * spacing.gap), spacing.span // 2)))


def _least(spacing: "Spacing", blocks: int, holdout: int) -> int:
    """Blocks to ask for: fewer than the holdout should have, for one or the other may be empty."""
    if _regular(spacing):
        return max(LEAST, min(ENOUGH, holdout * spacing.days // spacing.span))
    return max(LEAST, blocks - blocks // 5)


def _regular(spacing: "Spacing") -> bool:
    return spacing.unit == "day" and spacing.days >= SPARSE_DAYS * spacing.span


def _windows(spacing: "Spacing") -> str:
    """Spans of history to try: all, and a recent one that still has many blocks."""
    recent = round({"day": 60, "week": 52, "month": 24}[spacing.unit] * spacing.gap)
    least = 3 * recent
    if spacing.span < least:
        return "[all]"
    return f"[all, {recent}d, season]" if _earlier_year(spacing) else f"[all, {recent}d]"


def _earlier_year(spacing: "Spacing") -> bool:
    """Whether there are days of an earlier year around each that is learnt from, where rows come by the day."""
    return spacing.unit == "day" and spacing.span >= SEASONS


def _window(spacing: "Spacing") -> int:
    """Days with rows in a drift window: fourteen, or those of eight weeks or three months."""
    blocks = {"day": 14, "week": 8, "month": 3}[spacing.unit]
    return min(LONGEST_WINDOW, blocks * math.ceil(spacing.days / spacing.blocks))


def _why(spacing: "Spacing", holdout: int, least: int) -> str:
    if spacing.unit == "day":
        return f"the last days, kept out of training; the gates judge on them, on {least} with rows at least"
    count = round(holdout / spacing.gap)
    return f"about the last {count} {spacing.unit}s, for rows come by the {spacing.unit}; the gates judge on them"
