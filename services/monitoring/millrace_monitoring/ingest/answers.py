"""Answers of the prediction log as arrays: a number a row, or a vector of one number for each class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.signature import Signature
from millrace_monitoring.ingest import segments
from millrace_stats import tasks
from millrace_stats.tasks import Task, Value


@dataclass(frozen=True)
class Answers:
    """What kind of answer an endpoint gives: its task, and the classes in the order of the outputs."""

    task: Task
    classes: Sequence[Value] = ()

    @classmethod
    def of(cls, task: str, signature: Signature) -> "Answers":
        return cls(tasks.of(task), tuple(signature.classes or ()))

    @property
    def width(self) -> int:
        """Numbers in one answer."""
        return self.task.width(self.classes)

    def of_table(self, table: pa.Table) -> np.ndarray:
        """The logged answers: float64 of shape (rows,) or (rows, classes), NaN where there is none."""
        if self.width > 1:
            return segments.vectors(table, self.width).astype(np.float64)
        return table["prediction"].to_numpy().astype(np.float64)

    def as_answered(self, table: pa.Table) -> np.ndarray:
        """The same of one revision, in the width that it has: a model with other classes answers other vectors."""
        if self.width == 1:
            return self.of_table(table)
        return segments.vectors(table, segments.width(table) or self.width).astype(np.float64)

    def is_logged(self, table: pa.Table) -> np.ndarray:
        """Which rows have a logged answer over these classes, bool of shape (rows,)."""
        if self.width > 1:
            return segments.fitting(table, self.width)
        if "prediction" not in table.column_names:
            return np.zeros(len(table), dtype=bool)
        return np.asarray(table["prediction"].is_valid().to_numpy(), dtype=bool)

    def reduced(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """What stands for answers in profiles, by feature name: numbers or texts of shape (rows,)."""
        parts = self.task.reduced(values, self.classes)
        return {name: part.values for name, part in parts.items()}

    def same(self, first: np.ndarray, second: np.ndarray, tolerance: float) -> np.ndarray:
        """Rows in which two answers agree: relative, absolute below 1; two that are missing agree."""
        with np.errstate(invalid="ignore"):
            close = np.abs(first - second) <= tolerance * np.maximum(1.0, np.abs(second))
        agree = close | (np.isnan(first) & np.isnan(second))
        return np.asarray(agree if agree.ndim == 1 else agree.all(axis=1), dtype=bool)

    def chosen_where(self, which: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Rows of *first* where *which*, else of *second*."""
        return np.where(which if first.ndim == 1 else which[:, None], first, second)


def answered(table: pa.Table) -> pa.Table:
    """Its rows without the requests that have none."""
    return table.filter(pc.greater_equal(table["index"], 0))
