"""Rows of JSON into packed tensors, typed once from the signature: the plain case at the speed of arrays.

What is not plain (a wrong value, a missing column, an unknown one) is left to `rows`, which says what is wrong with it;
what both can take, both turn into the same values.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np

from millrace import oip
from millrace_contracts import packing
from millrace_contracts.predictions import CellValue
from millrace_contracts.signature import Input, Signature
from millrace_serving.predictions.rows import Row
from millrace_serving.triton.tensors import MISSING_TIMESTAMP, Columns
from millrace_table import asked

NUMBERS = frozenset({float, int, bool, type(None)})
LONGEST = 10_000
"""Characters of the longest text of a row; the type of the request says the same."""
Cells = list[CellValue]
Packed = list["Tensor"]


class Tensor:
    """All columns of one datatype of some rows: *values* are an array of shape (rows, columns), or texts row by row.

    With a *shape* it is one column by itself, and they have the shape (rows, *shape).
    """

    __slots__ = ("datatype", "names", "rows", "shape", "values")

    def __init__(
        self, datatype: str, names: list[str], rows: int, values: Any, shape: Sequence[int] = ()
    ) -> None:
        self.datatype, self.names, self.rows, self.values = datatype, names, rows, values
        self.shape = tuple(shape)

    def raw(self) -> bytes:
        """As the packed tensor has it."""
        if self.datatype != "BYTES":
            return bytes(self.values.tobytes())
        return oip.texts(self.values)

    def columns(self) -> Columns:
        """One by one, as tensors of shape (rows,), or (rows, *shape)."""
        if self.shape:
            return {self.names[0]: (self.datatype, self.values)}
        count = len(self.names)
        if self.datatype == "BYTES":
            cut = [np.array(self.values[place::count], dtype=object) for place in range(count)]
        else:
            cut = [np.ascontiguousarray(self.values[:, place]) for place in range(count)]
        return {name: (self.datatype, values) for name, values in zip(self.names, cut, strict=True)}


class Packer:
    """What a signature makes of rows."""

    def __init__(self, signature: Signature) -> None:
        groups = packing.by_datatype(signature)
        self._groups = [_Group(datatype, items, signature) for datatype, items in groups.items()]
        self._shaped = [item for item in signature.inputs if item.shape]
        self._width = len({item.column for item in signature.inputs})
        self.packs = bool(packing.groups(signature))
        """Whether this signature has a packed form."""

    def pack(self, rows: Sequence[Row]) -> Packed | None:
        """The tensors of *rows*; None for rows that are not plain."""
        if any(type(row) is not dict or len(row) != self._width for row in rows):
            return None
        made: Packed = []
        try:
            for group in self._groups:
                values = group.values(rows)
                if values is None:
                    return None
                made.append(Tensor(group.datatype, group.names, len(rows), values))
            for item in self._shaped:
                values = _cells([row[item.column] for row in rows], item)
                if values is None:
                    return None
                made.append(Tensor(item.datatype, [item.name], len(rows), values, item.dims))
        except (KeyError, OverflowError, UnicodeEncodeError):
            return None
        return made


class _Group:
    """The columns of one datatype."""

    def __init__(self, datatype: str, items: list[Input], signature: Signature) -> None:
        self.datatype, self.names = datatype, [item.name for item in items]
        self._items, self._signature = items, signature
        self._cells = _getter([item.column for item in items])
        self._flags = [place for place, item in enumerate(items) if item.kind == "boolean"]
        self._missing = frozenset(signature.missing or ())
        turns = {"BYTES": self._texts, "INT64": self._instants}
        self.values: Callable[[Sequence[Row]], Any] = turns.get(datatype, self._numbers)

    def _flat(self, rows: Sequence[Row]) -> Cells:
        if len(rows) == 1:
            return list(self._cells(rows[0]))
        return list(chain.from_iterable(map(self._cells, rows)))

    def _numbers(self, rows: Sequence[Row]) -> np.ndarray | None:
        cells = self._flat(rows)
        if not NUMBERS.issuperset(map(type, cells)):
            return None
        values = np.array(cells, np.float64)  # None is NaN
        fits = np.count_nonzero(np.abs(values) <= asked.LARGEST)
        if fits < len(cells) and fits + cells.count(None) != len(cells):
            return None
        values = values.reshape(len(rows), -1) + 0.0  # -0 is 0
        if self._flags:
            flags = values[:, self._flags]
            if not ((flags == 0) | (flags == 1) | np.isnan(flags)).all():
                return None
        return values.astype(oip.DTYPES[self.datatype])

    def _texts(self, rows: Sequence[Row]) -> list[str] | None:
        texts: list[str] = []
        for cell in self._flat(rows):
            if cell is None:
                texts.append("")
                continue
            if type(cell) is int:
                cell = str(cell)
            elif type(cell) is not str or len(cell) > LONGEST:
                return None
            text = cell.strip()
            texts.append("" if text in self._missing else text)
        "".join(texts).encode()  # raises for half a character
        return texts

    def _instants(self, rows: Sequence[Row]) -> np.ndarray | None:
        seconds: list[int] = []
        for place, cell in enumerate(self._flat(rows)):
            if isinstance(cell, str) and len(cell) > LONGEST:
                return None
            item = self._items[place % len(self._items)]
            kept = asked.value(cell, item, self._signature)
            if isinstance(kept, asked.Wrong | list):
                return None
            seconds.append(MISSING_TIMESTAMP if kept is None else int(kept))
        return np.array(seconds, oip.DTYPES["INT64"]).reshape(len(rows), -1)


def _cells(cells: Sequence[CellValue], item: Input) -> np.ndarray | None:
    """Tensors of one input; None where one of them is not plain: wrong, or not there."""
    kept = [asked.tensor(cell, item.dims) for cell in cells]
    if any(isinstance(cell, asked.Wrong) for cell in kept):
        return None
    return np.array(kept, oip.DTYPES[item.datatype]).reshape(len(cells), *item.dims)


def _getter(columns: list[str]) -> Callable[[Row], Sequence[CellValue]]:
    """Cells of a row in the order of *columns*. What it returns raises: KeyError."""
    if len(columns) > 1:
        return itemgetter(*columns)
    only = columns[0]
    return lambda row: (row[only],)
