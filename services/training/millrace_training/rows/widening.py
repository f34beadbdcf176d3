"""Change a contract so that it takes a delivery that broke it: a person asked for that, and is told every change."""

from dataclasses import dataclass

import pyarrow.compute as pc

from millrace_contracts.data import ColumnContract, DataContract
from millrace_contracts.rows import Check
from millrace_table.pieces import Rows

FREE = {"minimum": None, "maximum": None, "outside_at_most": 0.0, "allowed": None, "unknown_at_most": 0.0}


@dataclass(frozen=True)
class Widened:
    """The contract afterwards, and each change in words."""

    contract: DataContract
    changes: list[str]


def widened(contract: DataContract, lines: list[Check], table: Rows) -> Widened:
    """*contract* with the promises changed that the *lines* of a report found broken, as far as they can be."""
    columns = {column.name: column for column in contract.columns}
    more: dict[str, object] = {}
    changes: list[str] = []
    for line in (item for item in lines if item.verdict == "failed"):
        if line.check == "duplicates":
            more["duplicates_at_most"] = min(1.0, line.rows / max(1, table.num_rows) + 0.001)
            changes.append(f"repeated rows: up to {more['duplicates_at_most']:.1%} are taken")
        elif line.check == "columns":
            changes += _optional(contract, table, columns)
        elif line.column in columns:
            before = columns[line.column]
            columns[line.column] = _column(before, line, table)
            changes += _told(before, columns[line.column])
    listed = [columns[column.name] for column in contract.columns]
    return Widened(contract.model_copy(update={"columns": listed} | more), changes)


def _optional(contract: DataContract, table: Rows, columns: dict[str, ColumnContract]) -> list[str]:
    """Columns that the delivery lacks need not be there, but those that a loop cannot do without."""
    needed = {contract.target, contract.event_time, *contract.key}
    empty = [name for name in columns if table.column(name).null_count == table.num_rows]
    changes = []
    for name in empty:
        if name not in needed and columns[name].required:
            columns[name] = columns[name].model_copy(update={"required": False, "missing_at_most": 1.0})
            changes.append(f"'{name}' need not be there")
    return changes


def _column(column: ColumnContract, line: Check, table: Rows) -> ColumnContract:
    values = table.column(column.name)
    change: dict[str, object] = {}
    if line.check in ("type", "leading zeros"):
        change = FREE | {"type": "string", "shape": None}
    elif line.check == "missing":
        change = {"missing_at_most": min(1.0, round(values.null_count / max(1, len(values)) + 0.001, 3))}
    elif line.check == "range":
        ends = pc.min_max(values).as_py()
        change = {
            "minimum": None if column.minimum is None else min(column.minimum, float(ends["min"])),
            "maximum": None if column.maximum is None else max(column.maximum, float(ends["max"])),
        }
    elif line.check == "values":
        words = pc.unique(values).drop_null().to_pylist()
        change = {"allowed": sorted({*(column.allowed or []), *words})}
    elif line.check.startswith("unique"):
        change = {"unique": False}
    return column.model_copy(update=change)


def _told(before: ColumnContract, after: ColumnContract) -> list[str]:
    """The difference of two promises of a column, a phrase for each part."""
    old, new = before.model_dump(), after.model_dump()
    told = []
    for name in (name for name in new if new[name] != old[name]):
        if name == "allowed" and new[name] is not None:
            words = [word for word in new[name] if word not in (old[name] or [])]
            more = f" and {len(words) - 5} more" if len(words) > 5 else ""
            told.append(f"'{after.name}' also takes {', '.join(map(repr, words[:5]))}{more}")
        else:
            told.append(f"{name} of '{after.name}' is {new[name]}, it was {old[name]}")
    return told
