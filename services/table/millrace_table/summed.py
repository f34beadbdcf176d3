"""A column that is too long to be held, added up a piece at a time, and the rows of it that a sample lacks."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millrace_contracts.data import ColumnType
from millrace_contracts.tables import Dialect
from millrace_table import columns, facts, hands, numbers, proofs, tensors, texts, times
from millrace_table.columns import Mask, Typed
from millrace_table.facts import MOST_VALUES, Facts, Value
from millrace_table.ways import Way

ODD = 20
"""Rows of a column, of those that are not as the sample has them, that are added to it when it is read."""


def way(raw: pa.ChunkedArray, name: str, type: ColumnType, timezone: str, dialect: Dialect | None) -> Way:
    """How a column is read of which *raw* are some rows. Raises: Unreadable for times in mixed zones."""
    shape = tensors.shape_of(raw.type) if type == "tensor" else None
    plain = Way(name, type, shape, timezone, dialect, None)
    if not plain.read(raw).leans:
        return plain
    return Way(name, type, shape, timezone, dialect, columns.hand([raw], type, dialect))


@dataclass
class _End:
    """The least or greatest value so far, and the row that it is of."""

    value: Any = None
    place: int = -1


@dataclass
class Sum:
    """What the pieces of a column add up to, read in one *way*, of which *some* typed cells are in the sample.

    news: each value that the sample lacks is wanted in it.
    """

    way: Way
    some: pa.Array
    news: bool
    _rows: int = 0
    _odd: int = 0
    _missing: int = 0
    _low: _End = field(default_factory=_End)
    _high: _End = field(default_factory=_End)
    _counts: dict[Value, int] | None = field(default_factory=dict)
    _zones: times.Zones = field(default_factory=times.Zones)

    def __post_init__(self) -> None:
        present = self.some.drop_null()
        nested = pa.types.is_nested(present.type)
        self._each_once = not nested and len(pc.unique(present)) == len(present)
        self._known = set() if nested else set(facts.counted(present)) if self.news else set[Value]()
        self._present = len(present)
        self._proof = proofs.of(present) if self.way.type == "string" else None
        self._counts = None if nested or self.way.type == "timestamp" else {}

    def add(self, raw: pa.ChunkedArray) -> list[int]:
        """Count the next cells; returns the places among all rows of those that the sample should have.

        Raises: Unreadable for times in mixed zones.
        """
        cells = self.way.read(raw)
        self._zones = self._zones.beside(cells.zones)
        self._zones.check(self.way.name)
        wanted = self._unexplained(raw, cells)
        places = [self._rows + int(place) for place in np.flatnonzero(wanted)[: ODD - self._odd]]
        self._odd += len(places)
        self._extend(cells.values)
        places += self._count(cells.values)
        self._rows += len(raw)
        self._missing += cells.values.null_count
        return places

    def _unexplained(self, raw: pa.ChunkedArray, cells: Typed) -> Mask:
        """Cells that may change how the column is read."""
        if not self._present:
            return np.asarray(raw.is_valid())
        if not pa.types.is_string(raw.type):
            return cells.bad
        if self.way.type == "string":
            return self._proof(raw) if self._proof is not None else cells.bad
        leans = cells.leans and self.way.hand is None
        if self.way.type == "boolean":  # 1 is read as true, and makes words of a column of true and false
            known = np.asarray(cells.values.is_valid(), bool)
            return np.asarray(cells.bad | (_unplain(raw, self.way.type) & known))
        if self.way.type in ("number", "integer"):  # one odd cell may make all beside it unreadable
            return _unplain(raw, self.way.type) & (cells.bad | leans)
        return cells.bad | _unplain(raw, self.way.type) if leans else cells.bad

    def _extend(self, values: pa.Array) -> None:
        low, high = facts.ends(values.drop_null()) if not pa.types.is_nested(values.type) else (None, None)
        whole = values.cast(pa.int64()) if pa.types.is_timestamp(values.type) else values
        if low is not None and (self._low.value is None or low < self._low.value):
            self._low = _End(low, self._rows + pc.index(whole, pa.scalar(low, whole.type)).as_py())
        if high is not None and (self._high.value is None or high > self._high.value):
            self._high = _End(high, self._rows + pc.index(whole, pa.scalar(high, whole.type)).as_py())

    def _count(self, values: pa.Array) -> list[int]:
        """Rows of values that are new, and wanted."""
        if self._counts is None:
            return []
        places = list[int]()
        for value, count in facts.counted(values.drop_null()).items():
            self._counts[value] = self._counts.get(value, 0) + count
            if self.news and value not in self._known and len(self._known) <= MOST_VALUES:
                self._known.add(value)
                places.append(self._rows + pc.index(values, pa.scalar(value, values.type)).as_py())
            if len(self._counts) > MOST_VALUES:
                self._counts = None
                break
        return places

    @property
    def ends(self) -> list[int]:
        """The rows of the least and of the greatest value."""
        return [end.place for end in (self._low, self._high) if end.place >= 0]

    @property
    def facts(self) -> Facts:
        """What is known of all rows. That no value comes twice, only the sample says."""
        once = self._each_once and not (
            self._counts is not None and any(count > 1 for count in self._counts.values())
        )
        distinct = MOST_VALUES + 1 if self._counts is None else len(self._counts)
        low, high = (None, None) if self.way.type == "timestamp" else (self._low.value, self._high.value)
        return Facts(self._rows, self._missing, low, high, distinct, once, self._counts)


def _unplain(raw: pa.ChunkedArray, type: ColumnType) -> Mask:
    """Which cells are not written as programs write them, and may mean this or that."""
    cells = texts.trimmed(raw)
    if type == "timestamp":
        found = pc.match_substring_regex(cells, hands.SLASHED)
    elif type == "boolean":
        found = pc.invert(pc.match_substring_regex(cells, texts.BOOLEAN))
    elif type == "integer":
        padded = pc.match_substring_regex(cells, texts.PADDED)
        found = pc.or_(padded, pc.invert(pc.match_substring_regex(cells, texts.SHORT)))
    else:
        found = pc.invert(pc.match_substring_regex(cells, numbers.PLAIN))
    return np.asarray(found.fill_null(False))
