"""A column of labels as numbers: the values of a regression, or places among the classes."""

import numpy as np
import pyarrow as pa

from millrace_contracts.learning import LearningSpec, TrainSpec
from millrace_stats.tasks import Refusal, Task, Value
from millrace_training.features.frame import numbers
from millrace_training.runtime.errors import JobError

TITLE, MEND = "The target does not fit", "Choose another target or task."


def learnt(column: pa.ChunkedArray, task: Task) -> tuple[np.ndarray, tuple[Value, ...]]:
    """Labels to learn from, float64 (rows,), and the classes among them. Raises: JobError if they do not fit."""
    if not task.classifies:
        return read(column, task, ()), ()
    if not _may_be_classes(column.type):
        raise JobError(TITLE, f"Classes must be texts, numbers or booleans, not {column.type}.", MEND)
    distinct = [value for value in column.unique().to_pylist() if value is not None]
    classes = task.classes(distinct)
    if isinstance(classes, Refusal):
        raise JobError(TITLE, f"A {task.name} target {classes.words}.", MEND)
    return read(column, task, classes), classes


def read(column: pa.ChunkedArray, task: Task, classes: tuple[Value, ...]) -> np.ndarray:
    """Labels as a model with these *classes* has them, float64 (rows,); NaN for what is none of them."""
    if task.classifies:
        coded = column.combine_chunks().dictionary_encode()
        places = task.encode(coded.dictionary.to_pylist(), classes)
        return np.asarray(places[coded.indices.to_numpy(zero_copy_only=False)])
    if pa.types.is_string(column.type) or pa.types.is_timestamp(column.type):
        raise JobError(TITLE, f"The target of a {task.name} must be a number.", MEND)
    return numbers(column)


def weights(rows: pa.Table, spec: LearningSpec) -> np.ndarray | None:
    """How much each row counts, float64 (rows,), 1 where nothing is said; None where no column says it.

    Raises: JobError for a column that is not there, or a weight that is negative, or none.
    """
    name = spec.weight if isinstance(spec, TrainSpec) else None
    if name is None:
        return None
    title, mend = "The weights do not fit", "Correct data.weight of the loop, or the column."
    if name not in rows.column_names:
        raise JobError(title, f"The data has no column {name!r}.", mend)
    column = rows.column(name)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise JobError(title, f"{name!r} holds {column.type}, and weights are numbers.", mend)
    found = numbers(column)
    found = np.where(np.isnan(found), 1.0, found)
    if not np.isfinite(found).all() or (found < 0).any() or not found.any():
        raise JobError(title, f"{name!r} has a negative or endless weight, or none above 0.", mend)
    return found


def _may_be_classes(kind: pa.DataType) -> bool:
    checks = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_boolean,
        pa.types.is_integer,
        pa.types.is_floating,
    )
    return any(check(kind) for check in checks)
