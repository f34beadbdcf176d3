"""Hold a delivery to its contract that is too large to be held in memory: what `checks.check` says of it as a whole.

Most of what is looked at adds up over pieces. Whether a row or a value came before is asked of their digests on disk;
of the event time alone, eight bytes a row are held at once.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from millrace_contracts.data import ColumnContract, DataContract
from millrace_contracts.rows import Check
from millrace_table import columns, pieces, spans
from millrace_table.columns import Mask
from millrace_table.pieces import Filed
from millrace_table.spread import Spread
from millrace_training.rows import across, checks, digests
from millrace_training.rows.checks import Checked
from millrace_training.rows.lines import Marked, examples_at
from millrace_training.rows.tally import Tally
from millrace_training.rows.ways import Look, Way, raw_column

Told = Callable[[int], None]


def check(
    raw: Filed,
    contract: DataContract,
    timezone: str,
    folder: Path,
    told: Told,
    partial: bool = False,
    known: tuple[datetime, datetime] | None = None,
) -> Checked:
    """Hold *raw* to *contract*, as `checks.check` does; the typed rows lie in a file of the *folder*.

    Args:
        told: is called again and again with how many rows are checked.
    Raises: Unreadable for times in mixed zones.
    """
    ways = {column.name: Way(column) for column in contract.columns}
    while True:
        with ExitStack() as open:
            passing = _Passing(raw, contract, ways, timezone, partial, folder, open)
            typed = pieces.write(passing.typed(told), folder / "typed.parquet", passing.schema)
            better = passing.better()
            if better:
                ways |= better
                continue
            lines, keep = passing.lines(typed), passing.keep
        break
    lines = [checks.named(raw.column_names, contract, partial), *lines]
    if contract.event_time is not None:
        line, kept = _event_times(typed, contract.event_time, known)
        lines.insert(len(lines) - 1, line)
        keep &= kept
    return Checked(typed, keep, lines, contract).taught([way.column for way in ways.values()])


class _Passing:
    """One pass over the rows, each column read in its way."""

    def __init__(
        self,
        raw: Filed,
        contract: DataContract,
        ways: dict[str, Way],
        timezone: str,
        partial: bool,
        folder: Path,
        open: ExitStack,
    ) -> None:
        self._raw, self._contract, self._ways = raw, contract, ways
        there = [way for name, way in ways.items() if name in raw.column_names]
        self._looks = {way.column.name: Look(way, timezone, contract.dialect) for way in there}
        self._tallies = {
            way.column.name: Tally(way.column, way.column.name == contract.target, partial) for way in there
        }
        self._rows = open.enter_context(Spread(folder))
        self._values = {
            way.column.name: open.enter_context(Spread(folder)) for way in there if way.column.unique
        }
        self._kept: list[Mask] = []

    @property
    def schema(self) -> pa.Schema:
        """The columns in their types."""
        return pa.schema(
            [(name, columns.arrow(way.column.type, way.column.shape)) for name, way in self._ways.items()]
        )

    @property
    def keep(self) -> Mask:
        """Rows that no column forbids."""
        return np.concatenate([np.zeros(0, bool), *self._kept])

    def typed(self, told: Told) -> Iterator[pa.Table]:
        """The rows in their types, all of them, a piece at a time."""
        rows = 0
        for piece in self._raw.pieces():
            keep = np.ones(piece.num_rows, bool)
            typed = {name: self._typed(way.column, piece, keep) for name, way in self._ways.items()}
            table = pa.table(typed, schema=self.schema)
            self._rows.add(digests.of(table, table.column_names))
            for name, spread in self._values.items():
                values = table.column(name)
                spread.add(digests.of(table, [name]), np.asarray(values.is_valid()))
            self._kept.append(keep)
            rows += piece.num_rows
            told(rows)
            yield table

    def _typed(self, column: ColumnContract, piece: pa.Table, keep: Mask) -> pa.Array:
        if column.name not in self._looks:
            return pa.nulls(piece.num_rows, columns.arrow(column.type, column.shape))
        raw = piece.column(column.name)
        cells = self._looks[column.name].read(raw)
        keep &= self._tallies[column.name].add(raw, cells)
        return cells.values

    def better(self) -> dict[str, Way]:
        """Ways that are right for columns that are not as plain as most, once all their cells were seen."""
        found = {name: look.better(self._raw) for name, look in self._looks.items()}
        return {name: way for name, way in found.items() if way is not None}

    def lines(self, typed: Filed) -> list[Check]:
        """What is to be said of each column, and of rows that come again."""
        lines: list[Check] = []
        for name, tally in self._tallies.items():
            lines += [*self._ways[name].notes, *tally.lines]
            if name in self._values:
                count, first = self._values[name].repeats()
                shown = examples_at(raw_column(self._raw, name), first)
                lines.append(checks.unique(name, count, shown))
        again, _ = self._rows.repeats()
        return [*lines, checks.duplicates(again, typed.num_rows, self._contract)]


def _event_times(typed: Filed, name: str, known: tuple[datetime, datetime] | None) -> tuple[Check, Mask]:
    ends = spans.near(pieces.ascending(typed, name), known)
    far, masks = Marked(), []
    for piece in typed.pieces([name]):
        masks.append(spans.beyond(piece.column(0), ends))
        far.add(sum(map(len, masks[:-1])), piece.column(0), masks[-1])
    return across.far_times(name, far, typed.num_rows), ~np.concatenate([np.zeros(0, bool), *masks])
