"""Hold a table to its contract: a readable check for every promise, and the rows that may be kept."""

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pyarrow as pa

from millrace_contracts.counting import counted
from millrace_contracts.data import ColumnContract, DataContract
from millrace_contracts.rows import Check
from millrace_table import columns, guesses, inference, pieces, settling
from millrace_table.columns import Mask, Typed
from millrace_table.pieces import Rows
from millrace_table.refusals import words
from millrace_training.rows import across, retyping
from millrace_training.rows.lines import examples, line, noted
from millrace_training.rows.tally import Tally


@dataclass(frozen=True)
class Checked:
    """A table in its types, the rows of it that may be kept, and what was found."""

    table: Rows
    keep: Mask
    checks: list[Check]
    contract: DataContract
    """The contract afterwards: its guesses have grown by what was taken."""

    @property
    def passed(self) -> bool:
        return all(check.verdict != "failed" for check in self.checks)

    @property
    def kept(self) -> Rows:
        """The rows that enter the dataset."""
        return self.table if self.keep.all() else self.table.filter(pa.array(self.keep))

    def taught(self, held: list[ColumnContract]) -> "Checked":
        """With the promises *held* as the rows that are kept have taught them."""
        growths = {column.name: guesses.Growth(column) for column in held}
        for piece in pieces.of(self.kept):
            for name, growth in growths.items():
                growth.add(piece.column(name))
        grown = [growth.grown for growth in growths.values()]
        return replace(self, contract=self.contract.model_copy(update={"columns": grown}))


def check(
    raw: pa.Table,
    contract: DataContract,
    timezone: str,
    partial: bool = False,
    known: tuple[datetime, datetime] | None = None,
) -> Checked:
    """Hold *raw* to *contract*.

    Args:
        known: first and last event time of the rows that are there already.
        partial: a delivery that need not have every column (what an endpoint logs are its inputs only);
            columns that it lacks are filled with missing values.
    Raises: Unreadable for times in mixed zones.
    """
    checks = [named(raw.column_names, contract, partial)]
    numeric = [column.name for column in contract.columns if column.type in ("number", "integer")]
    dialect = settling.agreed(raw, contract.dialect, numeric)
    keep, typed, held = np.ones(raw.num_rows, bool), {}, []
    for promised in contract.columns:
        if promised.name not in raw.column_names:
            typed[promised.name] = pa.nulls(raw.num_rows, columns.arrow(promised.type, promised.shape))
            held.append(promised)
            continue
        column, cells, notes = retyping.retyped(promised, raw.column(promised.name), timezone, dialect)
        typed[column.name] = cells.values
        tally = Tally(column, column.name == contract.target, partial)
        keep &= tally.add(raw.column(column.name), cells)
        checks += [*notes, *tally.lines, *_unique(column, raw.column(column.name), cells)]
        held.append(column)
    table = pa.table(typed)
    if contract.event_time is not None:
        told, kept = across.event_times(table.column(contract.event_time), contract.event_time, known)
        checks.append(told)
        keep &= kept
    checks.append(duplicates(inference.duplicates(table), table.num_rows, contract))
    return Checked(table, keep, checks, contract).taught(held)


def volume(rows: int, contract: DataContract) -> Check:
    """Whether the dataset version has enough rows in all."""
    least = contract.rows.minimum
    mend = "Collect more rows; fewer cannot be split into training and test."
    return line("volume", None, rows >= least, counted(rows, "row"), f"at least {least}", 0, [], mend)


def named(names: list[str], contract: DataContract, partial: bool) -> Check:
    """Whether the columns that the contract demands are there."""
    promised = [column.name for column in contract.columns]
    needed = [column.name for column in contract.columns if column.required]
    if partial:
        needed = [name for name in (contract.target, contract.event_time) if name is not None]
    lacking = [name for name in needed if name not in names]
    extra = [name for name in names if name not in promised]
    seen = f"lacks {words(lacking)}" if lacking else "every column is there"
    if extra:
        seen += f"; {words(extra)} left out, as the contract does not name them"
    allowed = words(promised, 8)
    told = line("columns", None, not lacking, seen, allowed, 0, [], f"Add {words(lacking)}.")
    unasked = extra and not lacking and not partial
    return noted(told, "Add them to the contract if models may learn from them.") if unasked else told


def _unique(column: ColumnContract, raw: pa.ChunkedArray, cells: Typed) -> list[Check]:
    if not column.unique:
        return []
    again = np.asarray(cells.values.is_valid())
    codes = np.asarray(cells.values.dictionary_encode().indices.fill_null(-1))
    again[np.unique(codes, return_index=True)[1]] = False
    return [unique(column.name, int(again.sum()), examples(raw, again))]


def unique(name: str, count: int, shown: list[str]) -> Check:
    """Whether *count*, the rows that repeat a value of a column without repeats, is none."""
    observed = (
        counted(count, "row repeats a value", "rows repeat a value") if count else "no value comes twice"
    )
    mend = "Remove the repeated rows, or set unique to false."
    return line("unique", name, not count, observed, "no value twice", count, shown, mend)


def duplicates(count: int, rows: int, contract: DataContract) -> Check:
    """Whether *count* of all *rows*, which repeat another one, are few enough."""
    share = count / max(1, rows)
    return line(
        "duplicates",
        None,
        share <= contract.duplicates_at_most,
        f"{counted(count, 'row')} ({share:.1%}) repeat{'s' * (count == 1)} another row",
        f"at most {contract.duplicates_at_most:.1%}",
        count,
        [],
        "Remove repeated rows, or raise duplicates_at_most if they are true.",
    )
