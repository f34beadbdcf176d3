"""A data contract from a good sample: what was seen, marked as a guess.

The contract keeps broken data out. That the world drifts is the monitor's business: how far a guess may be wrong
stands in `guesses`, and a single odd row is left out instead of refusing all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.data import ColumnContract, ColumnType, DataContract, RowsContract
from millrace_contracts.tables import Dialect
from millrace_table import columns, eventtimes, looks, tensors
from millrace_table.refusals import Unreadable, words
from millrace_table.settling import RawColumns, settled

OUTSIDE = 0.01
UNKNOWN = 0.05
MISSING_SLACK = 0.05
DUPLICATE_SLACK = 0.01
VOCABULARY = 50
ROWS = 50
"""Rows below which nothing can be trained and tested."""
FEW_NUMBERS = 20
"""Most different whole numbers that are taken for classes."""
OFTEN = 5
"""How often whole numbers come again, at least and on average, that are taken for classes."""
MOST_CLASSES = 1000
SERIAL = 20
"""Rows from which whole numbers without a gap, each once, are taken for a number that is counted on."""
RARE = 10
"""Rows below which a class is rare."""


def infer(
    table: RawColumns,
    target: str | None,
    event_time: str | None,
    timezone: str,
    dialect: Dialect | None = None,
    repeated: Callable[[], int] | None = None,
) -> DataContract:
    """The contract that *table* suggests; what the *dialect* leaves open, the cells settle.

    Args:
        repeated: says how many rows repeat an earlier one, of columns that are no `pa.Table`.
    Raises: Unreadable if the target or event time is not among the columns, or times cannot be read.
    """
    check_roles(table.column_names, target, event_time)
    dialect = settled(table, dialect)
    if event_time is not None:
        eventtimes.check(table.column(event_time), event_time, dialect)
    types: dict[str, ColumnType] = {
        name: "timestamp" if name == event_time else columns.infer(table.column(name), dialect)
        for name in table.column_names
    }
    made = [
        column(table.column(name), name, types[name], timezone, dialect, target, event_time) for name in types
    ]
    contract = DataContract(
        columns=made,
        rows=RowsContract(minimum=ROWS),
        event_time=event_time,
        target=target,
        dialect=dialect,
    )
    share = (duplicates(table) if repeated is None else repeated()) / max(1, table.num_rows)
    return contract.model_copy(update={"duplicates_at_most": _up(min(1.0, 2 * share + DUPLICATE_SLACK))})


def check_roles(names: list[str], target: str | None, event_time: str | None) -> None:
    """Raises: Unreadable if a role names no column."""
    for role, name in (("target", target), ("event time", event_time)):
        if name is not None and name not in names:
            seen, mend = (
                f"There is no column '{name}' for the {role}.",
                f"The columns are {words(names, 30)}.",
            )
            raise Unreadable(role, seen, mend, column=name)


def check_event_time(contract: DataContract) -> None:
    """Raises: Unreadable if the event time is not a time."""
    name = contract.event_time
    if name is not None and contract.column(name).type != "timestamp":
        raise Unreadable(
            "event time",
            f"The column holds values of type {contract.column(name).type}, not times.",
            "Write times like 2024-05-03T12:00:00Z or 2024-05-03 12:00.",
            column=name,
        )


def duplicates(table: pa.Table) -> int:
    """How many rows repeat an earlier one."""
    table = tensors.plain(table)
    return int(table.num_rows - table.group_by(table.column_names).aggregate([]).num_rows)


TaskName = Literal["regression", "binary", "multiclass"]


@dataclass(frozen=True)
class Guess:
    """What kind of answer a target asks for: *task* with what a person should know, or None with why there is none."""

    task: TaskName | None
    notes: list[str]
    mend: str = "Choose another --target."


def task(column: ColumnContract, values: pa.ChunkedArray) -> Guess:
    """The task that the target's values suggest."""
    present = values.drop_null()
    distinct = len(pc.unique(present))
    if distinct < 2:
        return Guess(None, [f"'{column.name}' has fewer than two values: there is nothing to predict."])
    if column.type == "timestamp":
        return Guess(None, [f"'{column.name}' holds times, which are neither numbers nor classes."])
    if distinct == 2:
        return Guess("binary", [])
    if column.type == "number":
        return Guess("regression", _few_numbers(column.name, present, distinct))
    if column.type == "integer":
        return _whole_numbers(column.name, present, distinct)
    return _classes(column.name, present, distinct)


def _few_numbers(name: str, present: pa.ChunkedArray, distinct: int) -> list[str]:
    """A note that numbers which come again and again may name classes: 1.0 is a 1 beside missing values."""
    if distinct > FEW_NUMBERS or distinct * OFTEN > len(present):
        return []
    seen = f"'{name}' holds only {distinct} different numbers: it is predicted as a number."
    return [f"{seen} If they name classes, choose the task multiclass (--task)."]


def _whole_numbers(name: str, present: pa.ChunkedArray, distinct: int) -> Guess:
    """Few whole numbers that come again and again name classes; many count or measure something."""
    if distinct > FEW_NUMBERS or distinct * OFTEN > len(present):
        seen = f"'{name}' holds {distinct} different whole numbers: it is predicted as a number."
        other = (
            " If they name classes, choose the task multiclass (--task)." if distinct <= MOST_CLASSES else ""
        )
        return Guess("regression", [seen + other])
    seen = f"'{name}' holds only {distinct} different whole numbers: each is predicted as a class."
    other = "If they count or measure something, choose the task regression (--task)."
    return Guess("multiclass", [f"{seen} {other}", *rare(name, present)])


def _classes(name: str, present: pa.ChunkedArray, distinct: int) -> Guess:
    classes = f"'{name}' has {distinct} classes"
    if distinct > MOST_CLASSES or 2 * distinct > len(present):
        seen = looks.look(pc.unique(present).slice(0, looks.LOOKED).cast(pa.string()).to_pylist())
        if seen is not None and seen.measures:
            return Guess(None, [f"'{name}' is read as text: {seen.words}"], "Mend the target's cells.")
    if distinct > MOST_CLASSES:
        return Guess(None, [f"{classes}; Millrace tells at most {MOST_CLASSES} apart."])
    if 2 * distinct > len(present):
        return Guess(
            None, [f"{classes} in {len(present)} rows: there is nothing to learn about any of them."]
        )
    return Guess("multiclass", rare(name, present))


def rare(name: str, present: pa.ChunkedArray) -> list[str]:
    """A note that names the classes of which there are very few rows."""
    counts = {item["values"]: item["counts"] for item in pc.value_counts(present).to_pylist()}
    few = sorted((count, str(value)) for value, count in counts.items() if count < RARE)
    if not few:
        return []
    shown = ", ".join(f"{value!r} ({count} row{'s' * (count > 1)})" for count, value in few[:5])
    more = f" and {len(few) - 5} more" if len(few) > 5 else ""
    return [
        f"Rare classes of '{name}': {shown}{more}. They are kept, but can hardly be learnt or tested: add rows of "
        "them, merge them with others, or leave them out."
    ]


def check_task(task: TaskName, column: ColumnContract, values: pa.ChunkedArray) -> list[str]:
    """What a person should know who chose the *task*. Raises: Unreadable if the target cannot be predicted so."""
    present = values.drop_null()
    distinct = len(pc.unique(present))
    least, most = {"regression": (2, len(present)), "binary": (2, 2), "multiclass": (3, MOST_CLASSES)}[task]
    numbers = column.type in ("number", "integer")
    fits = numbers if task == "regression" else column.type != "timestamp"
    if not fits or not least <= distinct <= most:
        seen = f"It holds {distinct} different values of type {column.type}, which is no {task}."
        raise Unreadable("task", seen, "Choose another --task or --target.", column=column.name)
    return rare(column.name, present) if task == "multiclass" else []


def column(
    raw: pa.ChunkedArray,
    name: str,
    type: ColumnType,
    timezone: str,
    dialect: Dialect | None,
    target: str | None = None,
    event_time: str | None = None,
) -> ColumnContract:
    """What the raw column *name* of a sample suggests, as a guess."""
    key, shape = name in (target, event_time), tensors.shape_of(raw.type) if type == "tensor" else None
    if shape is not None and key:
        raise Unreadable(
            "type", "It holds lists of numbers.", "Choose a column of plain values.", column=name
        )
    values = columns.convert(raw, type, timezone, name, dialect, shape=shape).values
    share = values.null_count / len(values)
    missing = 0.0 if key else _up(min(1.0, share + max(MISSING_SLACK, 4 * share)))
    present = values.drop_null()
    guessed = not (name == target and _names_classes(type, present))
    more: dict[str, Any] = {"name": name, "type": type, "missing_at_most": missing, "guessed": guessed}
    if shape is not None:
        return ColumnContract(**more, shape=shape)
    if not len(present) and not key:
        return ColumnContract(**more, **({"allowed": []} if type == "string" else {}))
    if type in ("number", "integer") and len(present):
        more |= _range(type, present)
    if type == "string" and len(present):
        more |= _vocabulary(present, raw, dialect)
    return ColumnContract(**more)


def _names_classes(type: str, present: pa.Array) -> bool:
    """Whether a target's values are classes: their names and number are what a loop is about, and no guess."""
    if type == "integer":
        return _whole_numbers("", present, len(pc.unique(present))).task != "regression"
    return type in ("string", "boolean")


def _range(type: str, values: pa.Array) -> dict[str, Any]:
    """What was seen; nothing for a number that is counted on with every row, which says how many came so far."""
    ends = pc.min_max(values).as_py()
    each_once = len(values) >= SERIAL and len(pc.unique(values)) == len(values)
    if type == "integer" and each_once and ends["max"] - ends["min"] < 2 * len(values):
        return {}
    low, high = float(ends["min"]), float(ends["max"])
    return {"minimum": low, "maximum": high, "outside_at_most": OUTSIDE}


def _vocabulary(values: pa.Array, raw: pa.ChunkedArray, dialect: Dialect | None) -> dict[str, Any]:
    known = pc.unique(values)
    if len(known) == len(values) >= 100:
        return {} if looks.measures(raw, dialect) else {"unique": True}
    if len(known) > min(VOCABULARY, 0.05 * len(values)):
        return {}
    return {"allowed": sorted(known.to_pylist()), "unknown_at_most": UNKNOWN}


def _up(share: float) -> float:
    return min(1.0, round(share + 0.0005, 3)) if share else 0.0
