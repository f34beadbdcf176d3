"""A stream of labelled rows that every policy goes through: its days, its months, and which of its days are served."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from millrace_stats import tasks
from millrace_stats.tasks import Value
from millrace_training.automl.table import day_numbers
from millrace_training.features.frame import epoch_micros

AT = "at"
"""The column with the time of a row."""
FIRST_SHARE = 0.18
"""Share of the days that the first training has."""
MONTH = 30
"""Days of a month here: months of one length can be resampled."""
DELAY = 1
"""Days after the end of a day until its labels are known."""


@dataclass(frozen=True)
class Stream:
    """Rows in the order of time.

    Attributes:
        rows: AT (aware), the features and the target, one row a row.
        day_is: what one day stands for, where time was compressed; every policy sees the same.
        source: the package that it comes from, or how it is made.
        rules: whether rules of the loop were ever chosen by looking at it.
        changes: days (from the first served one) on which the truth changes, where it is known; None: nobody knows.
    """

    name: str
    task: str
    target: str
    rows: pd.DataFrame
    source: str
    zone: str = "UTC"
    day_is: str = "a day"
    rules: str = "untouched"
    changes: tuple[int, ...] | None = None
    first_share: float = field(default=FIRST_SHARE)

    @cached_property
    def table(self) -> pa.Table:
        """The rows as a history for a replay."""
        return pa.Table.from_pandas(self.rows, preserve_index=False).replace_schema_metadata(None)

    @cached_property
    def day(self) -> np.ndarray:
        """Day of each row from the first one, int64 (rows,)."""
        numbers = day_numbers(epoch_micros(self.table.column(AT)), self.zone)
        return np.asarray(numbers - numbers[0], np.int64)

    @property
    def days(self) -> int:
        return int(self.day[-1]) + 1

    @property
    def first(self) -> int:
        """The first day that is served; the first model has all before whose labels are known."""
        return round(self.first_share * self.days)

    @property
    def months(self) -> int:
        """Months of served days; a rest of less than half a month belongs to the last one."""
        return max(1, round((self.days - self.first) / MONTH))

    @cached_property
    def month(self) -> np.ndarray:
        """Month of each served day, int64 (days - first,)."""
        return np.minimum(np.arange(self.days - self.first) // MONTH, self.months - 1)

    @cached_property
    def start(self) -> datetime:
        """An instant on the first served day, for its date."""
        moments = self.table.column(AT)
        place = int(np.searchsorted(self.day, self.first))
        shift = int(self.day[place]) - self.first
        micros = int(epoch_micros(moments.slice(place, 1))[0]) - shift * 86_400_000_000
        return datetime.fromtimestamp(micros / 1e6, UTC)

    @property
    def features(self) -> list[str]:
        return [name for name in self.rows.columns if name not in (AT, self.target)]

    @cached_property
    def classes(self) -> tuple[Value, ...]:
        """Of the target, in the order of a model's answers; none for a regression."""
        if self.task == "regression":
            return ()
        known = tasks.of(self.task).classes(self.rows[self.target].unique().tolist())
        assert isinstance(known, tuple), known
        return known

    @cached_property
    def digest(self) -> str:
        """Of the rows and of what is said of them."""
        told = (
            f"{self.name} {self.task} {self.target} {self.zone} {self.first_share} {list(self.rows.columns)}"
        )
        sums = pd.util.hash_pandas_object(self.rows, index=False).to_numpy()
        return hashlib.sha256(told.encode() + sums.tobytes()).hexdigest()[:16]

    def facts(self) -> dict[str, Any]:
        """What a reader needs to judge it."""
        return {
            "rows": len(self.rows), "days": self.days, "first_training_days": self.first, "months": self.months,
            "task": self.task, "day_is": self.day_is, "source": self.source, "rules": self.rules,
            "changes": self.changes, "digest": self.digest,
        }  # fmt: skip
