"""Features whose differences no model sees, in 32 bits or in 64 less a centre: named, not refused."""

import pyarrow as pa

from millrace_contracts.rows import Check
from millrace_table import digits


def check(table: pa.Table, names: list[str]) -> list[Check]:
    """A note for each of these columns that needs more digits than a model keeps."""
    told = [(name, digits.lost(table.column(name))) for name in names]
    return [
        Check.noted("digits", f"'{name}' {lost.words}", "seven digits", lost.mend, column=name)
        for name, lost in told
        if lost is not None and not lost.mended
    ]
