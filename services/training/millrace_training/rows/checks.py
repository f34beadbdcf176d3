"""Hold a table to its contract: a readable check for every promise, and the rows that may be kept."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.data import ColumnContract, DataContract
from millrace_contracts.rows import Check
from millrace_table import columns, guesses, inference
from millrace_table.columns import Mask, Typed
from millrace_table.refusals import words
from millrace_training.rows import across, retyping
from millrace_training.rows.lines import examples, line, noted


@dataclass(frozen=True)
class Checked:
    """A table in its types, the rows of it that may be kept, and what was found."""

    table: pa.Table
    keep: Mask
    checks: list[Check]
    contract: DataContract
    """The contract afterwards: its guesses have grown by what was taken."""

    @property
    def passed(self) -> bool:
        return all(check.verdict != "failed" for check in self.checks)

    @property
    def kept(self) -> pa.Table:
        """The rows that enter the dataset."""
        return self.table if self.keep.all() else self.table.filter(pa.array(self.keep))


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
    checks = [_columns(raw.column_names, contract, partial)]
    keep, typed, held = np.ones(raw.num_rows, bool), {}, []
    for promised in contract.columns:
        if promised.name not in raw.column_names:
            typed[promised.name] = pa.nulls(raw.num_rows, columns.ARROW[promised.type])
            held.append(promised)
            continue
        column, cells, notes = retyping.retyped(
            promised, raw.column(promised.name), timezone, contract.dialect
        )
        typed[column.name] = cells.values
        lines, kept = _column(column, raw.column(column.name), cells, column.name == contract.target, partial)
        checks += [*notes, *lines]
        held.append(column)
        keep &= kept
    table = pa.table(typed)
    if contract.event_time is not None:
        told, kept = across.event_times(table.column(contract.event_time), contract.event_time, known)
        checks.append(told)
        keep &= kept
    checks.append(_duplicates(table, contract))
    grown = [guesses.grown(item, table.column(item.name).combine_chunks(), keep) for item in held]
    return Checked(table, keep, checks, contract.model_copy(update={"columns": grown}))


def volume(rows: int, contract: DataContract) -> Check:
    """Whether the dataset version has enough rows in all."""
    least = contract.rows.minimum
    mend = "Collect more rows; fewer cannot be split into training and test."
    return line("volume", None, rows >= least, f"{rows} rows", f"at least {least}", 0, [], mend)


def _columns(names: list[str], contract: DataContract, partial: bool) -> Check:
    named = [column.name for column in contract.columns]
    needed = [column.name for column in contract.columns if column.required]
    if partial:
        needed = [name for name in (contract.target, contract.event_time) if name is not None]
    lacking = [name for name in needed if name not in names]
    extra = [name for name in names if name not in named]
    seen = f"lacks {words(lacking)}" if lacking else "every column is there"
    if extra:
        seen += f"; {words(extra)} left out, as the contract does not name them"
    allowed = words(named, 8)
    return line("columns", None, not lacking, seen, allowed, 0, [], f"Add {words(lacking)}.")


def _column(
    column: ColumnContract, raw: pa.ChunkedArray, cells: Typed, target: bool, partial: bool
) -> tuple[list[Check], Mask]:
    lines = [_type(column, raw, cells)]
    missing, keep = _missing(column, cells, target, partial)
    lines.append(missing)
    if (column.minimum, column.maximum) != (None, None):
        inside, kept = _range(column, raw, cells)
        lines.append(inside)
        keep &= kept
    if column.allowed is not None:
        lines.append(_vocabulary(column, raw, cells))
    if column.unique:
        lines.append(_unique(column, raw, cells))
    return lines, keep


def _type(column: ColumnContract, raw: pa.ChunkedArray, cells: Typed) -> Check:
    count = int(cells.bad.sum())
    seen = f"{count} cells are no {column.type}" if count else f"all are {column.type}"
    if cells.infinite:
        seen += f"; {cells.infinite} infinite ones count as missing"
    return line(
        "type",
        column.name,
        count == 0,
        seen,
        column.type,
        count,
        examples(raw, cells.bad),
        f"Correct these cells, or change the column's type from {column.type}.",
    )


def _missing(column: ColumnContract, cells: Typed, target: bool, partial: bool) -> tuple[Check, Mask]:
    """Cells of a wrong type are told of as such, not as missing. Rows without a target are never kept.

    What production was asked without (*partial*) it was asked without: the monitor tells of it, nothing is refused.
    """
    absent = np.asarray(cells.values.is_null()) & ~cells.bad
    count, share = int(absent.sum()), float(absent.mean())
    within = share <= column.missing_at_most
    slack = column.guessed and column.missing_at_most > 0 and not target
    good = within or (slack and (partial or count <= guesses.tolerated(len(absent), column.missing_at_most)))
    what = "the target" if target else "a value"
    mend = f"Fill them in, or raise missing_at_most if rows may lack {what}."
    observed, allowed = f"{count} rows ({share:.1%}) lack {what}", f"at most {column.missing_at_most:.1%}"
    rows = [f"row {place + 1}" for place in np.flatnonzero(absent)[:5]]
    told = line("missing", column.name, good, observed, allowed, count, [] if good else rows, mend)
    if good and not within:
        told = noted(told, "More than the sample had; it is taken, as the contract is a guess.")
    return told, ~absent if target else np.ones(len(absent), bool)


def _range(column: ColumnContract, raw: pa.ChunkedArray, cells: Typed) -> tuple[Check, Mask]:
    low, high = guesses.reach(column)
    values = np.asarray(cells.values.cast(pa.float64(), safe=False).fill_null(np.nan))
    outside = (values < low) | (values > high)
    count, share = int(outside.sum()), float(outside.mean())
    good = share <= column.outside_at_most or (column.guessed and count == 1)
    observed = f"{count} rows ({share:.2%}) are outside" if count else f"{_extent(values)}"
    if count and good:
        observed += " and are left out"
    told = line(
        "range",
        column.name,
        good,
        observed,
        f"{low:g} to {high:g}",
        count,
        examples(raw, outside),
        "Correct these values, or widen minimum and maximum if they are true.",
    )
    new = guesses.beyond(column, values) & ~outside
    if good and count:
        told = noted(told, "If they are true, widen minimum and maximum.")
    elif good and new.any():
        seen = f"{int(new.sum())} rows ({new.mean():.2%}) go beyond {column.minimum:g} to {column.maximum:g}"
        told = noted(
            told.model_copy(update={"observed": seen, "examples": examples(raw, new)}),
            "They are taken, and the guess grows.",
        )
    return told, ~outside


def _extent(values: np.ndarray) -> str:
    present = values[~np.isnan(values)]
    return f"{present.min():g} to {present.max():g}" if len(present) else "no values"


def _vocabulary(column: ColumnContract, raw: pa.ChunkedArray, cells: Typed) -> Check:
    vocabulary = pa.array(column.allowed, pa.string())
    unknown = np.asarray(pc.and_(cells.values.is_valid(), pc.invert(pc.is_in(cells.values, vocabulary))))
    count, share = int(unknown.sum()), float(unknown.mean())
    why = guesses.unknown_words(column, cells.values, unknown) if column.guessed else None
    good = why is None if column.guessed else share <= column.unknown_at_most
    told = line(
        "values",
        column.name,
        good,
        f"{count} rows ({share:.1%}) have values not seen before" if count else "all values are known",
        f"at most {column.unknown_at_most:.1%} other than {words(column.allowed or [], 8)}",
        count,
        examples(raw, unknown),
        "Correct these values, or add them to `allowed`.",
    )
    if why is not None:
        told = told.model_copy(update={"observed": f"{told.observed}: {why}"})
    elif good and share > column.unknown_at_most:
        told = noted(told, "They are taken; a value that comes again is known from then on.")
    return told


def _unique(column: ColumnContract, raw: pa.ChunkedArray, cells: Typed) -> Check:
    again = np.asarray(cells.values.is_valid())
    codes = np.asarray(cells.values.dictionary_encode().indices.fill_null(-1))
    again[np.unique(codes, return_index=True)[1]] = False
    count = int(again.sum())
    observed = f"{count} rows repeat a value" if count else "no value comes twice"
    mend = "Remove the repeated rows, or set unique to false."
    return line(
        "unique", column.name, not count, observed, "no value twice", count, examples(raw, again), mend
    )


def _duplicates(table: pa.Table, contract: DataContract) -> Check:
    count = inference.duplicates(table)
    share = count / max(1, table.num_rows)
    return line(
        "duplicates",
        None,
        share <= contract.duplicates_at_most,
        f"{count} rows ({share:.1%}) repeat another row",
        f"at most {contract.duplicates_at_most:.1%}",
        count,
        [],
        "Remove repeated rows, or raise duplicates_at_most if they are true.",
    )
