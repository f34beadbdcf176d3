"""Checks over more than one column or delivery: values that come again, and times far from all others."""

from datetime import datetime

import numpy as np
import pyarrow as pa

from millrace_contracts.counting import counted
from millrace_contracts.data import DataContract
from millrace_contracts.rows import Check
from millrace_table import pieces, spans
from millrace_table.columns import Mask
from millrace_table.pieces import Rows
from millrace_training.rows.lines import SHOWN, Marked, examples_at, line, noted
from millrace_training.rows.present import Present

FAR = 0.01
"""Share of rows that may lie far from the others in time; they are left out."""


def unique_over(before: Present | None, news: Rows, contract: DataContract) -> list[Check]:
    """Whether columns that the contract calls unique stay so over the dataset, with the new rows of a delivery.

    A row with the key of an earlier one corrects it, so columns of the key are left out.
    """
    if before is None:
        return []
    names = [item.name for item in contract.columns if item.unique and item.name not in contract.key]
    mend = "Remove these rows; if they correct earlier ones, name the column under `key` in the contract."
    lines = []
    for name in names:
        again = before.has(news, contract, name) if news.num_rows else None
        if again is not None:
            count = int(again.sum())
            seen = (
                counted(
                    count, "new row repeats a value of the dataset", "new rows repeat a value of the dataset"
                )
                if count
                else "no value is there already"
            )
            lines.append(
                line(
                    "unique in the dataset",
                    name,
                    not count,
                    seen,
                    "no value twice",
                    count,
                    examples_at(
                        (piece.column(0) for piece in pieces.of(news, [name])),
                        np.flatnonzero(again)[:SHOWN].tolist(),
                    ),
                    mend,
                )
            )
    return lines


def event_times(
    values: pa.ChunkedArray, name: str, known: tuple[datetime, datetime] | None
) -> tuple[Check, Mask]:
    """Rows whose time lies years from all others: a clock was wrong, and no holdout may follow it."""
    far, marked = spans.far(values, known), Marked()
    marked.add(0, values, far)
    return far_times(name, marked, len(values)), ~far


def far_times(name: str, far: Marked, rows: int) -> Check:
    """Whether the rows, of all *rows*, that lie *far* from the others are few enough to be left out."""
    count, share = far.count, far.count / max(1, rows)
    good = count <= 1 or share <= FAR
    seen = (
        counted(count, "row lies years from all others", "rows lie years from all others")
        if count
        else "no row lies far from the others"
    )
    if count and good:
        seen += f" and {'is' if count == 1 else 'are'} left out"
    mend = "Correct these times, or leave these rows out."
    told = line("far times", name, good, seen, f"at most {FAR:.0%}", count, far.examples, mend)
    return noted(told, mend) if count and good else told
