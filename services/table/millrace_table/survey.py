"""A file looked at before anything is promised of it: read, its contract inferred, what is odd about it named."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import pyarrow as pa

from millrace_contracts.data import DataContract
from millrace_contracts.tables import Dialect
from millrace_table import (
    cautions,
    columns,
    drawn,
    inference,
    pieces,
    reading,
    remarks,
    spacing,
    spans,
)
from millrace_table.cautions import Cautions
from millrace_table.drawn import Roles
from millrace_table.facts import Facts
from millrace_table.inference import Guess, TaskName
from millrace_table.pieces import Filed
from millrace_table.reading import Loaded
from millrace_table.spacing import Spacing
from millrace_table.streamed import Streamed

Telling: TypeAlias = Callable[[Literal["read", "looked at"], int], None]
"""Hears again and again how many rows are read, and looked at."""


@dataclass(frozen=True)
class Survey:
    """What a look at a file told.

    Attributes:
        rows: all of them. raw, table: those that are held, as they came and in the contract's types.
        facts, odd_times: what is known of all rows, where not all are held.
    """

    rows: int
    contract: DataContract
    raw: pa.Table
    table: pa.Table
    reading: Loaded | Streamed
    spacing: Spacing | None
    facts: Mapping[str, Facts] = field(default_factory=dict)
    odd_times: list[str] | None = None

    def guess(self, task: TaskName | None) -> Guess:
        """The task that was said, else the one that the target suggests. Raises: Unreadable."""
        target = self.contract.target
        assert target is not None, "a task is asked of a target"
        column, values, seen = self.contract.column(target), self.table.column(target), self.facts.get(target)
        if task is None:
            return inference.task(column, values, seen)
        return Guess(task, inference.check_task(task, column, values, seen))

    def notes(self, more: list[str]) -> list[str]:
        """What a person should know; *more*: what guess and cautions say of the target and of some columns."""
        drawn = [] if self.rows == self.raw.num_rows else [self._said]
        seen = self.reading.marked
        odd = remarks.remarks(self.raw, self.table, self.contract, seen, self.facts, self.odd_times)
        return [*drawn, *reading.told(self.reading), *odd, *more]

    def cautions(self, guess: Guess) -> Cautions:
        """Columns that no model should use."""
        classifies = guess.task not in ("regression", None)
        return cautions.look(self.table, self.contract, classifies, self.facts)

    @property
    def _said(self) -> str:
        return (
            f"All {self.rows} rows were read: types, ranges, words, shares and repeated rows are theirs. "
            f"{self.raw.num_rows} of them, drawn evenly (seed {drawn.SEED}), were looked at for what is odd in cells."
        )


def look(
    source: bytes | Path,
    format: str,
    asked: Roles,
    dialect: Dialect | None,
    folder: Path,
    told: Telling = lambda what, rows: None,
) -> Survey:
    """Look at a file of any size, in bounded memory; of a large one the rows lie in the *folder* meanwhile.

    Raises: Unreadable for a file that is none, or too many lines that could not be read.
    """
    wanted = [name for name in (asked.target, asked.event_time) if name]
    if isinstance(source, Path) and reading.is_large(source, format):
        target = folder / "rows.parquet"
        streamed = reading.to_parquet(
            source, target, dialect, wanted, lambda rows: told("read", rows), format
        )
        return _of_rows(Filed([target]), streamed, asked, lambda rows: told("looked at", rows))
    loaded = reading.load(source, format, dialect, wanted)
    return _whole(loaded.table, loaded, asked)


def _of_rows(raw: Filed, read: Streamed, asked: Roles, told: Callable[[int], None]) -> Survey:
    if drawn.fits(raw):
        return _whole(pieces.together(raw), read, asked)
    found = drawn.look(raw, asked, read.dialect, told)
    reading.refuse_rejects(read, found.contract.rejects_at_most)
    table = _typed(found.raw, found.contract, asked.timezone)
    return Survey(
        raw.num_rows, found.contract, found.raw, table, read, found.spacing, found.facts, found.odd_times
    )


def _whole(raw: pa.Table, read: Loaded | Streamed, asked: Roles) -> Survey:
    contract = inference.infer(raw, asked.target, asked.event_time, asked.timezone, read.dialect)
    reading.refuse_rejects(read, contract.rejects_at_most)
    table = _typed(raw, contract, asked.timezone)
    return Survey(raw.num_rows, contract, raw, table, read, _spacing(table, asked))


def _spacing(table: pa.Table, asked: Roles) -> Spacing | None:
    if asked.event_time is None:
        return None
    times = table.column(asked.event_time)
    return spacing.of_times(times.filter(pa.array(~spans.far(times))), asked.timezone)


def _typed(raw: pa.Table, contract: DataContract, timezone: str) -> pa.Table:
    return pa.table(
        {
            item.name: columns.convert(
                raw.column(item.name), item.type, timezone, item.name, contract.dialect, shape=item.shape
            ).values
            for item in contract.columns
        }
    )
