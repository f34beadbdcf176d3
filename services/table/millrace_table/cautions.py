"""What to tell of a sample before anything learns from it: columns to leave out, and classes out of balance."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.data import DataContract
from millrace_table import personal

COMMON = 0.9
"""Share of rows of one class from which the others are told to be rare."""
LEAST_ROWS, GAPS = 50, 1.05
"""Rows from which whole numbers may count them, and the range they may have, as a share of the rows."""


@dataclass(frozen=True)
class Cautions:
    """Columns that no model should use, and why, beside other *notes*."""

    left_out: list[str]
    notes: list[str]


def look(table: pa.Table, contract: DataContract, classifies: bool) -> Cautions:
    """Look at a sample in its types; *classifies*: the target names classes."""
    roles = (contract.target, contract.event_time)
    private = personal.search(table, roles)
    counters = [name for name in table.column_names if name not in roles and counts_rows(table.column(name))]
    notes = [
        f"{item.words}, which is personal data: it is left out. If models may use it, write it under "
        "data.keepPersonal instead of data.exclude."
        for item in private
    ]
    notes += [f"'{name}' numbers the rows: it is left out, as it describes nothing." for name in counters]
    if classifies and contract.target is not None:
        notes += imbalance(contract.target, table.column(contract.target))
    return Cautions(list(dict.fromkeys([item.column for item in private] + counters)), notes)


def counts_rows(values: pa.ChunkedArray) -> bool:
    """Whether these are whole numbers that count: each of a range once, or nearly so."""
    if not pa.types.is_integer(values.type) or len(values) < LEAST_ROWS or values.null_count:
        return False
    ends = pc.min_max(values).as_py()
    return ends["max"] - ends["min"] + 1 <= GAPS * len(values) and len(pc.unique(values)) == len(values)


def imbalance(name: str, values: pa.ChunkedArray) -> list[str]:
    """A note, with the remedy, if nearly all rows are of one class."""
    counts = pc.value_counts(values.drop_null().combine_chunks()).to_pylist()
    rows = sum(item["counts"] for item in counts)
    common = max(counts, key=lambda item: item["counts"], default=None)
    if common is None or common["counts"] < COMMON * rows:
        return []
    share = f"{common['counts'] / rows:.1%}"
    return [
        f"{share} of the rows have '{name}' {common['values']!r}: judge models by log loss or AUC, not by accuracy, "
        "use the probabilities, and collect more rows of the other classes."
    ]
