"""The lines of a delivery report: one promise of the contract, held against the data."""

import numpy as np
import pyarrow as pa

from millrace_contracts.rows import Check
from millrace_table.columns import Mask


def line(
    check: str,
    column: str | None,
    good: bool,
    observed: str,
    allowed: str,
    rows: int,
    examples: list[str],
    mend: str,
) -> Check:
    """What was looked at and what came of it; the remedy is told only if it is not *good*."""
    if good:
        return Check.passed(check, observed, allowed, column=column, rows=rows, examples=examples)
    return Check.failed(check, observed, allowed, mend, column=column, rows=rows, examples=examples)


def noted(told: Check, mend: str) -> Check:
    """The same as a note: nothing is refused for it."""
    return told.model_copy(update={"verdict": "noted", "mend": mend})


def examples(raw: pa.ChunkedArray, mask: Mask) -> list[str]:
    """Up to five marked cells as they were written, with their rows (the first row of data is row 1)."""
    return [f"row {place + 1}: {str(raw[int(place)].as_py())[:60]!r}" for place in np.flatnonzero(mask)[:5]]
