"""Which rows train and which judge: the last days, in whole blocks, where there is event time; else folds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from millrace_contracts.names import BlockUnit
from millrace_contracts.parts import ALL, SEASON
from millrace_stats.tasks import Task
from millrace_table import spacing
from millrace_training.automl.table import Table
from millrace_training.runtime.errors import JobError

SMALL = 5_000
"""Rows below which a search is judged by all folds instead of one."""
VALIDATION_SHARE, VALIDATION_MOST = 0.2, 14
"""Of the blocks before the holdout, the share and the most that a search is judged on."""
LEAST_TRAINING_ROWS = 50
PARTS, WEEK = 4, 7
"""Of a holdout, the most parts before each of which a model is fitted anew, and the fewest days of one."""
RECENT, BEFORE, BEHIND, YEAR = 60, 30, 60, 365.25
"""Days of a season: the newest ones, and of each earlier year those before and behind the same day of it."""


@dataclass(frozen=True)
class TimeSplit:
    """Indices of rows before and in the holdout, and of those before it that a search learns from and is judged on."""

    before: np.ndarray
    holdout: np.ndarray
    search: np.ndarray
    validation: np.ndarray
    first_holdout_day: int
    end_day: int


def by_time(table: Table, holdout_days: int, unit: BlockUnit = "day") -> TimeSplit:
    """Split where the block begins that has the first of the last *holdout_days* days: the rows of a block are alike,
    so all of them stand on one side.

    Raises: JobError when too few rows lie before the holdout.
    """
    assert table.days is not None
    end = int(table.days.max()) + 1
    first = spacing.first_day(end - holdout_days, unit)
    before = np.flatnonzero(table.days < first)
    if len(before) < LEAST_TRAINING_ROWS:
        raise JobError(
            "Too little data before the holdout",
            f"{len(before)} rows lie before the last {holdout_days} days, {LEAST_TRAINING_ROWS} are needed.",
            "Shorten training.holdout, or add older data.",
        )
    blocks = spacing.numbers(table.days, unit)
    present = np.unique(blocks[before])
    kept = max(1, min(VALIDATION_MOST, round(len(present) * VALIDATION_SHARE)))
    border = present[-kept] if len(present) > kept else present[-1] + 1
    validation = before[blocks[before] >= border]
    search = before[blocks[before] < border]
    if len(search) < LEAST_TRAINING_ROWS or len(validation) < LEAST_TRAINING_ROWS:
        search, validation = before[: len(before) * 4 // 5], before[len(before) * 4 // 5 :]
    return TimeSplit(before, np.flatnonzero(table.days >= first), search, validation, first, end)


def parts(days: np.ndarray, unit: BlockUnit) -> list[int]:
    """First days of the second and later parts of a holdout: whole blocks, of a week at the least, at most PARTS.

    Args:
        days: day number of each of its rows, int64.
    """
    blocks = np.unique(spacing.numbers(days, unit))
    each = max(-(-len(blocks) // PARTS), WEEK if unit == "day" else 1)
    first = {block: int(days[spacing.numbers(days, unit) == block].min()) for block in blocks[each::each]}
    return [first[block] for block in blocks[each::each]]


def windows(table: Table, names: Sequence[str], split: TimeSplit) -> Iterator[tuple[str, np.ndarray]]:
    """The windows before the holdout that have rows enough, and other ones than those before them; with their rows.

    The season is one of them once rows of an earlier year belong to it: without those it is the last days alone.
    Where none can be tried yet, all rows are.
    """
    seen: list[np.ndarray] = []
    for name in names or [ALL]:
        rows = window_rows(table, split.before, name, split.first_holdout_day)
        if name == SEASON and not _of_earlier_years(table, rows, split.first_holdout_day):
            continue
        if len(rows) >= LEAST_TRAINING_ROWS and not any(np.array_equal(rows, one) for one in seen):
            seen.append(rows)
            yield name, rows
    if not seen:
        yield ALL, split.before


def window_rows(table: Table, rows: np.ndarray, window: str, end_day: int) -> np.ndarray:
    """The *rows* in a training window before *end_day*: `all`, like `60d`, or `season`."""
    if window == ALL or table.days is None:
        return rows
    days = table.days[rows]
    if window == SEASON:
        return rows[_in_season(days, end_day)]
    return rows[days >= end_day - int(window[:-1]) * (7 if window.endswith("w") else 1)]


def _in_season(days: np.ndarray, end_day: int) -> np.ndarray:
    """Which days are among the newest, or near the same day of an earlier year: what came then comes next again."""
    ago = end_day - days
    year = np.maximum(np.rint(ago / YEAR), 1)
    off = np.rint(year * YEAR) - ago
    return np.asarray((ago <= RECENT) | ((off >= -BEFORE) & (off < BEHIND)))


def _of_earlier_years(table: Table, rows: np.ndarray, end_day: int) -> bool:
    assert table.days is not None
    return int((table.days[rows] < end_day - RECENT).sum()) >= LEAST_TRAINING_ROWS


def folds(
    target: np.ndarray, count: int, task: Task, seed: int, copies: np.ndarray | None = None
) -> np.ndarray:
    """Fold of each row, int64 (rows,): shuffled, and with the same share of each class as far as its rows go.

    Args:
        copies: a number for each row that its copies share; they stay in one fold. None: there are no copies.
    """
    copies = np.arange(len(target)) if copies is None else copies
    draw = np.random.default_rng(seed)
    fold = np.empty(len(target), np.int64)
    start = 0
    for stratum in task.strata(target):
        rows = draw.permutation(stratum)
        fold[rows] = _dealt(copies[rows], count, start)
        start += len(stratum)
    return fold


def _dealt(copies: np.ndarray, count: int, start: int) -> np.ndarray:
    """Fold of each row, dealt out in turn; rows with the same number of *copies* go where the first of them went.

    Where there are copies, the largest groups go first, each to the fold that has the fewest rows.
    """
    _, group, sizes = np.unique(copies, return_inverse=True, return_counts=True)
    if len(sizes) == len(copies):
        return (np.arange(len(copies)) + start) % count
    first = np.full(len(sizes), len(copies))
    np.minimum.at(first, group, np.arange(len(copies)))
    held, place = np.zeros(count, np.int64), np.empty(len(sizes), np.int64)
    for item in np.lexsort((first, -sizes)):
        place[item] = (int(np.argmin(np.roll(held, -start))) + start) % count
        held[place[item]] += sizes[item]
    return place[group]


def block_folds(blocks: np.ndarray, rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Fold of each row, int64: whole *blocks* (of each row, int64) together, -1 for all but the given *rows*."""
    present, place = np.unique(blocks[rows], return_inverse=True)
    fold = np.full(len(blocks), -1, np.int64)
    fold[rows] = (np.random.default_rng(seed).permutation(len(present)) % count)[place]
    return fold


def sample(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most so many of the *rows*, drawn once and kept in order."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
