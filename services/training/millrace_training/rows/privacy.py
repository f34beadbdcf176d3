"""Personal data among the features: named, and left out unless somebody decided to keep it."""

from collections.abc import Sequence

import pyarrow as pa

from millrace_contracts.rows import Check
from millrace_table import personal

CHECK = "personal data"


def check(table: pa.Table, others: Sequence[str | None], kept: Sequence[str]) -> list[Check]:
    """A note for every column that holds personal data, but for *others*, which no model uses anyway."""
    return [_line(item, item.column in kept) for item in personal.search(table, others)]


def left_out(checks: Sequence[Check], kept: Sequence[str]) -> set[str]:
    """The columns that these notes take from the features."""
    return {line.column for line in checks if line.check == CHECK and line.column and line.column not in kept}


def _line(item: personal.Personal, kept: bool) -> Check:
    if kept:
        seen, mend = f"{item.words}; it is used, as data.keepPersonal says", ""
        return Check.noted(CHECK, seen, "kept by decision", mend, column=item.column)
    mend = "Write it under data.exclude; or under data.keepPersonal, if models may use it all the same."
    return Check.noted(
        CHECK, f"{item.words}; it is left out", "none, unless kept by decision", mend, column=item.column
    )
