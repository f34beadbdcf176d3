"""Hold a table to its contract: a readable check for every promise, and the rows that may be kept."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace.data import columns, inference
from millrace.data.columns import Mask, Typed
from millrace.data.refusals import words
from millrace_contracts.data import ColumnContract, DataContract
from millrace_contracts.rows import Check


@dataclass(frozen=True)
class Checked:
    """A table in its types, the rows of it that may be kept, and what was found."""

    table: pa.Table
    keep: Mask
    checks: list[Check]

    @property
    def passed(self) -> bool:
        return all(check.verdict != "failed" for check in self.checks)

    @property
    def kept(self) -> pa.Table:
        """The rows that enter the dataset."""
        return self.table if self.keep.all() else self.table.filter(pa.array(self.keep))


def check(raw: pa.Table, contract: DataContract, timezone: str, partial: bool = False) -> Checked:
    """Hold *raw* to *contract*.

    Args:
        partial: a delivery that need not have every column (what an endpoint logs are its inputs only);
            columns that it lacks are filled with missing values.
    Raises: Unreadable for times in mixed zones.
    """
    checks = [_columns(raw.column_names, contract, partial)]
    keep, typed = np.ones(raw.num_rows, bool), {}
    for column in contract.columns:
        if column.name not in raw.column_names:
            typed[column.name] = pa.nulls(raw.num_rows, columns.ARROW[column.type])
            continue
        cells = columns.convert(raw.column(column.name), column.type, timezone, column.name)
        typed[column.name] = cells.values
        lines, kept = _column(column, raw.column(column.name), cells, column.name == contract.target)
        checks += lines
        keep &= kept
    table = pa.table(typed)
    checks.append(_duplicates(table, contract))
    return Checked(table, keep, checks)


def volume(rows: int, contract: DataContract) -> Check:
    """Whether the dataset version has enough rows in all."""
    least = contract.rows.minimum
    mend = "Collect more rows; fewer cannot be split into training and test."
    return _line("volume", None, rows >= least, f"{rows} rows", f"at least {least}", 0, [], mend)


def _line(
    check: str,
    column: str | None,
    good: bool,
    observed: str,
    allowed: str,
    rows: int,
    examples: list[str],
    mend: str,
) -> Check:
    if good:
        return Check.passed(check, observed, allowed, column=column, rows=rows, examples=examples)
    return Check.failed(check, observed, allowed, mend, column=column, rows=rows, examples=examples)


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
    return _line("columns", None, not lacking, seen, allowed, 0, [], f"Add {words(lacking)}.")


def _column(
    column: ColumnContract, raw: pa.ChunkedArray, cells: Typed, target: bool
) -> tuple[list[Check], Mask]:
    lines = [_type(column, raw, cells)]
    missing, keep = _missing(column, cells, target)
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
    return _line(
        "type",
        column.name,
        count == 0,
        f"{count} cells are no {column.type}" if count else f"all are {column.type}",
        column.type,
        count,
        examples(raw, cells.bad),
        f"Correct these cells, or change the column's type from {column.type}.",
    )


def _missing(column: ColumnContract, cells: Typed, target: bool) -> tuple[Check, Mask]:
    """Cells of a wrong type are told of as such, not as missing. Rows without a target are never kept."""
    absent = np.asarray(cells.values.is_null()) & ~cells.bad
    count, share = int(absent.sum()), float(absent.mean())
    good = share <= column.missing_at_most
    what = "the target" if target else "a value"
    mend = f"Fill them in, or raise missing_at_most if rows may lack {what}."
    observed, allowed = f"{count} rows ({share:.1%}) lack {what}", f"at most {column.missing_at_most:.1%}"
    rows = [f"row {place + 1}" for place in np.flatnonzero(absent)[:5]]
    line = _line("missing", column.name, good, observed, allowed, count, [] if good else rows, mend)
    return line, ~absent if target else np.ones(len(absent), bool)


def _range(column: ColumnContract, raw: pa.ChunkedArray, cells: Typed) -> tuple[Check, Mask]:
    low = -np.inf if column.minimum is None else column.minimum
    high = np.inf if column.maximum is None else column.maximum
    values = np.asarray(cells.values.cast(pa.float64(), safe=False).fill_null(np.nan))
    outside = (values < low) | (values > high)
    count, share = int(outside.sum()), float(outside.mean())
    good = share <= column.outside_at_most
    observed = f"{count} rows ({share:.2%}) are outside" if count else f"{_extent(values)}"
    if count and good:
        observed += " and are left out"
    line = _line(
        "range",
        column.name,
        good,
        observed,
        f"{low:g} to {high:g}",
        count,
        examples(raw, outside),
        "Correct these values, or widen minimum and maximum if they are true.",
    )
    return line, ~outside


def _extent(values: np.ndarray) -> str:
    present = values[~np.isnan(values)]
    return f"{present.min():g} to {present.max():g}" if len(present) else "no values"


def _vocabulary(column: ColumnContract, raw: pa.ChunkedArray, cells: Typed) -> Check:
    vocabulary = pa.array(column.allowed, pa.string())
    unknown = np.asarray(pc.and_(cells.values.is_valid(), pc.invert(pc.is_in(cells.values, vocabulary))))
    count, share = int(unknown.sum()), float(unknown.mean())
    return _line(
        "values",
        column.name,
        share <= column.unknown_at_most,
        f"{count} rows ({share:.1%}) have values not seen before" if count else "all values are known",
        f"at most {column.unknown_at_most:.1%} other than {words(column.allowed or [], 8)}",
        count,
        examples(raw, unknown),
        "Correct these values, or add them to `allowed`.",
    )


def _unique(column: ColumnContract, raw: pa.ChunkedArray, cells: Typed) -> Check:
    again = np.asarray(cells.values.is_valid())
    codes = np.asarray(cells.values.dictionary_encode().indices.fill_null(-1))
    again[np.unique(codes, return_index=True)[1]] = False
    count = int(again.sum())
    observed = f"{count} rows repeat a value" if count else "no value comes twice"
    mend = "Remove the repeated rows, or set unique to false."
    return _line(
        "unique", column.name, not count, observed, "no value twice", count, examples(raw, again), mend
    )


def _duplicates(table: pa.Table, contract: DataContract) -> Check:
    count = inference.duplicates(table)
    share = count / max(1, table.num_rows)
    return _line(
        "duplicates",
        None,
        share <= contract.duplicates_at_most,
        f"{count} rows ({share:.1%}) repeat another row",
        f"at most {contract.duplicates_at_most:.1%}",
        count,
        [],
        "Remove repeated rows, or raise duplicates_at_most if they are true.",
    )


def examples(raw: pa.ChunkedArray, mask: Mask) -> list[str]:
    """Up to five marked cells as they were written, with their rows (the first row of data is row 1)."""
    return [f"row {place + 1}: {str(raw[int(place)].as_py())[:60]!r}" for place in np.flatnonzero(mask)[:5]]
