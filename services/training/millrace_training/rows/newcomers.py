"""Classes that production does not know: which of them have come often enough to be learnt, and which are set aside.

Rows that are set aside stay in the dataset: they are counted again by the next run. The rule is told in the reports.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.counting import counted
from millrace_contracts.data import ColumnContract, DataContract
from millrace_contracts.datasets import DatasetVersionRead
from millrace_contracts.learning import TrainSpec
from millrace_contracts.rows import Check, ValidateSpec
from millrace_stats import tasks
from millrace_stats.tasks import Value, class_text
from millrace_stats.tasks.labels import index
from millrace_stats.tasks.newcomers import LEAST_DAYS, LEAST_ROWS, are_enough
from millrace_table import guesses
from millrace_table.pieces import Rows
from millrace_training.rows.days import numbers

NAMED = 5
"""So many classes are named in a report."""
RULE = f"a class that production does not know: {LEAST_ROWS} rows on {LEAST_DAYS} days"
MEND = (
    "They stay in the dataset and are counted again by the next run. If such a class is right, add rows of it, or name "
    "it in `allowed` of the target and apply the loop; if it is a mistake, correct the labels."
)


@dataclass(frozen=True)
class Seen:
    """Rows of a class, and on how many days; *days* is None where the data knows no time."""

    rows: int
    days: int | None

    @property
    def enough(self) -> bool:
        """Whether it can be learnt; without days its rows alone say so."""
        return are_enough(self.rows, LEAST_DAYS if self.days is None else self.days)

    def words(self, value: Value) -> str:
        """The class with its rows and days."""
        days = "" if self.days is None else f" on {counted(self.days, 'day')}"
        return f"{counted(self.rows, 'row')} of {class_text(value)!r}{days}"


@dataclass(frozen=True)
class Newcomers:
    """What became of the classes that production does not know: those that are *learnt*, and those set *aside*."""

    learnt: dict[Value, Seen]
    aside: dict[Value, Seen]

    def kept(self, target: pa.ChunkedArray) -> np.ndarray:
        """Which rows are of a class that is learnt, bool (rows,); rows without a target are."""
        if not self.aside:
            return np.ones(len(target), bool)
        unlearnt = pc.is_in(target, value_set=pa.array([*self.aside], target.type))
        return np.asarray(pc.invert(unlearnt))

    @property
    def checks(self) -> list[Check]:
        """What is to be said of them."""
        told = []
        if self.learnt:
            seen = f"learnt from now on: {_told(self.learnt)}"
            told.append(Check.passed("new classes", seen, RULE, rows=_rows(self.learnt)))
        if self.aside:
            seen = f"set aside, too few to be learnt: {_told(self.aside)}"
            told.append(Check.noted("classes set aside", seen, RULE, MEND, rows=_rows(self.aside)))
        return told


NONE = Newcomers({}, {})


def find(
    target: pa.ChunkedArray,
    days: np.ndarray | None,
    known: Sequence[Value] | None,
    contract: DataContract | None,
    most: int,
) -> Newcomers:
    """The classes of *target* that are none of the *known* ones, which are of the version in production.

    Args:
        days: of each row, int (rows,); None: the data knows no time.
        known: None: there is no such version, and every class is learnt.
        contract: the data's; values that it allows are right, however few.
        most: classes that a model may have; of more new ones the commonest are learnt.
    """
    if known is None:
        return NONE
    task = tasks.of("multiclass")
    coded = target.combine_chunks().dictionary_encode()
    values = coded.dictionary.to_pylist()
    strange = np.isnan(task.encode(values, known))
    if not strange.any():
        return NONE
    counts = _counts(np.asarray(coded.indices.fill_null(len(values))), days, len(values) + 1)
    seen = {values[place]: counts[place] for place in np.flatnonzero(strange).tolist()}
    allowed = _allowed(contract)
    ordered = sorted(seen, key=lambda value: (value not in allowed, -seen[value].rows, class_text(value)))
    right = [value for value in ordered if value in allowed or seen[value].enough]
    learnt = dict.fromkeys(right[: max(0, most - len(known))])
    return Newcomers(
        {value: seen[value] for value in learnt},
        {value: seen[value] for value in ordered if value not in learnt},
    )


def of_rows(rows: pa.Table, asked: TrainSpec | ValidateSpec, version: DatasetVersionRead) -> Newcomers:
    """The same for a version's rows, which have the columns that are asked for."""
    if asked.known_classes is None:
        return NONE
    contract = DataContract.model_validate(version.contract) if version.contract else None
    days = numbers(rows.column(asked.event_time), asked.timezone) if asked.event_time else None
    most = tasks.of(asked.task).most_classes
    return find(rows.column(asked.target), days, asked.known_classes, contract, most)


def opened(contract: DataContract) -> DataContract:
    """The contract with a target that may have any class."""
    free = {"allowed": None, "unknown_at_most": 0.0, "minimum": None, "maximum": None, "outside_at_most": 0.0}
    return _with_target(contract, contract.column(contract.target or "").model_copy(update=free))


def grown(contract: DataContract, target: ColumnContract, known: Sequence[Value]) -> DataContract:
    """The contract with its own promise of the *target* again, which has grown by the *known* classes."""
    change: dict[str, object] = {}
    if target.allowed is not None:
        change["allowed"] = sorted({*target.allowed, *map(class_text, known)})
    numbers = [float(value) for value in known if not isinstance(value, str)]
    if numbers and target.minimum is not None and target.maximum is not None:
        change["minimum"] = min(target.minimum, *numbers)
        change["maximum"] = max(target.maximum, *numbers)
    return _with_target(contract, target.model_copy(update=change))


def told(kept: Rows, target: ColumnContract, known: Sequence[Value]) -> list[Check]:
    """What a delivery's report says of rows of classes that production does not know."""
    values = kept.column(target.name)
    counts = {item["values"]: item["counts"] for item in pc.value_counts(values).to_pylist()}
    strange = {
        value: Seen(count, None)
        for value, count in counts.items()
        if value is not None and index(value, known) is None
    }
    return [_noted(strange, target, known)] if strange else []


def beyond(rows: Rows, target: ColumnContract, time: tuple[str, str] | None) -> Seen:
    """Rows whose truth lies further from what was seen than a guess reaches, and on how many days they lie."""
    low, high = guesses.reach(target)
    values = np.asarray(rows.column(target.name).cast(pa.float64(), safe=False).fill_null(np.nan))
    outside = (values < low) | (values > high)
    days = None if time is None else numbers(rows.column(time[0]), time[1])[outside]
    return Seen(int(outside.sum()), None if days is None else len(np.unique(days)))


def with_share(contract: DataContract, share: float) -> DataContract:
    """The contract with a target of whose rows that *share* may lie beyond its bounds and is left out by name."""
    target = contract.column(contract.target or "").model_copy(update={"outside_at_most": share})
    return _with_target(contract, target)


def _noted(strange: dict[Value, Seen], target: ColumnContract, known: Sequence[Value]) -> Check:
    return Check.noted(
        "new classes",
        f"classes that production does not know: {_told(strange)}",
        f"the {len(known)} classes of production, and others",
        f"They are kept. A model learns one that has {LEAST_ROWS} rows on {LEAST_DAYS} days.",
        column=target.name,
        rows=_rows(strange),
    )


def _with_target(contract: DataContract, target: ColumnContract) -> DataContract:
    columns = [target if column.name == target.name else column for column in contract.columns]
    return contract.model_copy(update={"columns": columns})


def _allowed(contract: DataContract | None) -> set[Value]:
    """The values that the contract names for the target."""
    words = None if contract is None or contract.target is None else contract.column(contract.target).allowed
    return set(words or ())


def _counts(codes: np.ndarray, days: np.ndarray | None, many: int) -> list[Seen]:
    """Rows and days of each of so *many* codes, each of which names a value."""
    rows = np.bincount(codes, minlength=many).tolist()
    if days is None:
        return [Seen(count, None) for count in rows]
    _, place = np.unique(days, return_inverse=True)
    width = int(place.max(initial=-1)) + 1
    pairs = np.unique(codes.astype(np.int64) * width + place)
    spread = np.bincount(pairs // max(1, width), minlength=many).tolist()
    return [Seen(count, there) for count, there in zip(rows, spread, strict=True)]


def _rows(classes: dict[Value, Seen]) -> int:
    return sum(seen.rows for seen in classes.values())


def _told(classes: dict[Value, Seen]) -> str:
    """Classes with their rows, commonest first."""
    ordered = sorted(classes.items(), key=lambda item: (-item[1].rows, class_text(item[0])))
    named = [seen.words(value) for value, seen in ordered[:NAMED]]
    more = (
        f" and {counted(len(ordered) - NAMED, 'other class', 'other classes')}"
        if len(ordered) > NAMED
        else ""
    )
    return ", ".join(named) + more
