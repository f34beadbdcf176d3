"""What to tell of a sample before anything learns from it: columns to leave out, and classes out of balance."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.data import DataContract
from millrace_table import facts, personal
from millrace_table.facts import Facts

COMMON = 0.9
"""Share of rows of one class from which the others are told to be rare."""
LEAST_ROWS, GAPS = 50, 1.05
"""Rows from which whole numbers may count them, and the range they may have, as a share of the rows."""


@dataclass(frozen=True)
class Cautions:
    """Columns that no model should use, and why, beside other *notes*."""

    left_out: list[str]
    notes: list[str]


def look(
    table: pa.Table, contract: DataContract, classifies: bool, all_rows: Mapping[str, Facts] | None = None
) -> Cautions:
    """Look at a sample in its types.

    Args:
        classifies: the target names classes.
        all_rows: what is known of all rows, by column, where *table* has some of them only.
    """
    roles = (contract.target, contract.event_time)
    private = personal.search(table, roles)
    known = {} if all_rows is None else all_rows
    whole = [name for name in table.column_names if pa.types.is_integer(table.column(name).type)]
    counters = [
        name
        for name in whole
        if name not in roles and counts_rows(known.get(name) or facts.of(table.column(name)))
    ]
    notes = [
        f"{item.words}, which is personal data: it is left out. If models may use it, write it under "
        "data.keepPersonal instead of data.exclude."
        for item in private
    ]
    notes += [f"'{name}' numbers the rows: it is left out, as it describes nothing." for name in counters]
    if classifies and contract.target is not None:
        notes += imbalance(contract.target, table.column(contract.target))
    return Cautions(list(dict.fromkeys([item.column for item in private] + counters)), notes)


def counts_rows(seen: Facts) -> bool:
    """Whether these whole numbers count: each of a range once, or nearly so."""
    if seen.rows < LEAST_ROWS or seen.missing or seen.low is None or seen.high is None:
        return False
    return seen.each_once and seen.high - seen.low + 1 <= GAPS * seen.rows


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
