"""How each column of a large delivery is read: decided once for all its pieces, as it would be of the whole column."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from millrace_contracts.data import ColumnContract, ColumnType
from millrace_contracts.rows import Check
from millrace_contracts.tables import Dialect
from millrace_table import columns, times
from millrace_table.columns import Typed
from millrace_table.hands import Hand
from millrace_table.pieces import Filed
from millrace_training.rows import retyping
from millrace_training.rows.lines import Marked


@dataclass(frozen=True)
class Way:
    """What a column is promised to be after the delivery, how it is written, and what was noted of both.

    settled: all cells were asked; else they are taken to be as plain as most are.
    """

    column: ColumnContract
    hand: Hand | None = None
    notes: list[Check] = field(default_factory=list)
    settled: bool = False


class Look:
    """What the pieces of a column that is read in one *way* say of that way."""

    def __init__(self, way: Way, timezone: str, dialect: Dialect | None) -> None:
        self._way, self._timezone, self._dialect = way, timezone, dialect
        self._depends = self._valued = self._bad = False
        self._zones, self._padded = times.Zones(), Marked()
        self._rows = 0

    def read(self, raw: pa.ChunkedArray) -> Typed:
        """The next piece in its type. Raises: Unreadable for times in mixed zones, among all pieces so far."""
        way, column = self._way, self._way.column
        self._valued |= raw.null_count < len(raw)
        cells = columns.convert(
            raw, column.type, self._timezone, column.name, self._dialect, way.hand, column.shape
        )
        self._zones = self._zones.beside(cells.zones)
        self._zones.check(column.name)
        self._depends |= cells.leans
        self._bad |= bool(cells.bad.any())
        if column.guessed and column.type == "integer" and cells.bad.any():
            self._padded.add(self._rows, None, retyping.padded_in(raw))
        self._rows += len(raw)
        return cells

    def better(self, raw: Filed) -> Way | None:
        """The way that is right for all of the column, which is one of *raw*; None: it was."""
        way, column = self._way, self._way.column
        if way.settled:
            return None
        if column.guessed and self._valued and retyping.is_unseen(column):
            return self._first_values(raw)
        whole = column.guessed and column.type == "integer"
        odd = whole and (self._padded.count > 0 or (self._bad and not retyping.is_truth(column)))
        if not self._depends and not odd:
            return None
        hand = columns.hand(self._of(raw), column.type, self._dialect) if self._depends else None
        if whole and self._padded.count:
            return Way(column, hand, [retyping.codes(column, self._padded)], settled=True)
        if odd:
            column, notes = retyping.decimal(column, self._decimals(raw, hand))
            return Way(column, hand, notes, settled=True)
        return Way(column, hand, settled=True)

    def _first_values(self, raw: Filed) -> Way:
        """The column is held whole for it: a guess without values is made anew."""
        name, told = self._way.column.name, raw.column(self._way.column.name)
        column, _, notes = retyping.retyped(self._way.column, told, self._timezone, self._dialect)
        textual = pa.types.is_string(told.type)
        hand = columns.hand(raw_column(raw, name), column.type, self._dialect) if textual else None
        return Way(column, hand, notes, settled=True)

    def _decimals(self, raw: Filed, hand: Hand | None) -> int:
        """Cells that are numbers, but not whole ones."""
        return self._misfits(raw, "integer", hand) - self._misfits(raw, "number", hand)

    def _misfits(self, raw: Filed, type: ColumnType, hand: Hand | None) -> int:
        name = self._way.column.name
        read = (
            columns.convert(piece, type, self._timezone, name, self._dialect, hand) for piece in self._of(raw)
        )
        return sum(int(cells.bad.sum()) for cells in read)

    def _of(self, raw: Filed) -> Iterator[pa.ChunkedArray]:
        return raw_column(raw, self._way.column.name)


def raw_column(raw: Filed, name: str) -> Iterator[pa.ChunkedArray]:
    """A column, some cells at a time."""
    return (piece.column(0) for piece in raw.pieces([name]))
