"""How each column of a table is read that may be too large to be held: in one way, whatever piece of it is read."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pyarrow as pa

from millrace_contracts.data import ColumnType
from millrace_contracts.tables import Dialect
from millrace_table import columns, pieces, times
from millrace_table.columns import Typed
from millrace_table.hands import Hand
from millrace_table.pieces import Filed, Rows


@dataclass(frozen=True)
class Way:
    """How a column is read, as some of its rows suggest; *hand*: None where it is so plain that none is needed."""

    name: str
    type: ColumnType
    shape: list[int] | None
    timezone: str
    dialect: Dialect | None
    hand: Hand | None

    def read(self, raw: pa.ChunkedArray) -> Typed:
        """A piece in its type. Raises: Unreadable for times in mixed zones."""
        return columns.convert(raw, self.type, self.timezone, self.name, self.dialect, self.hand, self.shape)


@dataclass
class Look:
    """What the cells of a column say of the way in which they are read, some of them at a time."""

    way: Way
    rows: int = 0
    leans: bool = False
    zones: times.Zones = field(default_factory=times.Zones)

    def add(self, raw: pa.ChunkedArray) -> None:
        """Read the next cells. Raises: Unreadable for times in mixed zones among them."""
        cells = self.way.read(raw)
        self.leans = self.leans or cells.leans
        self.zones = self.zones.beside(cells.zones)
        self.note(raw, cells)
        self.rows += len(raw)

    def note(self, raw: pa.ChunkedArray, cells: Typed) -> None:
        """What else is to be known of them."""


Looking = TypeVar("Looking", bound=Look)


def looked(raw: Rows, looks: Iterable[Looking]) -> list[Looking]:
    """The looks when all rows were read; one of a column of which a cell means what only others tell is made anew."""
    asked = list(looks)
    _add(raw, asked)
    if isinstance(raw, Filed):
        again = [place for place, look in enumerate(asked) if look.leans and look.way.hand is None]
        for place in again:
            asked[place] = type(asked[place])(_with_hand(raw, asked[place].way))
        _add(raw, [asked[place] for place in again])
    return asked


def _add(raw: Rows, looks: list[Looking]) -> None:
    if not looks:
        return
    for piece in pieces.of(raw, list(dict.fromkeys(look.way.name for look in looks))):
        for look in looks:
            look.add(piece.column(look.way.name))


def _with_hand(raw: Filed, way: Way) -> Way:
    cells = (piece.column(0) for piece in raw.pieces([way.name]))
    return replace(way, hand=columns.hand(cells, way.type, way.dialect))
