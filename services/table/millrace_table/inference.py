"""A data contract from a good sample: what was seen, marked as a guess.

The contract keeps broken data out. That the world drifts is the monitor's business: how far a guess may be wrong
stands in `guesses`, and a single odd row is left out instead of refusing all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.data import ColumnContract, ColumnType, DataContract, RowsContract
from millrace_contracts.tables import Dialect
from millrace_table import columns, eventtimes, facts, looks, tensors
from millrace_table.facts import Facts, Value
from millrace_table.refusals import Unreadable, words
from millrace_table.settling import settled

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
    table: pa.Table,
    target: str | None,
    event_time: str | None,
    timezone: str,
    dialect: Dialect | None = None,
) -> DataContract:
    """The contract that *table* suggests; what the *dialect* leaves open, the cells settle.

    Raises: Unreadable if the target or event time is not among the columns, or times cannot be read.
    """
    dialect, types = typed(table, target, event_time, dialect)
    made = [
        column(table.column(name), name, types[name], timezone, dialect, target, event_time) for name in types
    ]
    return together(made, target, event_time, dialect, duplicates(table) / max(1, table.num_rows))


def typed(
    table: pa.Table, target: str | None, event_time: str | None, dialect: Dialect | None
) -> tuple[Dialect | None, dict[str, ColumnType]]:
    """How raw columns are written, and the type of each. Raises: Unreadable, as `infer` does."""
    check_roles(table.column_names, target, event_time)
    dialect = settled(table, dialect)
    if event_time is not None:
        eventtimes.check(table.column(event_time), event_time, dialect)
    types: dict[str, ColumnType] = {
        name: "timestamp" if name == event_time else columns.infer(table.column(name), dialect)
        for name in table.column_names
    }
    return dialect, types


def together(
    made: list[ColumnContract],
    target: str | None,
    event_time: str | None,
    dialect: Dialect | None,
    repeated: float,
) -> DataContract:
    """The contract of guessed columns; *repeated*: the share of rows that are as an earlier one."""
    return DataContract(
        columns=made,
        rows=RowsContract(minimum=ROWS),
        duplicates_at_most=_up(min(1.0, 2 * repeated + DUPLICATE_SLACK)),
        event_time=event_time,
        target=target,
        dialect=dialect,
    )


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


def task(column: ColumnContract, values: pa.ChunkedArray, all_rows: Facts | None = None) -> Guess:
    """The task that the target's values suggest; *all_rows*: what is known of them, where these are some of them."""
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
        return _whole_numbers(column.name, present, distinct, all_rows)
    return _classes(column.name, present, distinct, all_rows)


def _few_numbers(name: str, present: pa.ChunkedArray, distinct: int) -> list[str]:
    """A note that numbers which come again and again may name classes: 1.0 is a 1 beside missing values."""
    if not _come_again(distinct, len(present)):
        return []
    seen = f"'{name}' holds only {distinct} different numbers: it is predicted as a number."
    return [f"{seen} If they name classes, choose the task multiclass (--task)."]


def _come_again(distinct: int, rows: int) -> bool:
    """Whether numbers are few that come again and again, as those do that name classes."""
    return distinct <= FEW_NUMBERS and distinct * OFTEN <= rows


def _whole_numbers(name: str, present: pa.ChunkedArray, distinct: int, all_rows: Facts | None) -> Guess:
    """Few whole numbers that come again and again name classes; many count or measure something."""
    if not _come_again(distinct, len(present)):
        seen = f"'{name}' holds {distinct} different whole numbers: it is predicted as a number."
        other = (
            " If they name classes, choose the task multiclass (--task)." if distinct <= MOST_CLASSES else ""
        )
        return Guess("regression", [seen + other])
    seen = f"'{name}' holds only {distinct} different whole numbers: each is predicted as a class."
    other = "If they count or measure something, choose the task regression (--task)."
    return Guess("multiclass", [f"{seen} {other}", *rare(name, present, all_rows)])


def _classes(name: str, present: pa.ChunkedArray, distinct: int, all_rows: Facts | None) -> Guess:
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
    return Guess("multiclass", rare(name, present, all_rows))


def rare(name: str, present: pa.ChunkedArray, all_rows: Facts | None = None) -> list[str]:
    """A note that names the classes of which there are very few rows."""
    told = all_rows.counts if all_rows is not None else None
    counts: Mapping[Value, int] = facts.counted(present) if told is None else told
    few = sorted((count, str(value)) for value, count in counts.items() if count < RARE)
    if not few:
        return []
    shown = ", ".join(f"{value!r} ({count} row{'s' * (count > 1)})" for count, value in few[:5])
    more = f" and {len(few) - 5} more" if len(few) > 5 else ""
    return [
        f"Rare classes of '{name}': {shown}{more}. They are kept, but can hardly be learnt or tested: add rows of "
        "them, merge them with others, or leave them out."
    ]


def check_task(
    task: TaskName, column: ColumnContract, values: pa.ChunkedArray, all_rows: Facts | None = None
) -> list[str]:
    """What a person should know who chose the *task*. Raises: Unreadable if the target cannot be predicted so."""
    present = values.drop_null()
    distinct = len(pc.unique(present))
    least, most = {"regression": (2, len(present)), "binary": (2, 2), "multiclass": (3, MOST_CLASSES)}[task]
    numbers = column.type in ("number", "integer")
    fits = numbers if task == "regression" else column.type != "timestamp"
    if not fits or not least <= distinct <= most:
        seen = f"It holds {distinct} different values of type {column.type}, which is no {task}."
        raise Unreadable("task", seen, "Choose another --task or --target.", column=column.name)
    return rare(column.name, present, all_rows) if task == "multiclass" else []


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
    shape = tensors.shape_of(raw.type) if type == "tensor" else None
    values = columns.convert(raw, type, timezone, name, dialect, shape=shape).values
    seen = facts.of(values)
    return promise(name, type, shape, seen, lambda: looks.measures(raw, dialect), target, event_time)


def promise(
    name: str,
    type: ColumnType,
    shape: list[int] | None,
    seen: Facts,
    measures: Callable[[], bool],
    target: str | None = None,
    event_time: str | None = None,
) -> ColumnContract:
    """What a column suggests of which so much was *seen*, as a guess. Raises: Unreadable for a role of tensors.

    Args:
        measures: whether texts are likely to be numbers or times, so that they name no rows.
    """
    key = name in (target, event_time)
    if shape is not None and key:
        raise Unreadable(
            "type", "It holds lists of numbers.", "Choose a column of plain values.", column=name
        )
    share = seen.missing / seen.rows
    missing = 0.0 if key else _up(min(1.0, share + max(MISSING_SLACK, 4 * share)))
    guessed = not (name == target and _names_two(type, seen))
    more: dict[str, Any] = {"name": name, "type": type, "missing_at_most": missing, "guessed": guessed}
    if shape is not None:
        return ColumnContract(**more, shape=shape)
    if not seen.present and not key:
        return ColumnContract(**more, **({"allowed": []} if type == "string" else {}))
    if type in ("number", "integer") and seen.present:
        more |= _range(type, seen)
    if type == "string" and seen.present:
        more |= _vocabulary(seen, measures)
    return ColumnContract(**more)


def _names_two(type: str, seen: Facts) -> bool:
    """Whether a target's values are two classes: a third is another task, so that they are no guess."""
    return type == "boolean" or (type in ("string", "integer") and seen.distinct <= 2)


def _range(type: str, seen: Facts) -> dict[str, object]:
    """What was seen; nothing for a number that is counted on with every row, which says how many came so far."""
    assert seen.low is not None, "numbers have a least"
    assert seen.high is not None, "numbers have a greatest"
    each_once = seen.present >= SERIAL and seen.each_once
    if type == "integer" and each_once and seen.high - seen.low < 2 * seen.present:
        return {}
    return {"minimum": float(seen.low), "maximum": float(seen.high), "outside_at_most": OUTSIDE}


def _vocabulary(seen: Facts, measures: Callable[[], bool]) -> dict[str, object]:
    if seen.each_once and seen.present >= 100:
        return {} if measures() else {"unique": True}
    if seen.counts is None or seen.distinct > min(VOCABULARY, 0.05 * seen.present):
        return {}
    return {"allowed": sorted(map(str, seen.counts)), "unknown_at_most": UNKNOWN}


def _up(share: float) -> float:
    return min(1.0, round(share + 0.0005, 3)) if share else 0.0
