"""Lays the training rows out for code of a user's own: only those that it may see, in the forms that it can read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from millrace_contracts.custom_code import CodeColumn, CodeOrder
from millrace_stats.tasks import class_text
from millrace_table import tensors
from millrace_training.automl.plan import Plan
from millrace_training.automl.seeds import seed_of
from millrace_training.features import encoders
from millrace_training.features.blocks import FeatureBlock
from millrace_training.features.columns import Column
from millrace_training.features.frame import Frame
from millrace_training.rows.files import to_file

TARGET, TIME = "__target__", "__time__"
SEEN = "laid"
"""The file that is written last: everything else is there."""


@dataclass(frozen=True)
class Laid:
    """The rows that the code sees.

    Attributes:
        frame: as they enter the graph. block: what makes the matrix of them. matrix: as the code has it, whose words
            were encoded by other rows than their own where they are few.
    """

    frame: Frame
    block: FeatureBlock
    matrix: np.ndarray


def rows_of(plan: Plan, rows: np.ndarray) -> Laid:
    """The training rows *rows* of the table, encoded by themselves alone."""
    frame, target = _own_words(plan.table.frame.take(rows)), plan.table.target[rows]
    encodings = plan.aim.task.encodings(target, plan.aim.classes)
    seed = seed_of(plan.spec.seed, "encoder", "net")
    encoded = encoders.fit("net", frame, encodings, plan.spec.timezone, seed)
    return Laid(frame, encoded.block, np.ascontiguousarray(encoded.matrix, np.float32))


def _own_words(frame: Frame) -> Frame:
    """The same rows, with the words that stand in them alone: others would tell of rows that may not be seen."""
    values, words = dict(frame.values), dict(frame.words)
    for column in [item for item in frame.columns if item.kind == "category"]:
        used, codes = np.unique(frame.values[column.name], return_inverse=True)
        mine = [*frame.words[column.name], ""]
        words[column.name] = [mine[code] for code in used]
        values[column.name] = codes.astype(np.int32)
    return Frame(frame.columns, values, words, frame.rows)


def in_time(plan: Plan, rows: np.ndarray) -> np.ndarray:
    """The same rows, oldest first."""
    micros = plan.table.micros
    return rows if micros is None else rows[np.argsort(micros[rows], kind="stable")]


def lay(folder: Path, plan: Plan, rows: np.ndarray, laid: Laid) -> None:
    """Write the rows into *folder*/rows, unless an earlier attempt has."""
    place = folder / "rows"
    if (place / SEEN).exists():
        return
    place.mkdir(parents=True, exist_ok=True)
    target = _target(plan, rows)
    np.save(place / "matrix.npy", laid.matrix)
    np.save(place / "target.npy", target)
    columns = {}
    for number, column in enumerate(laid.frame.columns):
        values = laid.frame.values[column.name]
        np.save(place / f"{number}.npy", values)
        columns[column.tensor] = _cells(laid.frame, column)
    columns[TARGET] = _named(plan, target)
    if plan.table.micros is not None:
        columns[TIME] = plan.table.micros[rows] // 1_000_000
        np.save(place / "time.npy", columns[TIME])
    to_file(pa.table(columns), place / "rows.parquet")
    (place / SEEN).touch()


def _cells(frame: Frame, column: Column) -> Any:
    """A column of the Parquet file: texts, numbers, or lists of the tensor's shape."""
    values = frame.values[column.name]
    if column.kind == "category":
        return frame.texts(column.name)
    return tensors.from_numpy(values, column.shape) if column.shape else values


def _target(plan: Plan, rows: np.ndarray) -> np.ndarray:
    kind = np.int64 if plan.aim.task.classifies else np.float32
    return np.ascontiguousarray(plan.table.target[rows].astype(kind))


def _named(plan: Plan, target: np.ndarray) -> np.ndarray:
    if not plan.aim.task.classifies:
        return target
    return np.array([class_text(value) for value in plan.table.classes], dtype=object)[target]


def order(plan: Plan, laid: Laid) -> CodeOrder:
    """What the code is told."""
    code, classes = plan.spec.code, plan.table.classes
    assert code is not None
    return CodeOrder(
        entry=code.entry,
        task=plan.spec.task,
        target=plan.spec.target,
        classes=[class_text(value) for value in classes] or None,
        seed=plan.spec.seed,
        rows=laid.frame.rows,
        columns=[
            CodeColumn(
                name=column.tensor,
                column=column.name,
                datatype=column.datatype,  # type: ignore[arg-type]  # one of these
                words=laid.frame.words[column.name] if column.kind == "category" else None,
            )
            for column in laid.frame.columns
        ],
        matrix=[f"feature_{number}" for number in range(laid.matrix.shape[1])],
        params=code.params,
        resume=None,
    )
