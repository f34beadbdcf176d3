"""Rows of a file as JSON objects, for asking a model about them: its signature says what a cell is.

A large file is read a piece at a time, and all its cells before the first row is given: one that the model does not
take refuses the file, wherever it stands.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from millrace_contracts.counting import counted
from millrace_contracts.data import ColumnType
from millrace_contracts.formats import format_of
from millrace_contracts.signature import Signature
from millrace_contracts.tables import Dialect
from millrace_table import numbers, pieces, reading, settling, tensors, times
from millrace_table.cells import text_of
from millrace_table.columns import Typed
from millrace_table.pieces import Filed, Rows
from millrace_table.refusals import Unreadable
from millrace_table.streamed import Told
from millrace_table.ways import Look, Way, looked

__all__ = ["Asked", "Unreadable", "opened", "plain"]

TYPES: dict[str, ColumnType] = {
    "number": "number",
    "boolean": "boolean",
    "category": "string",
    "timestamp": "timestamp",
    "tensor": "tensor",
}
"""What a column of each kind of input holds."""
AT_ONCE = 1000
"""Rows that are made objects at once."""
SHOWN = 5
"""Cells that are no value of their column that a refusal shows."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """The inputs of a model for every row of a file, and what the file holds besides."""

    unused: list[str]
    _raw: Rows
    _ways: dict[str, Way]
    _time: Way | None

    def __len__(self) -> int:
        """How many rows there are."""
        return int(self._raw.num_rows)

    def __iter__(self) -> Iterator[tuple[Row, datetime | None]]:
        """Each row with when it happened, None where the file does not say it; in the order of the file."""
        ways = [*self._ways.values(), *([] if self._time is None else [self._time])]
        for piece in pieces.of(self._raw, list(dict.fromkeys(way.name for way in ways))):
            typed = pa.table({name: way.read(piece.column(name)).values for name, way in self._ways.items()})
            moments = pa.nulls(piece.num_rows, times.TYPE)
            if self._time is not None:
                moments = self._time.read(piece.column(self._time.name)).values
            for begin in range(0, piece.num_rows, AT_ONCE):
                rows = plain(typed.slice(begin, AT_ONCE))
                yield from zip(rows, moments.slice(begin, AT_ONCE).to_pylist(), strict=True)


@contextmanager
def opened(
    path: Path,
    signature: Signature,
    dialect: Dialect | None = None,
    event_time: str | None = None,
    told: Told = lambda rows: None,
) -> Iterator[Asked]:
    """The rows of *path* as the model takes them.

    Args:
        dialect: how the data's contract says that cells are written.
        event_time: the column that says when a row happened, if the file has it.
        told: hears again and again how many rows of a large file are read.
    Raises: Unreadable for a file that is no table, lacks an input, or has a cell that is none; UnknownFormat.
    """
    wanted = {item.column: item for item in signature.inputs}
    written = said(signature, dialect)
    with tempfile.TemporaryDirectory(prefix="millrace-") as folder:
        raw = _load(path, Path(folder), written.over(dialect), list(wanted), told)
        names = raw.column_names
        numeric = [name for name, item in wanted.items() if item.kind == "number"]
        written = settling.agreed(raw, written, numeric) or written
        lacking = [name for name in wanted if name not in names]
        if lacking:
            mend = f"The model takes: {', '.join(wanted)}"
            raise Unreadable("columns", f"The column {lacking[0]!r} is lacking.", mend, column=lacking[0])
        zone = signature.timezone or "UTC"
        ways = {
            name: Way(name, TYPES[item.kind], item.shape, zone, written, None)
            for name, item in wanted.items()
        }
        settled = _settled(raw, list(ways.values()))
        time = None
        if event_time is not None and event_time in names:
            time = _settled(raw, [Way(event_time, "timestamp", None, zone, written, None)])[0]
        unused = [name for name in names if name not in wanted and name != event_time]
        yield Asked(unused, raw, dict(zip(ways, settled, strict=True)), time)


def _load(path: Path, folder: Path, dialect: Dialect, wanted: list[str], told: Told) -> Rows:
    """The raw columns of a file, those of a large one in another file of the *folder*. Raises: Unreadable."""
    format = format_of(path)
    if not reading.is_large(path, format):
        loaded = reading.load(path, format, dialect, wanted)
        reading.refuse_rejects(loaded, 0.0)
        return loaded.table
    target = folder / "rows.parquet"
    reading.refuse_rejects(reading.to_parquet(path, target, dialect, wanted, told, format), 0.0)
    return Filed([target])


@dataclass
class _Seen(Look):
    """What the cells of a column are; *examples*: the first that are no value of it."""

    bad: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)

    def note(self, raw: pa.ChunkedArray, cells: Typed) -> None:
        """Count those that are none."""
        self.bad += int(cells.bad.sum())
        self.examples += self._shown(raw, cells)[: SHOWN - len(self.examples)]

    def _shown(self, raw: pa.ChunkedArray, cells: Typed) -> list[tuple[str, str]]:
        """Cells that are none: in words, and as they stand there."""
        if not cells.bad.any():
            return []
        if self.way.shape is not None:
            return [(text, "") for text in tensors.told(raw, cells.bad, self.way.shape, self.rows)]
        places = np.flatnonzero(cells.bad)[:SHOWN].tolist()
        found = [(self.rows + place + 1, text_of(raw, place)) for place in places]
        return [(f"row {number}: {text[:60]!r}", text) for number, text in found]

    def check(self) -> None:
        """Raises: Unreadable if the model does not take a cell."""
        self.zones.check(self.way.name)
        if not self.bad:
            return
        name, type, shape = self.way.name, self.way.type, self.way.shape
        wanted = str(type) if shape is None else f"{type} of the shape {list(shape)}"
        shown = [words for words, _ in self.examples]
        one, more = f"cell of '{name}' is", f"cells of '{name}' are"
        seen = f"{counted(self.bad, one, more)} no {wanted}: {', '.join(shown)}."
        mend = f"Correct them, or leave them empty: the model takes a {wanted} there."
        if type == "number" and any(numbers.in_two_ways(text) for _, text in self.examples):
            mend = "They can be read in two ways: say --decimal and --thousands."
        raise Unreadable("type", seen, mend, column=name, rows=self.bad, examples=shown)


def _settled(raw: Rows, ways: list[Way]) -> list[Way]:
    """The ways that are right for whole columns, of which every cell was read so. Raises: Unreadable."""
    seen = looked(raw, [_Seen(way) for way in ways])
    for column in seen:
        column.check()
    return [column.way for column in seen]


def said(signature: Signature, dialect: Dialect | None) -> Dialect:
    """What the signature says of cells, and the contract of those numbers that can be read in two ways."""
    given = dialect or Dialect()
    return Dialect(
        decimal=given.decimal,
        thousands=given.thousands,
        missing=signature.missing or given.missing or [],
        date_order=signature.date_order or given.date_order,
    )


def plain(table: pa.Table) -> list[Row]:
    """The rows with null for missing values and ISO 8601 for times."""
    return [_row(row) for row in table.to_pylist()]


def _row(row: Mapping[str, Any]) -> Row:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
